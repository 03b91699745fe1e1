"""What a table is made of, as the database itself tells, in words of both engines.

A column's kind says what its values mean: boolean, integer, float, decimal, text, bytes,
datetime (of the whole world), timestamp (of no zone), date, time, duration, uuid, json,
`other` for what only PostgreSQL has, and `any` for a column of SQLite without a type.
"""

import re
from dataclasses import asdict, dataclass, field

from camp.operations.database.server import table_names

POSTGRESQL_KINDS = {
    "bool": "boolean",
    "int2": "integer",
    "int4": "integer",
    "int8": "integer",
    "oid": "integer",
    "float4": "float",
    "float8": "float",
    "numeric": "decimal",
    "text": "text",
    "varchar": "text",
    "bpchar": "text",
    "name": "text",
    "bytea": "bytes",
    "timestamptz": "datetime",
    "timestamp": "timestamp",
    "date": "date",
    "time": "time",
    "interval": "duration",
    "uuid": "uuid",
    "json": "json",
    "jsonb": "json",
}
# What SQLite says it keeps is only a word; these are Django's, SQLAlchemy's and our own.
SQLITE_KINDS = {
    "bool": "boolean",
    "boolean": "boolean",
    "datetime": "datetime",
    "timestamptz": "datetime",
    "timestamp": "timestamp",
    "date": "date",
    "time": "time",
    "decimal": "decimal",
    "numeric": "decimal",
    "decimaltext": "decimal",
    "durationint": "duration",
    "uuidtext": "uuid",
    "jsontext": "json",
    "": "any",
}
# How SQLite reads any other word, in the order that it looks for them.
SQLITE_PARTS = {
    "int": "integer",
    "char": "text",
    "clob": "text",
    "text": "text",
    "blob": "bytes",
    "bytea": "bytes",
    "real": "float",
    "floa": "float",
    "doub": "float",
}


@dataclass
class Column:
    """A column that holds values of its own; one that is computed is none."""

    name: str
    kind: str
    type: str  # as the engine calls it
    nullable: bool = True
    next: int | None = None  # the number that the next row gets, where the database counts


@dataclass
class Table:
    """A table and the engine that told of it."""

    name: str
    vendor: str  # "postgresql" or "sqlite"
    columns: list[Column]
    primary_key: list[str] = field(default_factory=list)

    def described(self):
        """Return what the first line of a table says."""
        return asdict(self)

    @classmethod
    def of(cls, description):
        """Return the Table of such a line; raises TypeError, KeyError."""
        columns = [Column(**each) for each in description["columns"]]
        return cls(**description | {"columns": columns})


def names(wrapper):
    """Return the names of all tables of a database."""
    with wrapper.cursor() as cursor:
        return table_names(wrapper, cursor)


def read(wrapper, name):
    """Return the Table of that name; `wrapper` is Django's connection to the database."""
    with wrapper.cursor() as cursor:
        columns = READ[wrapper.vendor](cursor, name)
        key = wrapper.introspection.get_primary_key_columns(cursor, name) or []
    return Table(name, wrapper.vendor, columns, list(key))


COLUMNS = """
    SELECT a.attname, format_type(a.atttypid, a.atttypmod), coalesce(base.typname, t.typname),
        a.attnotnull, pg_get_serial_sequence(a.attrelid::regclass::text, a.attname)
    FROM pg_attribute a
    JOIN pg_class c ON c.oid = a.attrelid
    JOIN pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_type base ON base.oid = t.typbasetype
    WHERE c.relname = %s AND pg_table_is_visible(c.oid) AND c.relkind IN ('r', 'p', 'f')
        AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
    ORDER BY a.attnum
"""
# {} is a sequence's name, quoted by PostgreSQL itself.
NEXT = """
    SELECT last_value + CASE WHEN is_called
        THEN (SELECT seqincrement FROM pg_sequence WHERE seqrelid = %s::regclass) ELSE 0 END
    FROM {}
"""


def _postgresql_columns(cursor, table):
    cursor.execute(COLUMNS, [table])
    columns = []
    for name, type_, base, required, sequence in cursor.fetchall():
        number = None
        if sequence:
            cursor.execute(NEXT.format(sequence), [sequence])
            [number] = cursor.fetchone()
        kind = POSTGRESQL_KINDS.get(base, "other")
        columns.append(Column(name, kind, type_, not required, number))
    return columns


def _sqlite_columns(cursor, table):
    counting = _sqlite_counts(cursor, table)
    cursor.execute(
        'SELECT name, type, "notnull", pk FROM pragma_table_xinfo(%s) WHERE hidden = 0', [table]
    )
    return [
        Column(name, sqlite_kind(type_), type_, not required, counting if key else None)
        for name, type_, required, key in cursor.fetchall()
    ]


def _sqlite_counts(cursor, table):
    """Return the number that the next row of a table gets, or None where SQLite does not count."""
    cursor.execute("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = %s", [table])
    [definition] = cursor.fetchone()
    if not re.search(r"\bAUTOINCREMENT\b", definition, re.IGNORECASE):
        return None
    cursor.execute("SELECT seq FROM sqlite_sequence WHERE name = %s", [table])
    found = cursor.fetchone()
    return (found[0] if found else 0) + 1


READ = {"postgresql": _postgresql_columns, "sqlite": _sqlite_columns}


def sqlite_kind(declared):
    """Return the kind of a column of SQLite by its declared type."""
    word = declared.lower().partition("(")[0].strip()
    if word in SQLITE_KINDS:
        return SQLITE_KINDS[word]
    return next((kind for part, kind in SQLITE_PARTS.items() if part in word), "decimal")
