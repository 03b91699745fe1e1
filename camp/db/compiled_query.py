"""Queries of the pages that are opened most: Django writes their SQL once, not for each request.

For a list of sessions Django takes four times as long to write the SQL as SQLite to answer it.
"""

from copy import copy
from functools import lru_cache, wraps
from typing import NamedTuple

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import Model, QuerySet

PREPARE_AFTER = 5  # executions
MAX_SHAPES = 32  # of one query
# Placeholders are -FIRST, -FIRST - 1, …: small enough for every column of integers
FIRST = 2_000_000_001


class JoinedColumns(NamedTuple):
    """A queryset of named tuples, and a statement that joins columns of other tables to its rows.

    In `sql` the queryset is `{rows}`; its own columns come first. `params` are those after the
    queryset's. Django cannot join to a page of rows.
    """

    queryset: QuerySet
    columns: tuple[str, ...]
    sql: str
    params: tuple


class CompiledQuery:
    """A queryset or JoinedColumns whose SQL is written.

    `placeholders` are the parameters that change.
    """

    def __init__(self, queryset, placeholders):
        joined = queryset if isinstance(queryset, JoinedColumns) else None
        self.queryset = joined.queryset if joined else queryset
        self.compiler = self.queryset.query.get_compiler(DEFAULT_DB_ALIAS)
        self.sql, self.params = self.compiler.as_sql()
        if joined:
            self.queryset._fields += joined.columns
            self.sql = joined.sql.format(rows=self.sql)
            self.params = (*self.params, *joined.params)
        self.compiler.connection = None  # it belongs to this thread
        self.positions = {param: n for n, param in enumerate(placeholders)}
        if missing := set(placeholders) - set(self.params):
            raise ValueError(f"Not parameters of the query: {missing}")

    def fetch(self, values):
        """Return the rows as a list, with `values` in the place of the placeholders."""
        positions = self.positions
        params = tuple(values[positions[p]] if p in positions else p for p in self.params)
        compiler = copy(self.compiler)
        compiler.connection = connections[DEFAULT_DB_ALIAS]
        with open_cursor(compiler.connection) as cursor:
            cursor.execute(self.sql, params)
            rows = cursor.fetchall()
        compiler.execute_sql = lambda *_args, **_options: [rows]
        return list(self.queryset._iterable_class(BoundQueryset(self.queryset, compiler)))


class BoundQueryset:
    """What Django's iterables ask a queryset and its query, with a compiler that has the rows.

    To copy the queryset for each request would take a third of the time.
    """

    def __init__(self, queryset, compiler):
        self.queryset, self.compiler = queryset, compiler
        self.query = self

    def get_compiler(self, *_args, **_options):
        """Return the compiler."""
        return self.compiler

    def __getattr__(self, name):
        source = self.queryset if hasattr(self.queryset, name) else self.queryset.query
        return getattr(source, name)


def open_cursor(connection):
    """Return a cursor; on PostgreSQL one that prepares the statements that it executes.

    To plan them takes PostgreSQL longer than to read the rows. Django's own cursors merge the
    parameters into the SQL, so that no statement comes twice. PgBouncer does not keep prepared
    statements by default.
    """
    is_pooled = connection.settings_dict.get("DISABLE_SERVER_SIDE_CURSORS")
    # Where queries are logged, the log shows the parameters.
    if connection.vendor != "postgresql" or is_pooled or connection.queries_logged:
        return connection.cursor()
    import psycopg  # with SQLite it would only take memory

    connection.ensure_connection()
    connection.connection.prepare_threshold = PREPARE_AFTER
    cursor = psycopg.Cursor(connection.connection)
    cursor.format = psycopg.pq.Format.BINARY  # text of times is slow to parse
    return connection._prepare_cursor(cursor)


def compile_query(build):
    """Decorate a function that returns a queryset, so that it returns the list of its rows.

    It may return JoinedColumns instead.

    Positional arguments are integers, strings or saved models, of which the query may use only the
    key, and only as parameters. Keyword arguments, which must be hashable, may change the SQL.
    The queryset must not use prefetch_related.
    """

    @lru_cache(MAX_SHAPES)
    def compile_shape(types, options):
        arguments, placeholders = [], []
        for n, type_ in enumerate(types, FIRST):
            placeholder = str(-n) if type_ is str else -n
            placeholders.append(placeholder)
            arguments.append(type_(pk=-n) if issubclass(type_, Model) else placeholder)
        return CompiledQuery(build(*arguments, **dict(options)), placeholders)

    @wraps(build)
    def fetch(*arguments, **options):
        # `__class__`: the user of a request is a lazy object.
        query = compile_shape(tuple(each.__class__ for each in arguments), tuple(options.items()))
        return query.fetch([getattr(each, "pk", each) for each in arguments])

    return fetch
