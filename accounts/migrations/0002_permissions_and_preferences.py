"""What Camp adds to users: permissions, preferences, and names unique in any case."""

from django.db import migrations, models
from django.db.models.functions import Lower


class Migration(migrations.Migration):
    dependencies = [("auth", "0012_alter_user_first_name_max_length"), ("accounts", "0001_initial")]

    operations = [
        migrations.AddField(
            "user",
            "last_login",
            models.DateTimeField(blank=True, null=True, verbose_name="last login"),
        ),
        migrations.AddField(
            "user",
            "is_superuser",
            models.BooleanField(
                default=False,
                help_text="Designates that this user has all permissions without explicitly assigning them.",
                verbose_name="superuser status",
            ),
        ),
        migrations.AddField(
            "user",
            "is_staff",
            models.BooleanField(
                default=False, help_text="Can open the administration.", verbose_name="organiser"
            ),
        ),
        migrations.AddField(
            "user",
            "groups",
            models.ManyToManyField(
                blank=True,
                help_text="The groups this user belongs to. A user will get all permissions granted to each of their groups.",
                related_name="user_set",
                related_query_name="user",
                to="auth.group",
                verbose_name="groups",
            ),
        ),
        migrations.AddField(
            "user",
            "user_permissions",
            models.ManyToManyField(
                blank=True,
                help_text="Specific permissions for this user.",
                related_name="user_set",
                related_query_name="user",
                to="auth.permission",
                verbose_name="user permissions",
            ),
        ),
        migrations.AddField(
            "user",
            "language",
            models.CharField(blank=True, default="", max_length=10, verbose_name="language"),
        ),
        migrations.AddField(
            "user",
            "time_zone",
            models.CharField(blank=True, default="", max_length=64, verbose_name="time zone"),
        ),
        migrations.AddConstraint(
            "user",
            models.UniqueConstraint(
                Lower("email"),
                name="sample_users_email_ci",
                violation_error_message="This e-mail already has an account.",
            ),
        ),
        migrations.AddConstraint(
            "user",
            models.UniqueConstraint(
                Lower("username"),
                name="sample_users_username_ci",
                violation_error_message="This user name is taken.",
            ),
        ),
    ]
