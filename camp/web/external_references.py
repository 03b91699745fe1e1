"""Deletions blocked by foreign keys of tables that are not Camp's.

An operator may have added tables to the database. Django does not know their foreign keys, so
the database itself refuses the deletion; this module names the table in the error.
"""

from collections import Counter
from contextlib import contextmanager

from django.apps import apps
from django.db import DEFAULT_DB_ALIAS, IntegrityError, connections, transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from camp.web.errors import error_response

# https://www.postgresql.org/docs/current/errcodes-appendix.html
FOREIGN_KEY_VIOLATION = ("23503", "23001")
SQLITE_WORDS = "FOREIGN KEY constraint failed"


class StillReferenced(Exception):
    """Rows of `tables` (sorted names) reference an object that was to be deleted."""

    def __init__(self, tables):
        super().__init__(", ".join(tables))
        self.tables = sorted(tables)


@contextmanager
def atomic_deletion(using=DEFAULT_DB_ALIAS):
    """Delete atomically within the block; raises StillReferenced and deletes nothing if blocked.

    Deferred foreign keys are checked at the end of the block instead of at commit.
    """
    connection = connections[using]
    try:
        with transaction.atomic(using=using):
            if connection.vendor == "sqlite":
                with _sqlite_checks(connection):
                    yield
            else:
                yield
                _check_now(connection)
    except IntegrityError as error:
        if is_reference(error):
            raise StillReferenced(referring_tables(error, connection)) from error
        raise


def is_reference(error):
    """Return whether an IntegrityError is a foreign key violation."""
    code = getattr(error.__cause__, "sqlstate", None)
    return code in FOREIGN_KEY_VIOLATION if code else SQLITE_WORDS in str(error)


def referring_tables(error, connection):
    """Return the names of the referencing tables of an IntegrityError.

    SQLite does not name them: there, return all foreign tables with rows that reference Camp's.
    """
    diagnosis = getattr(error.__cause__, "diag", None)
    if diagnosis is not None:
        return [diagnosis.table_name] if diagnosis.table_name else []
    if connection.vendor != "sqlite":
        return []
    with connection.cursor() as cursor:
        return [table for table in _foreign_tables(cursor) if _has_rows(cursor, table)]


def describe_references(tables):
    """Return the sentence that explains a deletion blocked by `tables`."""
    if not tables or own_tables() & set(tables):
        return _("Something was added meanwhile. Nothing was deleted; try again.")
    return ngettext(
        "The table %(tables)s, which is not part of Camp, refers to it. Nothing was deleted. "
        "Whoever looks after the database has to remove those rows first.",
        "The tables %(tables)s, which are not part of Camp, refer to it. Nothing was deleted. "
        "Whoever looks after the database has to remove those rows first.",
        len(tables),
    ) % {"tables": ", ".join(tables)}


def check_foreign_references(querysets):
    """Raise StillReferenced if foreign tables refer to rows of the querysets.

    Only references that block a deletion count: those without ON DELETE CASCADE or SET NULL. The
    database itself checks them at the end, but by then some of the rows may be gone for good.
    """
    connection = connections[DEFAULT_DB_ALIAS]
    with connection.cursor() as cursor:
        found = set()
        for table, column, parent, parent_column in _blocking_keys(cursor):
            for queryset in querysets:
                opts = queryset.model._meta
                if opts.db_table.lower() != parent.lower():
                    continue
                names = [field.name for field in opts.fields if field.column == parent_column]
                rows = queryset.order_by().values(names[0] if names else "pk")
                sql, params = rows.query.sql_with_params()
                name = connection.ops.quote_name(column)
                cursor.execute(
                    f"SELECT EXISTS (SELECT 1 FROM {table} WHERE {name} IN ({sql}))",  # noqa: S608
                    params,
                )
                if cursor.fetchone()[0]:
                    found.add(table.strip('"'))
    if found:
        raise StillReferenced(found)


