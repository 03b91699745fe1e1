"""Results that all processes share, such as the figures of the admin's front page."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("camp", "0001_initial")]

    operations = [
        migrations.CreateModel(
            "SharedResult",
            [
                ("key", models.CharField(max_length=120, primary_key=True, serialize=False)),
                ("value", models.JSONField(null=True)),
                ("computed_at", models.DateTimeField(null=True)),
                ("claimed_at", models.DateTimeField(null=True)),
                ("outdated", models.BooleanField(default=False)),
            ],
            {"db_table": "camp_shared_results"},
        ),
    ]
