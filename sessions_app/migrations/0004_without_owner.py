"""Sessions of the old backend may have lost their owner; only organisers see them."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from camp.db.migration_operations import AllowNull


class Migration(migrations.Migration):
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("sessions_app", "0003_fill_search_text"),
    ]

    operations = [
        AllowNull(
            "session",
            "user",
            models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="sessions",
                to=settings.AUTH_USER_MODEL,
                verbose_name="user",
            ),
        ),
    ]
