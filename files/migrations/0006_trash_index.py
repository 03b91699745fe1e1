"""The order of the trash."""

from django.db import migrations, models
from django.db.models import F, Q


class Migration(migrations.Migration):
    dependencies = [("files", "0005_without_owner")]

    operations = [
        migrations.AddIndex(
            "file",
            models.Index(
                F("user"),
                F("deleted_at").desc(),
                F("id").desc(),
                condition=Q(deleted_at__isnull=False),
                name="sample_files_trash",
            ),
        ),
    ]
