"""What was done in the administration outlives the accounts of those who did it."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0004_attempt_counters"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [
        migrations.CreateModel(
            name="FormerLogEntry",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("former_pk", models.BigIntegerField(verbose_name="number of the account")),
                ("action_time", models.DateTimeField(verbose_name="action time")),
                ("action_flag", models.PositiveSmallIntegerField(verbose_name="action")),
                ("object_id", models.TextField(null=True)),
                ("object_repr", models.CharField(max_length=200, verbose_name="object")),
                ("change_message", models.TextField()),
                (
                    "content_type",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        to="contenttypes.contenttype",
                        verbose_name="kind of object",
                    ),
                ),
            ],
            options={
                "verbose_name": "log entry of a deleted account",
                "verbose_name_plural": "log entries of deleted accounts",
                "db_table": "camp_former_log_entries",
            },
        ),
    ]
