"""Counters of wrong passwords, in the place of those of django-axes."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


def forget_attempts(apps, schema_editor):
    """Remove what django-axes kept of failed log-ins: nothing would remove it any more."""
    apps.get_model("axes.AccessAttempt").objects.all().delete()


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0003_identity_keys"),
        ("axes", "0010_accessattemptexpiration"),
    ]

    operations = [
        migrations.CreateModel(
            name="AttemptCounter",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("login", "passwords for an account from one address"),
                            ("account", "passwords for an account"),
                            ("address", "log-ins from one address"),
                            ("mailbox", "password e-mails to one mailbox"),
                            ("asker", "password e-mails requested from one address"),
                        ],
                        max_length=20,
                        verbose_name="kind",
                    ),
                ),
                ("subject", models.CharField(default="", editable=False, max_length=80)),
                ("address", models.CharField(default="", max_length=45, verbose_name="address")),
                ("count", models.PositiveIntegerField(default=0, verbose_name="tries")),
                ("ends_at", models.DateTimeField(verbose_name="counted until")),
                (
                    "user",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="user",
                    ),
                ),
            ],
            options={
                "verbose_name": "attempt counter",
                "verbose_name_plural": "attempt counters",
                "db_table": "camp_attempt_counters",
                "indexes": [models.Index(models.F("ends_at"), name="camp_attempt_counters_over")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("kind", "subject", "address"), name="camp_attempt_counters_one"
                    )
                ],
            },
        ),
        migrations.RunPython(forget_attempts, migrations.RunPython.noop),
    ]
