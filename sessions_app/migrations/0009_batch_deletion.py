"""Mark sessions that are being deleted in batches."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sessions_app", "0008_search_indexes")]

    operations = [
        migrations.AddField(
            "session",
            "deletion_started_at",
            models.DateTimeField(editable=False, null=True, verbose_name="being deleted since"),
        ),
    ]
