"""An index that leads to the names in which a word stands."""

from django.db import migrations

from camp.db import bigram_index


def make(apps, schema_editor):
    # An earlier one, of PostgreSQL alone.
    schema_editor.execute("DROP INDEX IF EXISTS sample_files_pairs")
    bigram_index.make(schema_editor.connection, "sample_files")


def remove(apps, schema_editor):
    bigram_index.remove(schema_editor.connection, "sample_files")


class Migration(migrations.Migration):
    dependencies = [("files", "0011_owner_in_pairs_index")]

    operations = [migrations.RunPython(make, remove)]
