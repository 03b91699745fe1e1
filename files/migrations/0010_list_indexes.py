"""Indexes for what the lists look for where there is little of it."""

from django.conf import settings
from django.db import migrations, models
from django.db.models import F, Q

from files.content_types import KindOf


class Migration(migrations.Migration):
    dependencies = [
        ("files", "0009_versions"),
        ("sessions_app", "0005_trash_index"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddIndex(
            "file",
            models.Index(
                F("user"), KindOf("content_type"), F("size"), F("id"), name="sample_files_kind"
            ),
        ),
        migrations.AddIndex(
            "file",
            models.Index(
                F("session"),
                F("created_at").desc(),
                F("id").desc(),
                condition=Q(session__isnull=False),
                name="sample_files_session",
            ),
        ),
    ]
