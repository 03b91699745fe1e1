"""SQLite's catalogue: what the old tables are."""

import re

from camp.operations.takeover.found import ForeignKey, FoundColumn, Unique

# The first that a declared type contains; SQLite itself takes anything anywhere.
FAMILIES = [
    ("INT", "integer"),
    ("CHAR", "text"),
    ("TEXT", "text"),
    ("CLOB", "text"),
    ("STRING", "text"),
    ("ENUM", "text"),
    ("UUID", "text"),
    ("JSON", "text"),
    ("BOOL", "boolean"),
    ("DATETIME", "naive"),
    ("TIMESTAMP", "naive"),
    ("DATE", "naive"),
    ("BLOB", "bytes"),
    ("REAL", "number"),
    ("FLOA", "number"),
    ("DOUB", "number"),
    ("NUMERIC", "number"),
    ("DECIMAL", "number"),
]

HOLDERS = """
    SELECT DISTINCT m.name, f."table" FROM sqlite_master m, pragma_foreign_key_list(m.name) f
    WHERE m.type = 'table' AND f.on_delete IN ('NO ACTION', 'RESTRICT') ORDER BY 1, 2
"""


def fill(cursor, table):
    """Complete a FoundTable of which the name and the number of rows are known."""
    name = table.name.replace('"', '""')
    cursor.execute("SELECT type, sql FROM sqlite_master WHERE name = %s", [table.name])
    kind, sql = cursor.fetchone()
    table.ordinary = kind == "table"
    cursor.execute(f'PRAGMA table_xinfo("{name}")')
    keys = {}
    for _number, column, declared, not_null, default, key, hidden in cursor.fetchall():
        table.columns[column] = described(column, declared, not_null or key, default, hidden)
        keys |= {key: column} if key else {}
    table.primary_key = tuple(column for _place, column in sorted(keys.items()))
    cursor.execute(f'PRAGMA foreign_key_list("{name}")')
    for _id, _place, target, column, key, _update, rule, _match in cursor.fetchall():
        table.foreign_keys.append(ForeignKey("", (column,), target, (key or "id",), rule))
    cursor.execute(f'PRAGMA index_list("{name}")')
    for _number, index, unique, origin, partial in cursor.fetchall():
        quoted = index.replace('"', '""')
        cursor.execute(f'PRAGMA index_info("{quoted}")')
        columns = tuple(row[2] for row in cursor.fetchall())
        table.indexes.append(index)
        if unique and not partial and origin != "pk" and None not in columns:
            table.uniques.append(Unique(index, columns, constraint=origin == "u"))
    if re.search(r"\bCHECK\s*\(", sql or "", re.IGNORECASE):
        table.checks["CHECK"] = ""


def described(name, declared, not_null, default, hidden):
    """Return a FoundColumn from a row of the catalogue."""
    family = next((family for word, family in FAMILIES if word in declared.upper()), "other")
    length = re.search(r"CHAR\w*\s*\(\s*(\d+)", declared, re.IGNORECASE)
    limit = int(length[1]) if length else (8 if family == "integer" else None)
    return FoundColumn(
        name, declared.lower(), family, limit, not not_null, default or "", bool(hidden)
    )


def holders(cursor, tables):
    """Return (other table, table) where a foreign key has no rule for what goes."""
    cursor.execute(HOLDERS)
    found = cursor.fetchall()
    return [(name, target) for name, target in found if target in tables and name not in tables]
