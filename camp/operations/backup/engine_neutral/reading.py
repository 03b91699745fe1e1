"""Reading an archive's tables into a fresh database."""

import contextlib
import json
from itertools import islice

from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils.translation import gettext as _

from camp.operations.backup.engine_neutral import schema, tables, values
from camp.operations.console import Silent

BATCH = 1000
NUL = b"\\u0000"


class CannotLoad(Exception):
    """Rows that the database does not take; the message is one sentence for a person."""


def load(folder, migrations, progress=None):
    """Fill the empty database that Django is connected to; returns {table: rows}.

    `folder` holds the archive's `<table>.jsonl`, `migrations` is {app: [names]} of the
    database that they are from: the new one is brought to these and no further. What the
    migrations themselves put in is replaced. Raises CannotLoad, DatabaseError, OSError.
    """
    files = {path: _described(path) for path in sorted(folder.glob("*.jsonl"))}
    schema.bring_to(migrations)
    constraints = _apart_postgresql if connection.vendor == "postgresql" else _apart_sqlite
    with constraints():
        schema.add_unknown(files.values())
        _empty()
        counts = {}
        for path, table in files.items():
            counts[table.name] = _load_table(path, table, progress or Silent())
        for table in files.values():
            _go_on_counting(table)
    return counts


def _described(path):
    with path.open("rb") as stream:
        try:
            return tables.Table.of(json.loads(stream.readline()))
        except (ValueError, TypeError, KeyError):
            sentence = _("The archive does not say what its table %(name)s is made of.")
            raise CannotLoad(sentence % {"name": path.stem}) from None


FOREIGN_KEYS = """
    SELECT conrelid::regclass::text, quote_ident(conname), pg_get_constraintdef(oid)
    FROM pg_constraint WHERE contype = 'f' AND conparentid = 0
    AND pg_table_is_visible(conrelid) ORDER BY oid
"""

# What an expression means depends on the engine: SQLite's lower() changes ASCII letters only.
UNIQUE_EXPRESSIONS = """
    SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index
    JOIN pg_class ON pg_class.oid = indrelid
    WHERE indisunique AND indexprs IS NOT NULL AND pg_table_is_visible(indrelid) AND relkind = 'r'
    AND relnamespace <> 'pg_catalog'::regnamespace
"""


@contextlib.contextmanager
def _apart_postgresql():
    """A transaction without foreign keys; they are made anew, and checked, at its end.

    One query over each table takes a fraction of the time of one for each row. Unique indexes
    of expressions are left out where the rows, which another engine took, do not keep to them.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        # A time without a zone means UTC, whatever the server is set to.
        cursor.execute("SET LOCAL timezone = 'UTC'")
        cursor.execute(FOREIGN_KEYS)
        keys = cursor.fetchall()
        for table, name, _definition in keys:
            cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
        cursor.execute(UNIQUE_EXPRESSIONS)
        indexes = cursor.fetchall()
        for name, _definition in indexes:
            cursor.execute(f"DROP INDEX {name}")
        yield
        for _name, definition in indexes:
            with contextlib.suppress(IntegrityError), transaction.atomic():
                cursor.execute(definition)
        for table, name, definition in keys:
            with _told():
                cursor.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}")


@contextlib.contextmanager
def _apart_sqlite():
    """A transaction at whose end the foreign keys are checked."""
    connection.disable_constraint_checking()
    try:
        with transaction.atomic():
            yield
            with _told():
                connection.check_constraints()
    finally:
        connection.enable_constraint_checking()


@contextlib.contextmanager
def _told():
    try:
        yield
    except IntegrityError as error:
        sentence = _("Rows of the archive belong to others that it does not hold (%(why)s).")
        raise CannotLoad(sentence % {"why": _reason(error)}) from None


def _reason(error):
    """Return what the database says, without the lines behind it that show a row."""
    return str(error).partition("\n")[0]


def _empty():
    names = [connection.ops.quote_name(name) for name in tables.names(connection)]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"TRUNCATE {', '.join(names)}")
            return
        for name in names:
            cursor.execute(f"DELETE FROM {name}")  # noqa: S608
        cursor.execute("DELETE FROM sqlite_sequence")


def _load_table(path, table, progress):
    """Load the rows of a table; returns how many."""
    there = {column.name: column for column in tables.read(connection, table.name).columns}
    vendor = connection.vendor
    decoders = []
    for index, column in enumerate(table.columns):
        decoder = values.decoder(vendor, column.kind, there[column.name])
        if decoder:
            decoders.append((index, decoder))
    insert = _insert_postgresql if vendor == "postgresql" else _insert_sqlite
    with path.open("rb") as stream:
        stream.readline()
        rows = _rows(stream, decoders, progress)
        try:
            with connection.wrap_database_errors:
                return insert(table, rows)
        except DatabaseError as error:
            sentence = _("The database does not take the rows of %(table)s (%(why)s).")
            values_ = {"table": table.name, "why": _reason(error)}
            raise CannotLoad(sentence % values_) from None


def _rows(stream, decoders, progress):
    """Yield the rows of a table, each value as this engine keeps it."""
    no_nul = connection.vendor == "postgresql"
    while lines := list(islice(stream, BATCH)):
        for line in lines:
            row = json.loads(line)
            for index, decoder in decoders:
                if row[index] is not None:
                    row[index] = decoder(row[index])
            if b"{" in line:
                row = [values.untagged(each) if isinstance(each, dict) else each for each in row]
            if no_nul and NUL in line:
                row = [values.without_nul(each) for each in row]
            yield row
        progress.add(len(lines))


def _insert_postgresql(table, rows):
    count = 0
    statement = f"COPY {_quoted(table.name)} ({_columns(table)}) FROM STDIN"
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)
            count += 1
    return count


def _insert_sqlite(table, rows):
    marks = ", ".join("?" * len(table.columns))
    statement = f"INSERT INTO {_quoted(table.name)} ({_columns(table)}) VALUES ({marks})"  # noqa: S608
    connection.ensure_connection()
    return max(connection.connection.executemany(statement, rows).rowcount, 0)


def _go_on_counting(table):
    """Have the next row get the number that it would have got where the archive was made."""
    counted = {column.name: column.next or 1 for column in table.columns}
    for column in tables.read(connection, table.name).columns:
        if column.next is None or column.name not in counted:
            continue
        name, key = _quoted(table.name), _quoted(column.name)
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT coalesce(max({key}), 0) + 1 FROM {name}")  # noqa: S608
            following = max(counted[column.name], cursor.fetchone()[0])
            if connection.vendor == "postgresql":
                cursor.execute(
                    "SELECT setval(pg_get_serial_sequence(%s, %s), %s, false)",
                    [name, column.name, following],
                )
            elif following > 1:
                cursor.execute("DELETE FROM sqlite_sequence WHERE name = %s", [table.name])
                cursor.execute(
                    "INSERT INTO sqlite_sequence (name, seq) VALUES (%s, %s)",
                    [table.name, following - 1],
                )


def _quoted(name):
    return connection.ops.quote_name(name)


def _columns(table):
    return ", ".join(_quoted(column.name) for column in table.columns)
