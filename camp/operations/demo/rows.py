"""Many rows at once, by the quickest way that each database has."""

from django.db import connection


class Table:
    """Takes rows of a model: tuples of the values of `names`, its fields.

    What is not named gets the field's default, the primary key that of the database. No
    signal is sent and no field fills itself: whoever calls gives search texts and dates.
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
        """Write the rows in the transaction that is under way."""
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
                cursor.executemany(f"INSERT INTO {target} VALUES ({marks})", complete)  # noqa: S608

    def _complete(self, row):
        changed = [
            prepare(value) if prepare else value
            for prepare, value in zip(self._prepare, row, strict=True)
        ]
        return (*changed, *self._rest)


def preparation(field):
    """Return the function that makes a field's value one for the database, or None."""
    if field.get_internal_type() == "DateTimeField" and connection.vendor != "postgresql":
        return connection.ops.adapt_datetimefield_value
    return None
