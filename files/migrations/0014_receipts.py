"""Downloads of links that are under way, so that several requests count as one."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("files", "0013_share_token_hash"),
    ]

    operations = [
        migrations.CreateModel(
            name="Receipt",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("subject", models.CharField(max_length=20)),
                ("client", models.CharField(max_length=64)),
                ("sent", models.BigIntegerField()),
                ("expires_at", models.DateTimeField(db_index=True)),
                (
                    "share",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="receipts",
                        to="files.share",
                    ),
                ),
            ],
            options={
                "db_table": "camp_receipts",
            },
        ),
    ]
