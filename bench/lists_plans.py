"""The plans of the lists' queries, as bench/lists.py --explain prints them."""

import re

from django.db import connection
from django.test.utils import CaptureQueriesContext

LISTED = re.compile(r'FROM "sample_(files|sessions)"')
COLUMNS = re.compile(r'SELECT (?:"\w+"\."\w+"(?: AS "\w+")?(?:, )?)+ FROM')
# Long expressions, by the names that the code has for them.
NAMED = [
    (re.compile(r"\(CASE WHEN substr\(lower\(.*?\bEND\)"), "KindOf(content_type)"),
    (
        re.compile(r"string_to_array\(.*?'g'(?:::text)?\)+, E?'[^']*'(?:::text)?\)"),
        "PAIRS(search_text, user_id)",
    ),
]
WIDTH = 150
INDEX = re.compile(
    r"(?:Scan(?: Backward)? (?:using|on)|INDEX|SCAN) ((?:sample_|sqlite_auto|camp_index_)\w+_\w+)\b"
)
KEY = re.compile(r"USING INTEGER PRIMARY KEY")


def of_page(fetch):
    """Return what a page asks for: {"sql", "plan", "indexes"} of each query of a list."""
    with CaptureQueriesContext(connection) as queries:
        fetch()
    asked = [query["sql"] for query in queries if LISTED.search(query["sql"])]
    return [plan_of(sql) for sql in asked if "LIMIT 1" not in sql.rsplit("\n", 1)[-1][-8:]]


def plan_of(sql):
    """Return the plan of a query, as the engine prints it but for long lines."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, COSTS OFF) {sql}")
            lines = [row[0] for row in cursor.fetchall() if not row[0].startswith("Planning")]
        else:
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
            lines = tree(cursor.fetchall())
    used = dict.fromkeys(INDEX.findall("\n".join(lines)))
    if any(map(KEY.search, lines)):
        used["the primary key"] = None
    return {
        "sql": shortened(named(COLUMNS.sub("SELECT … FROM", sql)).replace('"', ""), 800),
        "plan": "\n".join(shortened(line) for line in lines),
        "indexes": list(used),
    }


def named(sql):
    """Return SQL with long expressions by their names."""
    for long, name in NAMED:
        sql = long.sub(name, sql)
    return sql


def tree(rows):
    """Return the lines of a plan of SQLite, indented by what they belong to."""
    depth = {0: -1}
    lines = []
    for number, parent, _unused, text in rows:
        depth[number] = depth.get(parent, -1) + 1
        lines.append(f"{'  ' * depth[number]}{text}")
    return lines


def shortened(line, width=WIDTH):
    """Return the line, its middle left out if it is long."""
    if len(line) <= width:
        return line
    return f"{line[: width * 2 // 3]} … {line[-width // 3 :]}"
