"""For organisers: an index to search accounts by, and indexes of the admin's log."""

from django.db import migrations

from camp.db import bigram_index

KEY = "all_sample_users"
# The table is Django's, so they are in no model. The order of the list, and its filters.
LOG = {
    "camp_log_time": "action_time, id",
    "camp_log_flag": "action_flag, action_time, id",
    "camp_log_kind": "content_type_id, action_time, id",
}


def make(apps, schema_editor):
    bigram_index.make(schema_editor.connection, KEY)
    for name, columns in LOG.items():
        schema_editor.execute(f"CREATE INDEX {name} ON django_admin_log ({columns})")


def remove(apps, schema_editor):
    bigram_index.remove(schema_editor.connection, KEY)
    for name in LOG:
        schema_editor.execute(f"DROP INDEX IF EXISTS {name}")


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0006_admin_indexes"),
        ("admin", "0003_logentry_add_action_flag_choices"),
    ]

    operations = [migrations.RunPython(make, remove)]
