"""Bigram indexes: they find rows whose text contains a word anywhere.

They contain the pairs of adjacent characters (bigrams) of each text, and single characters.
Unlike trigrams, bigrams find words of two characters, as many Japanese ones are. A row with all
bigrams of a word may still not contain the word, so queries check that too.

Two kinds: entries of the first include the owner of the row, since otherwise a bigram that is
common among others' rows would have all of those read; it has no single ASCII characters. The
second, for organisers, is about the rows of everyone.

On PostgreSQL an index is a GIN index, on SQLite a contentless FTS5 table that triggers maintain.
"""

# ruff: noqa: S608  (names and columns are those of Camp's own tables)

from dataclasses import dataclass

from django.db import models, transaction
from django.db.migrations.recorder import MigrationRecorder

PREFIX = "camp_index_"  # of the FTS5 tables on SQLite
SEPARATOR = "\x1f"  # in no bigram of a search
# Owners share bigrams by their remainder: short posting lists, yet few different keys. One key
# per owner and bigram would more than double the time to build the index.
GROUPS = 16
# Queries must repeat the index expression verbatim.
PAIRS = (
    r"string_to_array(regexp_replace({text}, '..', '\&' || {group} || E'\x1f', 'g')"
    r" || E'\x1f' || regexp_replace(substr({text}, 2), '..',"
    r" '\&' || {group} || E'\x1f', 'g') || E'\x1f'"
    r" || regexp_replace({singles}, '.',"
    r" '\&' || {group} || E'\x1f', 'g'), E'\x1f')"
)
# The same as one text of words; a trigger allows common table expressions only in a subquery.
WORDS = """(
    WITH RECURSIVE at(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM at WHERE n < length({text}))
    SELECT group_concat({owner} || 'x' || hex(substr({text}, n, 2)) || CASE
        WHEN substr({text}, n, 1) BETWEEN ' ' AND '~' THEN ''
        ELSE ' ' || {owner} || 'x' || hex(substr({text}, n, 1)) END, ' ') FROM at)"""
# The same for everyone's rows. In pieces, since substr() reads a text from its beginning.
PIECE = 512  # characters
WORDS_OF_ALL = f"""(
    WITH RECURSIVE piece(start, text) AS (
        SELECT 1, substr({{text}}, 1, {PIECE + 1}) UNION ALL
        SELECT start + {PIECE}, substr({{text}}, start + {PIECE}, {PIECE + 1})
            FROM piece WHERE start + {PIECE} <= length({{text}})),
    at(n) AS (SELECT 1 UNION ALL
        SELECT n + 1 FROM at WHERE n < min({PIECE}, length({{text}})))
    SELECT group_concat('x' || hex(substr(text, n, 2)) || ' x' || hex(substr(text, n, 1)), ' ')
        FROM piece, at WHERE n <= length(text))"""
TRIGGERS = {
    "insert": "AFTER INSERT ON {table} BEGIN {add}; END",
    "delete": "AFTER DELETE ON {table} BEGIN {remove}; END",
    "update": ("AFTER UPDATE OF {columns} ON {table} WHEN {changed} BEGIN {remove}; {add}; END"),
}


@dataclass(frozen=True)
class BigramIndex:
    """The index of the text in `columns`, of each owner's rows if `owner` is a column."""

    table: str
    columns: tuple[str, ...] = ("search_text",)
    owner: str = ""

    @property
    def key(self):
        """Return the name of the index without PREFIX."""
        return self.table if self.owner else f"all_{self.table}"

    def text(self, row=""):
        """Return SQL for the text; `row` precedes the columns, such as "new."."""
        if len(self.columns) == 1:
            return f"{row}{self.columns[0]}"
        return " || ' ' || ".join(f"coalesce({row}{column}, '')" for column in self.columns)

    def arrays(self, row=""):
        """Return the expressions of the GIN index: the bigrams; with an owner those of the
        owner's group, and the owner.
        """
        text, owner = self.text(row), f"{row}{self.owner}"
        if not self.owner:
            return [PAIRS.format(text=f"({text})", group="''", singles=f"({text})")]
        singles = f"regexp_replace({text}, '[ -~]+', '', 'g')"
        group = f"{owner} % {GROUPS}"
        return [PAIRS.format(text=text, group=group, singles=singles), f"ARRAY[{owner}]"]

    def words(self, row):
        """Return SQL for the text of words in the FTS5 table."""
        if not self.owner:
            return WORDS_OF_ALL.format(text=f"({self.text(row)})")
        return WORDS.format(text=self.text(row), owner=f"{row}{self.owner}")


INDEXES = {
    index.key: index
    for index in (
        BigramIndex("sample_files", owner="user_id"),
        BigramIndex("sample_files"),
        BigramIndex("sample_sessions"),
        BigramIndex("sample_messages"),
        BigramIndex("sample_users", ("username_key", "email_key")),
    )
}


def bigrams(word, ascii_too=False):
    """Return the entries of every text that contains `word`.

    For one ASCII character [], unless `ascii_too`.
    """
    if len(word) == 1:
        is_indexed = ascii_too or not " " <= word <= "~"
        return [word] if is_indexed and word != SEPARATOR else []
    found = {word[start : start + 2] for start in range(len(word) - 1)}
    return sorted(bigram for bigram in found if SEPARATOR not in bigram)


