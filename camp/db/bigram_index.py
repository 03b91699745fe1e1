"""A bigram index of `search_text` by owner: finds rows that contain a word anywhere.

It contains the pairs of adjacent characters (bigrams) of each text, and single characters
beyond ASCII. Unlike trigrams, bigrams find words of two characters, as many Japanese ones are.
A row with all bigrams of a word may still not contain the word, so queries check that too.
Entries include the owner; otherwise a bigram that is common among others' rows would have all
of those read.

On PostgreSQL it is a GIN index, on SQLite a contentless FTS5 table that triggers maintain.
"""

# ruff: noqa: S608  (names and columns are those of Camp's own tables)

from django.db import models, transaction

PREFIX = "camp_index_"  # of the FTS5 tables on SQLite
COLUMNS = {"text": "search_text", "owner": "user_id"}
SEPARATOR = "\x1f"  # in no bigram of a search
# Owners share bigrams by their remainder: short posting lists, yet few different keys. One key
# per owner and bigram would more than double the time to build the index.
GROUPS = 16
# Queries must repeat the index expression verbatim.
PAIRS = (
    r"string_to_array(regexp_replace({text}, '..', '\&' || {group} || E'\x1f', 'g')"
    r" || E'\x1f' || regexp_replace(substr({text}, 2), '..',"
    r" '\&' || {group} || E'\x1f', 'g') || E'\x1f'"
    r" || regexp_replace(regexp_replace({text}, '[ -~]+', '', 'g'), '.',"
    r" '\&' || {group} || E'\x1f', 'g'), E'\x1f')"
)
# The same as one text of words; a trigger allows common table expressions only in a subquery.
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


def bigrams(word):
    """Return the entries of every text that contains `word`; [] for one ASCII character."""
    if len(word) == 1:
        return [] if " " <= word <= "~" or word == SEPARATOR else [word]
    found = {word[start : start + 2] for start in range(len(word) - 1)}
    return sorted(bigram for bigram in found if SEPARATOR not in bigram)


class BigramMatch(models.Func):
    """Whether a row of a table belongs to an owner (an ID) and has some bigrams."""

    output_field = models.BooleanField()

    def __init__(self, table, owner, bigrams):
        super().__init__(models.F("pk"), *map(models.F, COLUMNS.values()))
        self.table, self.owner, self.bigrams = table, owner, bigrams

    def as_postgresql(self, compiler, connection, **_context):
        """Return the SQL and its parameters."""
        _key, text, owner = (compiler.compile(each)[0] for each in self.source_expressions)
        array, owners = _arrays(text, owner)
        keys = [f"{bigram}{self.owner % GROUPS}" for bigram in self.bigrams]
        # The driver takes a single % for a parameter.
        array = array.replace("%", "%%")
        return f"({array} @> %s::text[] AND {owners} @> %s::bigint[])", [keys, [self.owner]]

    def as_sqlite(self, compiler, connection, **_context):
        """Return the SQL and its parameters."""
        key, _text, owner = (compiler.compile(each)[0] for each in self.source_expressions)
        name = PREFIX + self.table
        words = " ".join(f"{self.owner}x{bigram.encode().hex()}" for bigram in self.bigrams)
        found = f"SELECT rowid FROM {name} WHERE {name} MATCH %s"
        # Checks the owner without trusting the triggers; the + keeps SQLite from other indexes.
        return f"({key} IN ({found}) AND +{owner} = %s)", [words, self.owner]


def make(connection, table):
    """Create the index of a table, again if it exists."""
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        remove(connection, table)
        for sql in statements(connection, table):
            cursor.execute(sql)


def statements(connection, table):
    """Return the statements that create the index of a table."""
    if connection.vendor == "postgresql":
        return [_gin(PREFIX + table, table)]
    return [*_fts(PREFIX + table, table)]


def tables(connection):
    """Return the tables with such an index on SQLite."""
    with connection.cursor() as cursor:
        sql = "SELECT name FROM sqlite_master WHERE name GLOB %s AND sql GLOB 'CREATE VIRTUAL *'"
        cursor.execute(sql, [f"{PREFIX}*"])
        return [name.removeprefix(PREFIX) for (name,) in cursor.fetchall()]


def remove(connection, table):
    """Drop the index of a table, if it exists."""
    kind = "INDEX" if connection.vendor == "postgresql" else "TABLE"
    with connection.cursor() as cursor:
        cursor.execute(f"DROP {kind} IF EXISTS {PREFIX}{table}")
        if connection.vendor == "sqlite":
            for event in TRIGGERS:
                cursor.execute(f"DROP TRIGGER IF EXISTS {PREFIX}{table}_{event}")


def is_complete(connection, table):
    """Return whether the index of a table exists, with its triggers on SQLite.

    Those are lost when a migration rebuilds the table.
    """
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [PREFIX + table])
            return cursor.fetchone()[0]
        wanted = [PREFIX + table, *(f"{PREFIX}{table}_{event}" for event in TRIGGERS)]
        cursor.execute("SELECT name FROM sqlite_master WHERE name GLOB %s", [f"{PREFIX}{table}*"])
        return {name for (name,) in cursor.fetchall()}.issuperset(wanted)


def _arrays(text, owner):
    """Return the expressions of the GIN index: bigrams with the owner's group, and the owner."""
    return PAIRS.format(text=text, group=f"{owner} % {GROUPS}"), f"ARRAY[{owner}]"


def _gin(name, table):
    """Return the statement that creates the GIN index."""
    keys = ", ".join(f"({array})" for array in _arrays(**COLUMNS))
    # Every search reads the whole list of pending rows, so keep it short (KiB).
    return f"CREATE INDEX {name} ON {table} USING gin ({keys}) WITH (gin_pending_list_limit = 512)"


def _fts(name, table):
    """Yield the statements that create the FTS5 table and its triggers, and fill it."""

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
