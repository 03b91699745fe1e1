"""Let the ready-made moderators share sessions with everyone.

Django makes permissions after all migrations, so this one is made here.
"""

from django.db import migrations

GROUP, CODENAME = "Moderators", "share_with_everyone"
NAME = "Can share with everyone and announce"


def add_permission(apps, schema_editor):
    """Give the permission to the group, unless somebody has deleted or renamed that."""
    kinds = apps.get_model("contenttypes", "ContentType").objects
    kind, _new = kinds.get_or_create(app_label="sessions_app", model="session")
    permission, _new = apps.get_model("auth", "Permission").objects.get_or_create(
        content_type=kind, codename=CODENAME, defaults={"name": NAME}
    )
    for group in apps.get_model("auth", "Group").objects.filter(name=GROUP):
        group.permissions.add(permission)


def remove_permission(apps, schema_editor):
    """Take the permission from the group again."""
    permissions = apps.get_model("auth", "Permission").objects
    found = permissions.filter(content_type__app_label="sessions_app", codename=CODENAME)
    for group in apps.get_model("auth", "Group").objects.filter(name=GROUP):
        group.permissions.remove(*found)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0009_organiser_groups"),
        ("sessions_app", "0011_fill_authors"),
    ]

    operations = [migrations.RunPython(add_permission, remove_permission)]
