"""Indexes for the lists of organisers, who see the rows of everyone."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("sessions_app", "0006_old_metadata"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddIndex(
            model_name="message",
            index=models.Index(
                models.F("created_at"), models.F("id"), name="sample_messages_all_created"
            ),
        ),
        migrations.AddIndex(
            model_name="message",
            index=models.Index(
                models.F("role"),
                models.F("created_at"),
                models.F("id"),
                name="sample_messages_all_roles",
            ),
        ),
        migrations.AddIndex(
            model_name="session",
            index=models.Index(
                models.F("created_at"), models.F("id"), name="sample_sessions_all_created"
            ),
        ),
        migrations.AddIndex(
            model_name="session",
            index=models.Index(
                models.F("updated_at"), models.F("id"), name="sample_sessions_all_updated"
            ),
        ),
        migrations.AddIndex(
            model_name="session",
            index=models.Index(
                models.F("search_text"), models.F("id"), name="sample_sessions_all_titles"
            ),
        ),
        migrations.AddIndex(
            model_name="session",
            index=models.Index(
                models.F("deleted_at"),
                models.F("created_at"),
                models.F("id"),
                name="sample_sessions_all_trash",
            ),
        ),
    ]
