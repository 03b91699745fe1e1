"""The index for the search on PostgreSQL knows whose a file is."""

from django.db import migrations

from camp.search import add_pairs_index, remove_pairs_index

PAIRS = "sample_files_pairs"


def with_owner(apps, schema_editor):
    remove_pairs_index(schema_editor, PAIRS)
    add_pairs_index(schema_editor, "sample_files", PAIRS, owner="user_id")


def without_owner(apps, schema_editor):
    remove_pairs_index(schema_editor, PAIRS)
    add_pairs_index(schema_editor, "sample_files", PAIRS)


class Migration(migrations.Migration):
    dependencies = [("files", "0010_list_indexes")]

    operations = [migrations.RunPython(with_owner, without_owner)]