class ExternalReferenceMiddleware:
    """Return a page that names the referencing table when a view could not delete a row."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)

    def process_exception(self, request, error):
        """Answer 409 for StillReferenced, and for what was deleted outside of `atomic_deletion`."""
        if isinstance(error, IntegrityError) and is_reference(error):
            tables = referring_tables(error, connections[DEFAULT_DB_ALIAS])
            # Camp's own tables: something was to be added to what is gone.
            if not tables or set(tables) & own_tables():
                return None
        elif isinstance(error, StillReferenced):
            tables = error.tables
        else:
            return None
        return error_response(request, 409, detail=describe_references(tables))


def _check_now(connection):
    """Have PostgreSQL check deferred constraints now; raises IntegrityError."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")


@contextmanager
def _sqlite_checks(connection):
    """Run the block, then raise StillReferenced for rows left without a parent.

    https://www.sqlite.org/pragma.html#pragma_foreign_key_check
    """
    with connection.cursor() as cursor:
        tables = _foreign_tables(cursor)
        if not tables:
            yield
            return
        cursor.execute("PRAGMA defer_foreign_keys = ON")
        before = {table: _orphans(cursor, table) for table in tables}
        yield
        held = [table for table in tables if _orphans(cursor, table) - before[table]]
    if held:
        raise StillReferenced(held)


def _foreign_tables(cursor):
    """Return the names of foreign SQLite tables that reference one of Camp's."""
    own = {name.lower() for name in own_tables()}
    cursor.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    others = [name for (name,) in cursor.fetchall() if name.lower() not in own]
    return sorted(name for name in others if own & _parents(cursor, name))


def _blocking_keys(cursor):
    """Return (table, column, parent table, parent column) of foreign tables' keys that block.

    The name of the table is quoted where it must be.
    """
    if cursor.db.vendor == "sqlite":
        keys = []
        for table in _foreign_tables(cursor):
            sql = (
                'SELECT "from", "table", coalesce("to", \'\') FROM pragma_foreign_key_list(%s)'
                " WHERE on_delete NOT IN ('CASCADE', 'SET NULL', 'SET DEFAULT')"
            )
            cursor.execute(sql, [table])
            name = cursor.db.ops.quote_name(table)
            keys += [(name, *row) for row in cursor.fetchall()]
        return keys
    cursor.execute(
        "SELECT child.relname, c.conrelid::regclass::text, own.attname,"
        " parent.relname, other.attname FROM pg_constraint c"
        " JOIN pg_class child ON child.oid = c.conrelid"
        " JOIN pg_class parent ON parent.oid = c.confrelid"
        " JOIN pg_attribute own ON own.attrelid = c.conrelid AND own.attnum = c.conkey[1]"
        " JOIN pg_attribute other ON other.attrelid = c.confrelid AND other.attnum = c.confkey[1]"
        " WHERE c.contype = 'f' AND c.confdeltype IN ('a', 'r')"
    )
    own = own_tables()
    return [key for relation, *key in cursor.fetchall() if relation not in own]


def _parents(cursor, table):
    """Return the lower-case names of the tables that a SQLite table references."""
    cursor.execute('SELECT DISTINCT lower("table") FROM pragma_foreign_key_list(%s)', [table])
    return {parent for (parent,) in cursor.fetchall()}


def _orphans(cursor, table):
    """Return the number of rows of a SQLite table without a parent, per foreign key."""
    cursor.execute("SELECT fkid, count(*) FROM pragma_foreign_key_check(%s) GROUP BY 1", [table])
    return Counter(dict(cursor.fetchall()))


def _has_rows(cursor, table):
    name = cursor.db.ops.quote_name(table)
    cursor.execute(f"SELECT EXISTS (SELECT 1 FROM {name})")  # noqa: S608
    return bool(cursor.fetchone()[0])


def own_tables():
    """Return the table names of all installed models."""
    return {model._meta.db_table for model in apps.get_models(include_auto_created=True)}