def bigram_match(model, words, owner=None):
    """Return a condition for rows of `model` that have all bigrams of `words`, by an index.

    With `owner` (an ID) for rows of that user. None if no index helps.
    """
    index = INDEXES.get(model._meta.db_table if owner else f"all_{model._meta.db_table}")
    found = {bigram for word in words for bigram in bigrams(word, ascii_too=not owner)}
    return BigramMatch(index, owner, sorted(found)) if index and found else None


class BigramMatch(models.Func):
    """Whether a row has some bigrams, and belongs to an owner (an ID) if one is given."""

    output_field = models.BooleanField()

    def __init__(self, index, owner, bigrams):
        super().__init__(models.F("pk"))
        self.index, self.owner, self.bigrams = index, owner, bigrams

    def columns(self, compiler):
        """Return SQL for the primary key, and for the table with a dot."""
        key = compiler.compile(self.source_expressions[0])[0]
        return key, key.rpartition(".")[0] + "."

    def as_postgresql(self, compiler, connection, **_context):
        """Return the SQL and its parameters."""
        _key, table = self.columns(compiler)
        # The driver takes a single % for a parameter.
        array, *owners = (each.replace("%", "%%") for each in self.index.arrays(table))
        if not owners:
            return f"({array} @> %s::text[])", [self.bigrams]
        keys = [f"{bigram}{self.owner % GROUPS}" for bigram in self.bigrams]
        return f"({array} @> %s::text[] AND {owners[0]} @> %s::bigint[])", [keys, [self.owner]]

    def as_sqlite(self, compiler, connection, **_context):
        """Return the SQL and its parameters."""
        key, table = self.columns(compiler)
        name = PREFIX + self.index.key
        prefix = f"{self.owner}x" if self.owner else "x"
        words = " ".join(f"{prefix}{bigram.encode().hex()}" for bigram in self.bigrams)
        found = f"{key} IN (SELECT rowid FROM {name} WHERE {name} MATCH %s)"
        if not self.owner:
            return f"({found})", [words]
        # Checks the owner without trusting the triggers; the + keeps SQLite from other indexes.
        return f"({found} AND +{table}{self.index.owner} = %s)", [words, self.owner]


def make(connection, key):
    """Create an index of INDEXES, again if it exists."""
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        remove(connection, key)
        for sql in statements(connection, key):
            cursor.execute(sql)


def statements(connection, key):
    """Return the statements that create an index."""
    index = INDEXES[key]
    return [_gin(index)] if connection.vendor == "postgresql" else [*_fts(index)]


def existing(connection):
    """Return the keys of the indexes in an SQLite database."""
    with connection.cursor() as cursor:
        sql = "SELECT name FROM sqlite_master WHERE name GLOB %s AND sql GLOB 'CREATE VIRTUAL *'"
        cursor.execute(sql, [f"{PREFIX}*"])
        return [name.removeprefix(PREFIX) for (name,) in cursor.fetchall()]


def remove(connection, key):
    """Drop an index, if it exists."""
    kind = "INDEX" if connection.vendor == "postgresql" else "TABLE"
    with connection.cursor() as cursor:
        cursor.execute(f"DROP {kind} IF EXISTS {PREFIX}{key}")
        if connection.vendor == "sqlite":
            for event in TRIGGERS:
                cursor.execute(f"DROP TRIGGER IF EXISTS {PREFIX}{key}_{event}")


def is_complete(connection, key):
    """Return whether an index exists, with its triggers on SQLite.

    Those are lost when a migration rebuilds the table.
    """
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [PREFIX + key])
            return cursor.fetchone()[0]
        wanted = [PREFIX + key, *(f"{PREFIX}{key}_{event}" for event in TRIGGERS)]
        cursor.execute("SELECT name FROM sqlite_master WHERE name GLOB %s", [f"{PREFIX}{key}*"])
        return {name for (name,) in cursor.fetchall()}.issuperset(wanted)


def repair(connection, migration, *keys):
    """Create the indexes again that a migration has broken, once `migration` made them.

    For post_migrate; `migration` is an app and a name.
    """
    if migration in MigrationRecorder(connection).applied_migrations():
        for key in keys:
            if not is_complete(connection, key):
                make(connection, key)


def _gin(index):
    """Return the statement that creates the GIN index."""
    keys = ", ".join(f"({array})" for array in index.arrays())
    # Every search reads the whole list of pending rows, so keep it short (KiB).
    return (
        f"CREATE INDEX {PREFIX}{index.key} ON {index.table} USING gin ({keys})"
        " WITH (gin_pending_list_limit = 512)"
    )


def _fts(index):
    """Yield the statements that create the FTS5 table and its triggers, and fill it."""
    name, table = PREFIX + index.key, index.table
    columns = [column for column in (index.owner, *index.columns) if column]
    parts = {
        "add": f"INSERT INTO {name} (rowid, pairs) VALUES (new.id, {index.words('new.')})",
        "remove": f"INSERT INTO {name} ({name}, rowid, pairs)"
        f" VALUES ('delete', old.id, {index.words('old.')})",
        "columns": ", ".join(columns),
        "changed": " OR ".join(f"old.{column} IS NOT new.{column}" for column in columns),
    }
    options = "content='', columnsize=0, detail=none, tokenize='ascii'"
    yield f"CREATE VIRTUAL TABLE {name} USING fts5(pairs, {options})"
    for event, sql in TRIGGERS.items():
        yield f"CREATE TRIGGER {name}_{event} {sql.format(table=table, **parts)}"
    words = index.words(f"{table}.")
    yield f"INSERT INTO {name} (rowid, pairs) SELECT id, {words} FROM {table}"
