"""An index for the search that only PostgreSQL had; the next migration makes it for both."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("files", "0010_list_indexes")]

    operations = []
