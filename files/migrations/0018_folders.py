"""The folder in which a file was uploaded; it can be searched."""

from django.db import migrations, models

import camp.db.search_text


class Migration(migrations.Migration):
    dependencies = [("files", "0017_search_index_of_all")]

    operations = [
        *(
            migrations.AddField(
                model_name=name,
                name="folder",
                field=models.CharField(
                    max_length=1000, null=True, verbose_name="folder", editable=editable
                ),
            )
            for name, editable in (("file", False), ("upload", True))
        ),
        # The database is not concerned; SQLite would make the table anew, without its triggers.
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AlterField(
                    model_name="file",
                    name="search_text",
                    field=camp.db.search_text.SearchTextField(limit=600, source="filename"),
                )
            ]
        ),
    ]
