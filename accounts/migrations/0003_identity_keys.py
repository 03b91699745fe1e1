"""Keys of names and e-mails that are unique in any case, on both databases alike.

No operation makes SQLite rebuild the table, which would lose columns that Camp does not know.
"""

from django.db import migrations, models

from accounts.identity import KeyField
from accounts.keys import fill_keys


def fill(apps, schema_editor):
    """Fill the keys of rows that were there before; those that are taken are marked."""
    fill_keys(apps.get_model("accounts.User"))


def unique(name, message):
    """Return a constraint that is made as an index, since it has an expression."""
    return models.UniqueConstraint(
        models.F(f"{name}_key"),
        name=f"sample_users_{name}_folded",
        violation_error_message=message,
    )


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_permissions_and_preferences")]

    operations = [
        migrations.AddField("user", "username_key", KeyField(source="username")),
        migrations.AddField("user", "email_key", KeyField(source="email")),
        # Lower() knows only ASCII on SQLite, and all letters on PostgreSQL.
        migrations.RemoveConstraint("user", "sample_users_email_ci"),
        migrations.RemoveConstraint("user", "sample_users_username_ci"),
        migrations.AddConstraint("user", unique("username", "This user name is taken.")),
        migrations.AddConstraint("user", unique("email", "This e-mail already has an account.")),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
