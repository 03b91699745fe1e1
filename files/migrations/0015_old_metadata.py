"""What the old backend noted about files."""

from django.db import migrations, models

from camp.db.migration_operations import TakeOldMetadata


class Migration(migrations.Migration):
    dependencies = [("files", "0014_receipts")]

    operations = [
        migrations.AddField(
            model_name="file",
            name="old_metadata",
            field=models.TextField(
                editable=False, null=True, verbose_name="data of the old backend"
            ),
        ),
        TakeOldMetadata("sample_files"),
    ]
