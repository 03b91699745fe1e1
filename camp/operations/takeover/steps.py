"""What a takeover consists of: steps that are first told, then done."""

from collections.abc import Callable
from dataclasses import dataclass, field

from django.db import connection
from django.utils.translation import ngettext


@dataclass
class Step:
    """One thing to do: `text` for a person ("" where there is nothing to tell), SQL or code."""

    text: str
    sql: list = field(default_factory=list)
    run: Callable | None = None

    def do(self):
        """Do it, in the transaction that is open."""
        with connection.cursor() as cursor:
            for statement in self.sql:
                cursor.execute(statement)
        if self.run:
            self.run()


@dataclass
class Choices:
    """What a person decided beforehand.

    `columns` is {(table, column): old name}, `tables` {table: old name}; `zone` the time zone
    of moments without one.
    """

    columns: dict = field(default_factory=dict)
    tables: dict = field(default_factory=dict)
    zone: str = "UTC"


@dataclass
class Part:
    """What an app adds to a takeover: what it found, what must be settled, what it does.

    `before` is done while the tables still are the old ones with Camp's names and types,
    `after` when they are Camp's.
    """

    title: str
    lines: list = field(default_factory=list)
    problems: list = field(default_factory=list)
    before: list = field(default_factory=list)
    after: list = field(default_factory=list)


def added(match):
    """Return the sentence on rows that go into a table of Camp's that is there already."""
    text = ngettext(
        "%(old)s: %(count)s row is added to %(table)s, behind those that are there.",
        "%(old)s: %(count)s rows are added to %(table)s, behind those that are there.",
        match.found.rows,
    )
    values = {"old": match.found.name, "table": match.name}
    return text % (values | {"count": f"{match.found.rows:,}"})


def quoted(name):
    """Return a name as it stands in SQL."""
    return connection.ops.quote_name(name)


def count(sql, parameters=None):
    """Return the one number that a query answers with."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchone()[0]
