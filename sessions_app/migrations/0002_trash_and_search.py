"""What Camp adds to sessions and messages: trash, edits, search and their indexes."""

from django.db import migrations, models
from django.db.models import F

from camp.db.search_text import SearchTextField


class Migration(migrations.Migration):
    dependencies = [("sessions_app", "0001_initial")]

    operations = [
        migrations.AddField(
            "session",
            "deleted_at",
            models.DateTimeField(blank=True, editable=False, null=True, verbose_name="deleted"),
        ),
        migrations.AddField("session", "search_text", SearchTextField(limit=255, source="title")),
        migrations.AddField(
            "message",
            "edited_at",
            models.DateTimeField(blank=True, editable=False, null=True, verbose_name="edited"),
        ),
        migrations.AddField(
            "message", "search_text", SearchTextField(limit=None, source="content")
        ),
        migrations.AddIndex(
            "session",
            models.Index(
                F("user"), F("updated_at").desc(), F("id").desc(), name="sample_sessions_newest"
            ),
        ),
        migrations.AddIndex(
            "message", models.Index("session", "created_at", "id", name="sample_messages_order")
        ),
    ]
