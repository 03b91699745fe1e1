"""Drop the index of a file's session, which the index of a session's page contains.

With both, PostgreSQL sorted all files of a session for its page.
"""

import django.db.models.deletion
from django.db import migrations, models

INDEX = "sample_files_session_id_20d0ba00"


class Migration(migrations.Migration):
    dependencies = [("files", "0019_order_of_batches")]

    operations = [
        # SQLite would make the table anew for an AlterField, without its triggers.
        migrations.RunSQL(
            f"DROP INDEX IF EXISTS {INDEX}",
            f"CREATE INDEX {INDEX} ON sample_files (session_id)",
            state_operations=[
                migrations.AlterField(
                    model_name="file",
                    name="session",
                    field=models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="files",
                        to="sessions_app.session",
                        verbose_name="session",
                    ),
                )
            ],
        )
    ]
