"""Adding the rows of old tables to Camp's own, where those are there already: PostgreSQL."""

# ruff: noqa: S608  (names come from the catalogue or from models, and are quoted)

from django.db import connection
from django.utils.translation import gettext as _

from camp.operations.takeover.steps import Step, added, quoted

# References to rows that are gone are seen to after all rows are there.
DEFER_REFERENCES = "SET CONSTRAINTS ALL DEFERRED"
CHECK_REFERENCES = "SET CONSTRAINTS ALL IMMEDIATE"
POINTERS = """
    SELECT conrelid::regclass::text, conname, pg_get_constraintdef(o.oid), f.relname
    FROM pg_constraint o JOIN pg_class f ON f.oid = confrelid
    WHERE contype = 'f' AND confrelid = ANY (%s::regclass[]) AND NOT conrelid = ANY (%s::regclass[])
"""


def merge(matches):
    """Yield the Steps that move the rows of tables that Camp has its own ones beside."""
    beside = [match for match in matches.values() if match.beside]
    if not beside:
        return
    yield Step("", [sql for match in beside for sql in new_columns(match)])
    yield Step("", [DEFER_REFERENCES])
    for match in beside:
        yield Step(added(match), [insert(match)])


def new_columns(match):
    """Yield the SQL that adds the columns that Camp does not know to its table."""
    for column in match.unknown:
        name = f"{quoted(column.name)} {column.type}"
        yield f"ALTER TABLE {quoted(match.name)} ADD COLUMN IF NOT EXISTS {name}"


def insert(match):
    """Return the SQL that copies all rows; what later migrations require gets its default."""
    names = [*match.expected.columns, *(column.name for column in match.unknown)]
    later = [column for column in match.expected.later.values() if not column.null]
    into = ", ".join(quoted(name) for name in [*names, *(column.name for column in later)])
    values = [*map(quoted, names), *(literal(column.field.get_default()) for column in later)]
    return (
        f"INSERT INTO {quoted(match.name)} ({into}) "
        f"SELECT {', '.join(values)} FROM {quoted(match.table)} ORDER BY id"
    )


def literal(value):
    """Return a default of a field as SQL."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    return "'" + str(value).replace("'", "''") + "'"


def clear(matches):
    """Yield the Step that drops the tables whose rows were added to Camp's."""
    beside = {match.table: match for match in matches.values() if match.beside}
    if beside:
        yield Step("", [CHECK_REFERENCES])
        text = _("%(tables)s are removed: all of it is in Camp's tables.")
        yield Step(text % {"tables": ", ".join(beside)}, run=lambda: drop(beside))


def drop(beside):
    """Drop the old tables; what else points to their keys points to Camp's rows from then on."""
    tables = [quoted(table) for table in beside]
    with connection.cursor() as cursor:
        cursor.execute(POINTERS, [tables, tables])
        pointers = [(*rest, table, beside[table]) for *rest, table in cursor.fetchall()]
        for owner, name, *_rest in pointers:
            cursor.execute(f"ALTER TABLE {owner} DROP CONSTRAINT {quoted(name)}")
        cursor.execute(f"DROP TABLE {', '.join(tables)}")
        for match in {match.name: match for *_rest, match in pointers}.values():
            key = quoted(match.aside[match.names["id"]])
            cursor.execute(f"ALTER TABLE {quoted(match.name)} ADD UNIQUE ({key})")
        for owner, name, definition, table, match in pointers:
            rule = definition.replace(f"REFERENCES {table}(", f"REFERENCES {match.name}(", 1)
            cursor.execute(f"ALTER TABLE {owner} ADD CONSTRAINT {quoted(name)} {rule}")
