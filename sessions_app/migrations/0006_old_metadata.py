"""What the old backend noted about sessions and messages."""

from django.db import migrations, models

from camp.db.migration_operations import TakeOldMetadata


class Migration(migrations.Migration):
    dependencies = [("sessions_app", "0005_trash_index")]

    operations = [
        migrations.AddField(
            model_name="session",
            name="old_metadata",
            field=models.TextField(
                editable=False, null=True, verbose_name="data of the old backend"
            ),
        ),
        migrations.AddField(
            model_name="message",
            name="old_metadata",
            field=models.TextField(
                editable=False, null=True, verbose_name="data of the old backend"
            ),
        ),
        TakeOldMetadata("sample_sessions", "sample_messages"),
    ]
