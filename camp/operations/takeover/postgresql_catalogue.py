"""PostgreSQL's catalogue: what the old tables are."""

# ruff: noqa: S608  (names come from the catalogue or from models, and are quoted)

import re

from camp.operations.takeover.found import ForeignKey, FoundColumn, Unique

FAMILIES = {
    "int2": "integer",
    "int4": "integer",
    "int8": "integer",
    "numeric": "number",
    "float4": "number",
    "float8": "number",
    "varchar": "text",
    "text": "text",
    "bpchar": "text",
    "citext": "text",
    "bool": "boolean",
    "timestamptz": "moment",
    "timestamp": "naive",
    "date": "date",
    "uuid": "uuid",
    "bytea": "bytes",
}
INTEGER_BYTES = {"int2": 2, "int4": 4, "int8": 8}
RULES = {"a": "NO ACTION", "r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}
SHORT = {
    "character varying": "varchar",
    "timestamp without time zone": "timestamp",
    "timestamp with time zone": "timestamptz",
}

RELATION = """
    SELECT c.relkind::text, c.relispartition, pg_get_userbyid(c.relowner),
           pg_has_role(c.relowner, 'USAGE')
    FROM pg_class c WHERE c.oid = to_regclass(%s)
"""
COLUMNS = """
    SELECT a.attname, format_type(a.atttypid, a.atttypmod), t.typname, t.typtype::text,
           a.atttypmod, a.attnotnull, coalesce(pg_get_expr(d.adbin, d.adrelid), ''),
           a.attidentity::text || a.attgenerated::text
    FROM pg_attribute a
    JOIN pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attrelid = to_regclass(%s) AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY a.attnum
"""
CONSTRAINTS = """
    SELECT o.conname, o.contype::text, o.confdeltype::text, f.relname,
           pg_get_constraintdef(o.oid),
           ARRAY(SELECT a.attname::text FROM unnest(o.conkey) WITH ORDINALITY k(number, place)
                 JOIN pg_attribute a ON a.attrelid = o.conrelid AND a.attnum = k.number
                 ORDER BY k.place),
           ARRAY(SELECT a.attname::text FROM unnest(o.confkey) WITH ORDINALITY k(number, place)
                 JOIN pg_attribute a ON a.attrelid = o.confrelid AND a.attnum = k.number
                 ORDER BY k.place)
    FROM pg_constraint o LEFT JOIN pg_class f ON f.oid = o.confrelid
    WHERE o.conrelid = to_regclass(%s) ORDER BY o.conname
"""
INDEXES = """
    SELECT c.relname, i.indisunique AND i.indpred IS NULL AND i.indexprs IS NULL AND i.indisvalid
               AND '0' = ALL (string_to_array(i.indoption::text, ' ')),
           ARRAY(SELECT a.attname::text FROM unnest(i.indkey) WITH ORDINALITY k(number, place)
                 JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number
                 WHERE k.place <= i.indnkeyatts ORDER BY k.place)
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
    WHERE i.indrelid = to_regclass(%s) ORDER BY c.relname
"""
VIEWS = """
    SELECT DISTINCT a.attname, v.relname
    FROM pg_depend d
    JOIN pg_rewrite r ON r.oid = d.objid AND d.classid = 'pg_rewrite'::regclass
    JOIN pg_class v ON v.oid = r.ev_class
    JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
    WHERE d.refobjid = to_regclass(%s) AND v.oid <> d.refobjid ORDER BY 1, 2
"""

HOLDERS = """
    SELECT DISTINCT c.relname, f.relname FROM pg_constraint o
    JOIN pg_class c ON c.oid = o.conrelid JOIN pg_class f ON f.oid = o.confrelid
    WHERE o.contype = 'f' AND o.confdeltype IN ('a', 'r')
      AND f.relname = ANY (%s) AND NOT c.relname = ANY (%s) ORDER BY 1, 2
"""


def fill(cursor, table):
    """Complete a FoundTable of which the name and the number of rows are known."""
    name = [f'"{table.name}"']
    cursor.execute(RELATION, name)
    kind, partition, owner, ours = cursor.fetchone()
    table.ordinary = kind == "r" and not partition
    table.owner = "" if ours else owner
    cursor.execute(COLUMNS, name)
    table.columns = {row[0]: column(*row) for row in cursor.fetchall()}
    cursor.execute(CONSTRAINTS, name)
    for row in cursor.fetchall():
        add_constraint(table, *row)
    cursor.execute(INDEXES, name)
    known = {unique.name for unique in table.uniques}
    for index, unique, columns in cursor.fetchall():
        table.indexes.append(index)
        if unique and index not in known and tuple(columns) != table.primary_key:
            table.uniques.append(Unique(index, tuple(columns), constraint=False))
    table.behind = table.ordinary and ours and is_behind(cursor, table)
    cursor.execute(VIEWS, name)
    for column_name, view in cursor.fetchall():
        table.views.setdefault(column_name, []).append(view)


def is_behind(cursor, table):
    """Return whether the sequence of a table's key would give out a number that is taken."""
    key = table.columns[table.primary_key[0]] if len(table.primary_key) == 1 else None
    if key is None or key.family != "integer":
        return False
    cursor.execute("SELECT pg_get_serial_sequence(%s, %s)", [f'"{table.name}"', key.name])
    [sequence] = cursor.fetchone()
    if sequence is None:
        return True
    cursor.execute(f'SELECT coalesce(max("{key.name}"), 0) FROM "{table.name}"')
    [highest] = cursor.fetchone()
    cursor.execute(f"SELECT last_value + is_called::int FROM {sequence}")
    return cursor.fetchone()[0] <= highest


def column(name, described, type_name, type_kind, modifier, not_null, default, generated):
    """Return a FoundColumn from a row of the catalogue."""
    family = "enum" if type_kind == "e" else FAMILIES.get(type_name, "other")
    limit = INTEGER_BYTES.get(type_name)
    if type_name in ("varchar", "bpchar") and modifier > 0:
        limit = modifier - 4
    for long, short in SHORT.items():
        described = re.sub(rf"^{long}\b", short, described)
    return FoundColumn(
        name, described, family, limit, not not_null, default if not generated else "",
        bool(generated),
    )  # fmt: skip


def add_constraint(table, name, kind, rule, target, definition, columns, targets):
    """Put a constraint of the catalogue where it belongs."""
    columns, targets = tuple(columns), tuple(targets)
    if kind == "p":
        table.primary_key = columns
    elif kind == "u":
        table.uniques.append(Unique(name, columns, constraint=True))
    elif kind == "f":
        table.foreign_keys.append(ForeignKey(name, columns, target, targets, RULES[rule]))
    elif kind == "c":
        table.checks[name] = definition


def holders(cursor, tables):
    """Return (other table, table) where a foreign key has no rule for what goes."""
    cursor.execute(HOLDERS, [list(tables), list(tables)])
    return cursor.fetchall()
