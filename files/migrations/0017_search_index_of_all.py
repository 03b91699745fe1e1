"""An index for organisers, who search the files of everyone."""

from django.db import migrations

from camp.db import bigram_index

KEY = "all_sample_files"


def make(apps, schema_editor):
    bigram_index.make(schema_editor.connection, KEY)


def remove(apps, schema_editor):
    bigram_index.remove(schema_editor.connection, KEY)


class Migration(migrations.Migration):
    dependencies = [("files", "0016_admin_indexes")]

    operations = [migrations.RunPython(make, remove)]
