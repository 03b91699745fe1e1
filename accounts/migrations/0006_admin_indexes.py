"""Indexes for the lists of organisers."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0005_former_log_entries"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="formerlogentry",
            index=models.Index(
                models.F("action_time"), models.F("id"), name="camp_former_log_time"
            ),
        ),
        migrations.AddIndex(
            model_name="formerlogentry",
            index=models.Index(
                models.F("content_type"),
                models.F("action_time"),
                models.F("id"),
                name="camp_former_log_kind",
            ),
        ),
        migrations.AddIndex(
            model_name="user",
            index=models.Index(
                models.F("created_at"), models.F("id"), name="sample_users_all_created"
            ),
        ),
        migrations.AddIndex(
            model_name="user",
            index=models.Index(
                models.F("last_login"), models.F("username"), name="sample_users_last_login"
            ),
        ),
        migrations.AddIndex(
            model_name="user",
            index=models.Index(
                models.F("username"),
                condition=models.Q(("is_active", False)),
                name="sample_users_off",
            ),
        ),
        migrations.AddIndex(
            model_name="user",
            index=models.Index(
                models.F("username"),
                condition=models.Q(("is_staff", True)),
                name="sample_users_staff",
            ),
        ),
        migrations.AddIndex(
            model_name="user",
            index=models.Index(
                models.F("username"),
                condition=models.Q(("is_superuser", True)),
                name="sample_users_superuser",
            ),
        ),
    ]
