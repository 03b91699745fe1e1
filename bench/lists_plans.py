"""Query plans for bench/lists.py --explain."""

import re

from django.db import connection
from django.test.utils import CaptureQueriesContext

LISTED = re.compile(r'FROM "sample_(files|sessions)"')
COLUMNS = re.compile(r'SELECT (?:"\w+"\."\w+"(?: AS "\w+")?(?:, )?)+ FROM')
# Long expressions, and their names in the code.
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
    """Return {"sql", "plan", "indexes"} of each query for files or sessions of a page."""
    with CaptureQueriesContext(connection) as queries:
        fetch()
    asked = [query["sql"] for query in queries if LISTED.search(query["sql"])]
    return [plan_of(sql) for sql in asked if "LIMIT 1" not in sql.rsplit("\n", 1)[-1][-8:]]


def plan_of(sql):
    """Return a query and its plan, with long lines shortened."""
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
    """Return SQL with long expressions replaced by their names."""
    for long, name in NAMED:
        sql = long.sub(name, sql)
    return sql


def tree(rows):
    """Return the lines of a plan of SQLite, indented by their parent."""
    depth = {0: -1}
    lines = []
    for number, parent, _unused, text in rows:
        depth[number] = depth.get(parent, -1) + 1
        lines.append(f"{'  ' * depth[number]}{text}")
    return lines


def shortened(line, width=WIDTH):
    """Return the line, without its middle if it is long."""
    if len(line) <= width:
        return line
    return f"{line[: width * 2 // 3]} … {line[-width // 3 :]}"
