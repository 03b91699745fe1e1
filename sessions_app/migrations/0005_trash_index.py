"""The order of the trash."""

from django.db import migrations, models
from django.db.models import F, Q


class Migration(migrations.Migration):
    dependencies = [("sessions_app", "0004_without_owner")]

    operations = [
        migrations.AddIndex(
            "session",
            models.Index(
                F("user"),
                F("deleted_at").desc(),
                F("id").desc(),
                condition=Q(deleted_at__isnull=False),
                name="sample_sessions_trash",
            ),
        ),
    ]
