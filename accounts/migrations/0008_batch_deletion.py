"""Mark accounts that are being deleted in batches."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0007_search_index")]

    operations = [
        migrations.AddField(
            "user",
            "deletion_started_at",
            models.DateTimeField(editable=False, null=True, verbose_name="being deleted since"),
        ),
    ]
