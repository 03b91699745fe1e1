"""What Camp adds to files: their session, checksum, trash, search and indexes."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import F

from camp.db.search_text import SearchTextField


class Migration(migrations.Migration):
    dependencies = [("sessions_app", "0001_initial"), ("files", "0001_initial")]

    operations = [
        migrations.AddField(
            "file",
            "session",
            models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="files",
                to="sessions_app.session",
                verbose_name="session",
            ),
        ),
        migrations.AddField(
            "file",
            "sha256",
            models.CharField(
                blank=True, default="", editable=False, max_length=64, verbose_name="SHA-256"
            ),
        ),
        migrations.AddField(
            "file",
            "deleted_at",
            models.DateTimeField(blank=True, editable=False, null=True, verbose_name="deleted"),
        ),
        migrations.AddField("file", "search_text", SearchTextField(limit=255, source="filename")),
        migrations.AddIndex(
            "file",
            models.Index(
                F("user"), F("created_at").desc(), F("id").desc(), name="sample_files_newest"
            ),
        ),
        migrations.AddIndex(
            "file", models.Index("user", "search_text", "id", name="sample_files_name")
        ),
        migrations.AddIndex("file", models.Index("user", "size", "id", name="sample_files_size")),
        migrations.AddIndex("file", models.Index("storage_path", name="sample_files_path")),
    ]
