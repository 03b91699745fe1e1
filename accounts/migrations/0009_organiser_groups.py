"""Ready-made groups for organisers, which administrators may change or delete.

Django makes permissions after all migrations, so those that the groups need are made here; the two
for the trash exist by this migration alone.
"""

from django.db import migrations

MODELS = {
    ("accounts", "user"): "user",
    ("sessions_app", "session"): "session",
    ("sessions_app", "message"): "message",
    ("files", "file"): "file",
    ("files", "share"): "shared link",
    ("files", "upload"): "unfinished upload",
    ("files", "quota"): "quota",
    ("accounts", "attemptcounter"): "attempt counter",
}
READ = [
    *("view_user", "view_session", "view_message", "view_file", "view_share", "view_upload"),
    "view_quota",
]
GROUPS = {
    "Readers": READ,
    "Moderators": [*READ, "trash_session", "trash_file"],
    "Account managers": [
        *("view_user", "add_user", "change_user"),
        *("view_quota", "add_quota", "change_quota", "delete_quota"),
        *("view_attemptcounter", "delete_attemptcounter"),
    ],
}
NAMES = {"trash": "Can move {} to the trash and restore it"}


def make_groups(apps, schema_editor):
    """Make the groups that do not exist yet."""
    kinds = apps.get_model("contenttypes", "ContentType").objects
    permissions = apps.get_model("auth", "Permission").objects
    groups = apps.get_model("auth", "Group").objects
    words = {model: (app, name) for (app, model), name in MODELS.items()}
    for group_name, codenames in GROUPS.items():
        group, is_new = groups.get_or_create(name=group_name)
        if not is_new:
            continue
        for codename in codenames:
            action, model = codename.split("_", 1)
            app, name = words[model]
            kind, _new = kinds.get_or_create(app_label=app, model=model)
            text = NAMES.get(action, f"Can {action} {{}}").format(name)
            permission, _new = permissions.get_or_create(
                content_type=kind, codename=codename, defaults={"name": text}
            )
            group.permissions.add(permission)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0008_batch_deletion"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(make_groups, migrations.RunPython.noop)]
