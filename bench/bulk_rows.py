"""Insert many rows the fastest way: COPY on PostgreSQL, executemany on SQLite."""

from django.db import connection


class BulkTable:
    """The table of a model; rows are tuples of the values of the fields `names`.

    Other fields get their defaults. Signals and `pre_save` do not run, so rows must include
    search texts and dates.
    """

    def __init__(self, model, *names):
        named = [model._meta.get_field(name) for name in names]
        rest = [
            field
            for field in model._meta.concrete_fields
            if field not in named and not field.primary_key
        ]
        self._model = model
        self._columns = [field.column for field in (*named, *rest)]
        self._prepare = [preparation(field) for field in named]
        self._rest = tuple(
            field.get_db_prep_save(field.get_default(), connection) for field in rest
        )

    def insert(self, rows):
        """Insert the rows in the current transaction."""
        quote = connection.ops.quote_name
        target = f"{quote(self._model._meta.db_table)} ({', '.join(map(quote, self._columns))})"
        complete = map(self._complete, rows)
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                with cursor.copy(f"COPY {target} FROM STDIN") as copy:
                    for row in complete:
                        copy.write_row(row)
            else:
                marks = ", ".join(["%s"] * len(self._columns))
                cursor.executemany(f"INSERT INTO {target} VALUES ({marks})", complete)

    def _complete(self, row):
        changed = [
            prepare(value) if prepare else value
            for prepare, value in zip(self._prepare, row, strict=True)
        ]
        return (*changed, *self._rest)


def preparation(field):
    """Return the function that adapts values of a field to the database, or None."""
    if field.get_internal_type() == "DateTimeField" and connection.vendor != "postgresql":
        return connection.ops.adapt_datetimefield_value
    return None
