"""PostgreSQL's keys, constraints and sequences, as Camp's migrations would have made them."""

# ruff: noqa: S608  (names come from the catalogue or from models, and are quoted)

from django.db import connection
from django.utils.translation import gettext as _

from camp.operations.takeover.steps import Step, quoted


def renumber_key(match):
    """Yield the Steps that make the new `id` the table's key; the old one stays unique.

    Foreign keys of tables that Camp does not know keep pointing to the old one.
    """
    table, old = quoted(match.name), quoted(match.aside[match.names["id"]])

    def move():
        with connection.cursor() as cursor:
            cursor.execute(KEY_AND_POINTERS, [table, table])
            keys = cursor.fetchall()
            for kind, owner, name, _definition in keys:
                if kind == "f":
                    cursor.execute(f"ALTER TABLE {owner} DROP CONSTRAINT {quoted(name)}")
            [key] = [name for kind, _owner, name, _definition in keys if kind == "p"]
            cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {quoted(key)}")
            cursor.execute(f"ALTER TABLE {table} ADD UNIQUE ({old})")
            cursor.execute(f"ALTER TABLE {table} ALTER COLUMN {old} DROP NOT NULL")
            cursor.execute(f"ALTER TABLE {table} ALTER COLUMN id SET NOT NULL")
            cursor.execute(f"ALTER TABLE {table} ADD PRIMARY KEY (id)")
            for kind, owner, name, definition in keys:
                if kind == "f":
                    cursor.execute(
                        f"ALTER TABLE {owner} ADD CONSTRAINT {quoted(name)} {definition}"
                    )

    yield Step("", run=move)


KEY_AND_POINTERS = """
    SELECT contype::text, conrelid::regclass::text, conname, pg_get_constraintdef(oid)
    FROM pg_constraint
    WHERE (conrelid = %s::regclass AND contype = 'p')
       OR (confrelid = %s::regclass AND contype = 'f')
"""


def constrain(match):
    """Yield the Steps that make what Camp's first migration makes beside columns."""
    table, found = quoted(match.name), match.found
    for column in match.expected.columns.values():
        old, name = match.old(column.name), quoted(column.name)
        if column.field.primary_key or column.references:
            continue
        if old is None or old.null:
            yield Step("", [f"ALTER TABLE {table} ALTER COLUMN {name} SET NOT NULL"])
        if column.field.unique:
            yield from unique(match, column)
    if not found.primary_key:
        yield Step("", [f"ALTER TABLE {table} ADD PRIMARY KEY (id)"])


def unique(match, column):
    """Yield the Steps for a column's unique constraint and the index beside it."""
    old, table, name = match.names.get(column.name), quoted(match.name), quoted(column.name)
    known = [each for each in match.found.uniques if each.columns == (old,)]
    if not any(each.constraint for each in known):
        constraint = quoted(f"{match.name}_{column.name}_key")
        what = f"USING INDEX {quoted(known[0].name)}" if known else f"({name})"
        text = "" if known else _("%(table)s.%(column)s becomes unique.")
        yield Step(
            text % {"table": match.name, "column": column.name},
            [f"ALTER TABLE {table} ADD CONSTRAINT {constraint} UNIQUE {what}"],
        )

    def like_index():
        with connection.schema_editor() as editor:
            statement = editor._create_like_index_sql(match.expected.model, column.field)
            if statement is not None:
                editor.execute(str(statement).replace("CREATE INDEX", "CREATE INDEX IF NOT EXISTS"))

    yield Step("", run=like_index)


def link(match):
    """Yield the Steps for foreign keys, once nothing points nowhere any more."""
    for column in match.expected.columns.values():
        if not column.references:
            continue
        if not column.null:
            name = quoted(column.name)
            yield Step("", [f"ALTER TABLE {quoted(match.name)} ALTER COLUMN {name} SET NOT NULL"])
        old = match.names.get(column.name)
        if not match.is_translated(column.name) and match.found.points_into(old, column.references):
            continue

        def foreign_key(field=column.field):
            with connection.schema_editor() as editor:
                name = "_fk_%(to_table)s_%(to_column)s"
                editor.execute(editor._create_fk_sql(match.expected.model, field, name))

        text = _("%(table)s.%(column)s points into %(target)s from now on.")
        values = {"table": match.name, "column": column.name, "target": column.references}
        yield Step(text % values, run=foreign_key)


def number(match):
    """Yield the Step after which new rows are numbered behind the last one."""

    def settle():
        table = quoted(match.name)
        with connection.cursor() as cursor:
            sequence = sequence_of(cursor, table)
            cursor.execute(f"SELECT coalesce(max(id), 0) + 1 FROM {table}")
            [free] = cursor.fetchone()
            cursor.execute(f"SELECT last_value + is_called::int FROM {sequence}")
            # RESTART is undone with the transaction, setval() would not be.
            if cursor.fetchone()[0] < free:
                cursor.execute(f"ALTER SEQUENCE {sequence} RESTART WITH {free}")

    text = _("%(table)s: the numbering of new rows goes on behind the last one.")
    yield Step(text % {"table": match.name} if match.found.behind else "", run=settle)


def sequence_of(cursor, table):
    """Return the sequence that numbers a table, as large and as free as Camp's own."""
    cursor.execute("SELECT pg_get_serial_sequence(%s, 'id')", [table])
    [sequence] = cursor.fetchone()
    if sequence is None:
        cursor.execute(SEQUENCE_OF_DEFAULT, [table])
        if found := cursor.fetchone():
            [sequence] = found
            cursor.execute(f"ALTER SEQUENCE {sequence} OWNED BY {table}.id")
        else:
            cursor.execute(f"ALTER TABLE {table} ALTER COLUMN id DROP DEFAULT")
            cursor.execute(
                f"ALTER TABLE {table} ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY"
            )
            return sequence_of(cursor, table)
    cursor.execute(SEQUENCE, [table, sequence])
    identity, type_name = cursor.fetchone()
    if identity == "a":
        cursor.execute(f"ALTER TABLE {table} ALTER COLUMN id SET GENERATED BY DEFAULT")
    if type_name != "bigint":
        cursor.execute(f"ALTER SEQUENCE {sequence} AS bigint")
    return sequence


SEQUENCE = """
    SELECT a.attidentity::text, format_type(s.seqtypid, NULL)
    FROM pg_attribute a, pg_sequence s
    WHERE a.attrelid = %s::regclass AND a.attname = 'id' AND s.seqrelid = %s::regclass
"""
SEQUENCE_OF_DEFAULT = """
    SELECT s.oid::regclass::text
    FROM pg_attrdef f
    JOIN pg_attribute a ON a.attrelid = f.adrelid AND a.attnum = f.adnum AND a.attname = 'id'
    JOIN pg_depend d ON d.classid = 'pg_attrdef'::regclass AND d.objid = f.oid
    JOIN pg_class s ON s.oid = d.refobjid AND s.relkind = 'S'
    WHERE f.adrelid = %s::regclass
"""
