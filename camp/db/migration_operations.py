"""Migration operations of Camp."""

from django.db import migrations

from camp.db import old_metadata


class AllowNull(migrations.AlterField):
    """An AlterField that makes a column nullable and changes nothing else.

    On PostgreSQL, Django would replace the foreign key of the column by one without the ON DELETE
    rule that tables of the old backend have.
    """

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        if not self._altered(schema_editor, to_state, app_label, "DROP NOT NULL"):
            super().database_forwards(app_label, schema_editor, from_state, to_state)

    def database_backwards(self, app_label, schema_editor, from_state, to_state):
        if not self._altered(schema_editor, to_state, app_label, "SET NOT NULL"):
            super().database_backwards(app_label, schema_editor, from_state, to_state)

    def _altered(self, schema_editor, state, app_label, change):
        if schema_editor.connection.vendor != "postgresql":
            return False
        model = state.apps.get_model(app_label, self.model_name)
        if self.allow_migrate_model(schema_editor.connection.alias, model):
            quote = schema_editor.quote_name
            column = model._meta.get_field(self.name).column
            schema_editor.execute(
                f"ALTER TABLE {quote(model._meta.db_table)} ALTER COLUMN {quote(column)} {change}"
            )
        return True


class TakeOldMetadata(migrations.RunPython):
    """Fill `old_metadata` in tables that were taken over before this column existed."""

    def __init__(self, *tables):
        self.tables = tables
        super().__init__(self.fill, migrations.RunPython.noop, elidable=True)

    def deconstruct(self):
        return self.__class__.__qualname__, self.tables, {}

    def fill(self, apps, schema_editor):
        """Copy the values of the old columns."""
        connection, quote = schema_editor.connection, schema_editor.quote_name
        for table in self.tables:
            with connection.cursor() as cursor:
                described = connection.introspection.get_table_description(cursor, table)
                for column in old_metadata.columns_of([each.name for each in described]):
                    cursor.execute(
                        f"UPDATE {quote(table)} SET old_metadata = CAST({quote(column)} AS text) "  # noqa: S608
                        f"WHERE old_metadata IS NULL AND {quote(column)} IS NOT NULL"
                    )
