"""Make files from before the search column findable."""

from django.db import migrations

from camp.db.search_text import fill_search_text


def fill(apps, schema_editor):
    fill_search_text(apps, "files.File", "filename", limit=255)


class Migration(migrations.Migration):
    dependencies = [("files", "0002_session_trash_and_search")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop, elidable=True)]
