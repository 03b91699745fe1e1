"""Indexes for organisers, who search the sessions and messages of everyone."""

from django.db import migrations

from camp.db import bigram_index

KEYS = ["all_sample_sessions", "all_sample_messages"]


def make(apps, schema_editor):
    for key in KEYS:
        bigram_index.make(schema_editor.connection, key)


def remove(apps, schema_editor):
    for key in KEYS:
        bigram_index.remove(schema_editor.connection, key)


class Migration(migrations.Migration):
    dependencies = [("sessions_app", "0007_admin_indexes")]

    operations = [migrations.RunPython(make, remove)]
