"""Make what was written before the search columns findable."""

from django.db import migrations

from camp.db.search_text import fill_search_text


def fill(apps, schema_editor):
    fill_search_text(apps, "sessions_app.Session", "title", limit=255)
    fill_search_text(apps, "sessions_app.Message", "content")


class Migration(migrations.Migration):
    dependencies = [("sessions_app", "0002_trash_and_search")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop, elidable=True)]
