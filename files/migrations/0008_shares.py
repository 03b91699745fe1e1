"""Links to files for people without a log-in."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import files.models


class Migration(migrations.Migration):
    dependencies = [
        ("files", "0007_quotas"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Share",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "nonce",
                    models.CharField(
                        default=files.models.new_nonce, editable=False, max_length=16, unique=True
                    ),
                ),
                (
                    "password",
                    models.CharField(blank=True, default="", editable=False, max_length=255),
                ),
                (
                    "limit",
                    models.PositiveIntegerField(
                        blank=True, null=True, verbose_name="downloads at most"
                    ),
                ),
                (
                    "downloads",
                    models.PositiveIntegerField(
                        default=0, editable=False, verbose_name="downloads"
                    ),
                ),
                (
                    "used_at",
                    models.DateTimeField(editable=False, null=True, verbose_name="last used"),
                ),
                ("failures", models.PositiveIntegerField(default=0, editable=False)),
                ("failed_at", models.DateTimeField(editable=False, null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="made")),
                ("expires_at", models.DateTimeField(verbose_name="ends")),
                (
                    "files",
                    models.ManyToManyField(
                        related_name="shares", to="files.file", verbose_name="files"
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="shares",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="user",
                    ),
                ),
            ],
            options={
                "verbose_name": "shared link",
                "verbose_name_plural": "shared links",
                "db_table": "camp_shares",
                "indexes": [
                    models.Index(
                        models.F("user"),
                        models.OrderBy(models.F("created_at"), descending=True),
                        models.OrderBy(models.F("id"), descending=True),
                        name="camp_shares_newest",
                    )
                ],
            },
        ),
    ]
