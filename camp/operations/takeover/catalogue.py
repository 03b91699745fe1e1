"""What PostgreSQL's catalogue says about the old tables."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

RELATION = """
    SELECT c.relkind = 'r' AND NOT c.relispartition,
           CASE WHEN pg_has_role(c.relowner, 'USAGE') THEN ''
                ELSE pg_get_userbyid(c.relowner) END,
           ARRAY(SELECT a.attname::text
                 FROM pg_constraint o, unnest(o.conkey) WITH ORDINALITY AS k(number, place)
                 JOIN pg_attribute a ON a.attnum = k.number AND a.attrelid = to_regclass(%(table)s)
                 WHERE o.conrelid = c.oid AND o.contype = 'p' ORDER BY k.place),
           ARRAY(SELECT DISTINCT v.oid::regclass::text
                 FROM pg_depend d
                 JOIN pg_rewrite r ON r.oid = d.objid AND d.classid = 'pg_rewrite'::regclass
                 JOIN pg_class v ON v.oid = r.ev_class
                 WHERE d.refobjid = c.oid AND v.oid <> c.oid ORDER BY 1)
    FROM pg_class c WHERE c.oid = to_regclass(%(table)s)
"""
COLUMNS = """
    SELECT a.attname, format_type(a.atttypid, a.atttypmod), t.typname
    FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
    WHERE a.attrelid = to_regclass(%s) AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY a.attnum
"""
POINTERS = """
    SELECT o.conrelid::regclass::text, o.conname, pg_get_constraintdef(o.oid),
           ARRAY(SELECT a.attname::text FROM unnest(o.confkey) WITH ORDINALITY AS k(number, place)
                 JOIN pg_attribute a ON a.attrelid = o.confrelid AND a.attnum = k.number
                 ORDER BY k.place)
    FROM pg_constraint o
    WHERE o.contype = 'f' AND o.confrelid = to_regclass(%s)
      AND NOT o.conrelid = ANY (%s::regclass[])
    ORDER BY 1, 2
"""


@dataclass(frozen=True)
class OldColumn:
    """A column: `type` as SQL writes it, `type_name` as in pg_type."""

    name: str
    type: str
    type_name: str


@dataclass
class OldTable:
    """An old table; `owner` is "" if who logs in here may alter the table."""

    name: str
    columns: dict[str, OldColumn]
    rows: int
    primary_key: tuple[str, ...]
    is_ordinary: bool  # neither a view nor a partition
    owner: str
    views: list[str]


@dataclass(frozen=True)
class Pointer:
    """A foreign key of a table that Camp does not know, into an old table."""

    table: str  # quoted where needed
    name: str
    definition: str
    columns: tuple[str, ...]  # of the old table


def quote(name: str) -> str:
    """Return a name as SQL writes it."""
    # Django's quote_name() does not double the quotes in a name.
    return '"' + name.replace('"', '""') + '"'


def fetch_value(sql: str, parameters: Sequence[object] | None = None) -> Any:
    """Return the one value that a query answers with."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchone()[0]


def read_table(name: str, rows: int) -> OldTable:
    """Return the OldTable of that name."""
    with connection.cursor() as cursor:
        cursor.execute(RELATION, {"table": quote(name)})
        is_ordinary, owner, primary_key, views = cursor.fetchone()
        cursor.execute(COLUMNS, [quote(name)])
        columns = {row[0]: OldColumn(*row) for row in cursor.fetchall()}
    return OldTable(name, columns, rows, tuple(primary_key), is_ordinary, owner, views)


def read_pointers(name: str, old_names: Iterable[str]) -> list[Pointer]:
    """Return the Pointers into an old table; `old_names` are all old tables."""
    with connection.cursor() as cursor:
        cursor.execute(POINTERS, [quote(name), [quote(each) for each in old_names]])
        return [
            Pointer(table, constraint, definition, tuple(columns))
            for table, constraint, definition, columns in cursor.fetchall()
        ]


def may_create_schemas() -> bool:
    """Return whether who logs in here may make schemas and tables."""
    return fetch_value(
        "SELECT has_database_privilege(current_database(), 'CREATE') "
        "AND has_schema_privilege(current_schema(), 'CREATE')"
    )
