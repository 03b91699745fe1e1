"""The users of the guide: exactly its columns."""

import django.contrib.auth.validators
import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="User",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "email",
                    models.EmailField(
                        error_messages={"unique": "This e-mail already has an account."},
                        max_length=255,
                        unique=True,
                        verbose_name="e-mail",
                    ),
                ),
                (
                    "username",
                    models.CharField(
                        error_messages={"unique": "This user name is taken."},
                        help_text="At most 50 letters, digits and . + - _ in any script.",
                        max_length=50,
                        unique=True,
                        validators=[
                            django.contrib.auth.validators.UnicodeUsernameValidator(),
                            django.core.validators.RegexValidator(
                                "@", "A user name cannot contain “@”.", inverse_match=True
                            ),
                        ],
                        verbose_name="user name",
                    ),
                ),
                (
                    "password",
                    models.CharField(
                        db_column="hashed_password", max_length=255, verbose_name="password"
                    ),
                ),
                (
                    "is_active",
                    models.BooleanField(
                        default=True,
                        help_text="Inactive users cannot log in.",
                        verbose_name="active",
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="signed up")),
                ("updated_at", models.DateTimeField(auto_now=True, verbose_name="changed")),
            ],
            options={
                "verbose_name": "user",
                "verbose_name_plural": "users",
                "db_table": "sample_users",
            },
        ),
    ]
