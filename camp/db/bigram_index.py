"""An index that leads to the rows of one owner in whose search text a word stands.

It holds the pairs of neighbouring characters of each text, and single ones beyond ASCII:
unlike trigrams that serves words of two characters, as many Japanese ones are. A row with all
pairs of a word need not hold the word, so it is looked at as well. The entries know the
owner, or a pair that is frequent with others would have all of their rows read.

PostgreSQL has it as a GIN index, SQLite as an FTS5 table without contents that triggers keep.
"""

# ruff: noqa: S608  (names and columns are those of Camp's own tables)

from django.db import models, transaction

PREFIX = "camp_index_"  # of the FTS5 tables on SQLite
COLUMNS = {"text": "search_text", "owner": "user_id"}
SEPARATOR = "\x1f"  # in no pair that is looked for
# Short lists of rows for each pair, and yet few pairs: with each owner's own it takes more than
# twice as long to make the index.
GROUPS = 16
# What becomes part of an index has to be said to the letter by the queries.
PAIRS = (
    r"string_to_array(regexp_replace({text}, '..', '\&' || {group} || E'\x1f', 'g')"
    r" || E'\x1f' || regexp_replace(substr({text}, 2), '..',"
    r" '\&' || {group} || E'\x1f', 'g') || E'\x1f'"
    r" || regexp_replace(regexp_replace({text}, '[ -~]+', '', 'g'), '.',"
    r" '\&' || {group} || E'\x1f', 'g'), E'\x1f')"
)
# The same as words of one text. Common table expressions may stand in a trigger only so.
WORDS = """(
    WITH RECURSIVE at(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM at WHERE n < length({text}))
    SELECT group_concat({owner} || 'x' || hex(substr({text}, n, 2)) || CASE
        WHEN substr({text}, n, 1) BETWEEN ' ' AND '~' THEN ''
        ELSE ' ' || {owner} || 'x' || hex(substr({text}, n, 1)) END, ' ') FROM at)"""
TRIGGERS = {
    "insert": "AFTER INSERT ON {table} BEGIN {add}; END",
    "delete": "AFTER DELETE ON {table} BEGIN {remove}; END",
    "update": (
        "AFTER UPDATE OF {owner}, {text} ON {table}"
        " WHEN old.{owner} IS NOT new.{owner} OR old.{text} IS NOT new.{text}"
        " BEGIN {remove}; {add}; END"
    ),
}


def pairs(word):
    """Return what the index holds of a text in which `word` stands; [] for one ASCII character."""
    if len(word) == 1:
        return [] if " " <= word <= "~" or word == SEPARATOR else [word]
    several = {word[start : start + 2] for start in range(len(word) - 1)}
    return sorted(pair for pair in several if SEPARATOR not in pair)


class LedTo(models.Func):
    """Whether the index of a table leads to a row for an owner (an id) and some pairs."""

    output_field = models.BooleanField()

    def __init__(self, table, owner, pairs):
        super().__init__(models.F("pk"), *map(models.F, COLUMNS.values()))
        self.table, self.owner, self.pairs = table, owner, pairs

    def as_postgresql(self, compiler, connection, **_context):
        """Return the SQL and its parameters."""
        _key, text, owner = (compiler.compile(each)[0] for each in self.source_expressions)
        array, owners = _arrays(text, owner)
        keys = [f"{pair}{self.owner % GROUPS}" for pair in self.pairs]
        # Doubled, since the driver takes a single % for a parameter.
        array = array.replace("%", "%%")
        return f"({array} @> %s::text[] AND {owners} @> %s::bigint[])", [keys, [self.owner]]

    def as_sqlite(self, compiler, connection, **_context):
        """Return the SQL and its parameters."""
        key, _text, owner = (compiler.compile(each)[0] for each in self.source_expressions)
        name = PREFIX + self.table
        words = " ".join(f"{self.owner}x{pair.encode().hex()}" for pair in self.pairs)
        found = f"SELECT rowid FROM {name} WHERE {name} MATCH %s"
        # Whose a row is, is not left to triggers. The sign keeps it from being looked up.
        return f"({key} IN ({found}) AND +{owner} = %s)", [words, self.owner]


def make(connection, table):
    """Make the index of a table, anew if there is one."""
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        remove(connection, table)
        for sql in statements(connection, table):
            cursor.execute(sql)


def statements(connection, table):
    """Return the statements that make the index of a table."""
    if connection.vendor == "postgresql":
        return [_gin(PREFIX + table, table)]
    return [*_fts(PREFIX + table, table)]


def tables(connection):
    """Return the tables that have an index on SQLite."""
    with connection.cursor() as cursor:
        sql = "SELECT name FROM sqlite_master WHERE name GLOB %s AND sql GLOB 'CREATE VIRTUAL *'"
        cursor.execute(sql, [f"{PREFIX}*"])
        return [name.removeprefix(PREFIX) for (name,) in cursor.fetchall()]


def remove(connection, table):
    """Take the index of a table away, if there is one."""
    kind = "INDEX" if connection.vendor == "postgresql" else "TABLE"
    with connection.cursor() as cursor:
        cursor.execute(f"DROP {kind} IF EXISTS {PREFIX}{table}")
        if connection.vendor == "sqlite":
            for event in TRIGGERS:
                cursor.execute(f"DROP TRIGGER IF EXISTS {PREFIX}{table}_{event}")


def is_whole(connection, table):
    """Return whether the index of a table is there, with what keeps it.

    SQLite's triggers go when a migration makes the table anew.
    """
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [PREFIX + table])
            return cursor.fetchone()[0]
        wanted = [PREFIX + table, *(f"{PREFIX}{table}_{event}" for event in TRIGGERS)]
        cursor.execute("SELECT name FROM sqlite_master WHERE name GLOB %s", [f"{PREFIX}{table}*"])
        return {name for (name,) in cursor.fetchall()}.issuperset(wanted)


def _arrays(text, owner):
    """Return the expressions of PostgreSQL's index: the pairs with their group, and the owner."""
    return PAIRS.format(text=text, group=f"{owner} % {GROUPS}"), f"ARRAY[{owner}]"


def _gin(name, table):
    """Return the statement that makes PostgreSQL's index."""
    keys = ", ".join(f"({array})" for array in _arrays(**COLUMNS))
    # New rows wait in a list that every search reads: it is kept short.
    return f"CREATE INDEX {name} ON {table} USING gin ({keys}) WITH (gin_pending_list_limit = 512)"


def _fts(name, table):
    """Yield the statements that make SQLite's table, keep it, and fill it."""

    def words(row):
        return WORDS.format(**{key: f"{row}.{column}" for key, column in COLUMNS.items()})

    parts = {
        "add": f"INSERT INTO {name} (rowid, pairs) VALUES (new.id, {words('new')})",
        "remove": f"INSERT INTO {name} ({name}, rowid, pairs)"
        f" VALUES ('delete', old.id, {words('old')})",
    }
    options = "content='', columnsize=0, detail=none, tokenize='ascii'"
    yield f"CREATE VIRTUAL TABLE {name} USING fts5(pairs, {options})"
    for event, sql in TRIGGERS.items():
        yield f"CREATE TRIGGER {name}_{event} {sql.format(table=table, **COLUMNS, **parts)}"
    yield f"INSERT INTO {name} (rowid, pairs) SELECT id, {words(table)} FROM {table}"
