"""When a file counts as uploaded may be given: those of one batch keep their order."""

import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("files", "0018_folders")]

    operations = [
        migrations.AddField(
            model_name="upload",
            name="file_created_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
        # The database is not concerned; SQLite would make the table anew, without its triggers.
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AlterField(
                    model_name="file",
                    name="created_at",
                    field=models.DateTimeField(
                        default=django.utils.timezone.now, editable=False, verbose_name="uploaded"
                    ),
                )
            ]
        ),
    ]
