"""Values for what Camp requires and the old backend left empty."""

# ruff: noqa: S608  (names come from the catalogue or from models, and are quoted)

from dataclasses import dataclass

from django.db import connection
from django.utils.translation import gettext_lazy, ngettext

from camp.operations.takeover.steps import Step, count, quoted

OTHER_TIME = gettext_lazy("the row's other time, or now")


@dataclass(frozen=True)
class Fill:
    """A value for rows without one: `value` in SQL, `words` for a person."""

    column: str
    value: str
    words: str
    blank: bool = False  # an empty text counts as none


# {now} and {id} stand for what each engine has of its own. One that uses another column comes
# after it.
FILLS = {
    "sample_users": [
        # What is to become of these, a person decides: see the part of the accounts.
        Fill("email", "''", ""),
        Fill("username", "''", ""),
        Fill("hashed_password", "''", gettext_lazy("nothing, which no password fits")),
        Fill("is_active", "true", gettext_lazy("yes")),
        Fill("created_at", "coalesce(updated_at, {now})", OTHER_TIME),
        Fill("updated_at", "coalesce(created_at, {now})", OTHER_TIME),
    ],
    "sample_sessions": [
        Fill("session_id", "{id}", gettext_lazy("a new one"), blank=True),
        Fill("title", "''", gettext_lazy("an empty one")),
        Fill("created_at", "coalesce(updated_at, {now})", OTHER_TIME),
        Fill("updated_at", "coalesce(created_at, {now})", OTHER_TIME),
    ],
    "sample_messages": [
        Fill("role", "'user'", "“user”", blank=True),
        Fill("content", "''", gettext_lazy("an empty one")),
        Fill("created_at", "{now}", gettext_lazy("now")),
    ],
    "sample_files": [
        Fill("filename", "''", gettext_lazy("the name of its bytes"), blank=True),
        Fill("content_type", "''", gettext_lazy("one that fits the name"), blank=True),
        Fill("size", "0", gettext_lazy("that of the bytes, once they are found")),
        Fill("storage_path", "''", gettext_lazy("an empty one")),
        Fill("created_at", "{now}", gettext_lazy("now")),
    ],
}
# Unique texts that nobody chose: a new one does no harm.
IDENTIFIERS = {"session_id"}
OWN_SQL = {
    "postgresql": {"now": "now()", "id": "gen_random_uuid()::text"},
    "sqlite": {"now": "strftime('%Y-%m-%d %H:%M:%f', 'now')", "id": "camp_uuid()"},
}


def fills(match, matches):
    """Yield a Step for each value that the rows of a table lack."""
    for fill in FILLS.get(match.name, []):
        column = quoted(fill.column)
        value = fill.value.format(**OWN_SQL[connection.vendor])
        if fill.column in IDENTIFIERS and match.renumbered:
            # It is in links that people have.
            value = f"CAST({quoted(match.aside[match.names['id']])} AS varchar)"
        sql = f"UPDATE {quoted(match.table)} SET {column} = {value} WHERE {empty(fill, column)}"
        yield Step(told(match, fill, lacking(match, fill)), [sql])
    yield from fresh_identifiers(match)
    yield from keys_for_strays(match, matches)


def told(match, fill, number):
    """Return what a person reads of a fill; "" where there is nothing to fill."""
    if not number or not fill.words:
        return ""
    text = ngettext(
        "%(table)s: %(count)s row without %(column)s gets %(words)s.",
        "%(table)s: %(count)s rows without %(column)s get %(words)s.",
        number,
    )
    values = {"table": match.name, "column": fill.column, "words": fill.words}
    return text % (values | {"count": f"{number:,}"})


def lacking(match, fill):
    """Return how many rows have no value, as the table still is."""
    old = match.old(fill.column)
    if old is None:
        return match.found.rows
    column = quoted(old.name)
    blank = fill.blank and old.family == "text"
    if not (old.null or blank):
        return 0
    condition = empty(fill, column) if blank else f"{column} IS NULL"
    return count(f"SELECT COUNT(*) FROM {quoted(match.found.name)} WHERE {condition}")


def empty(fill, column):
    """Return the SQL condition for a row without a value."""
    return f"({column} IS NULL OR {column} = '')" if fill.blank else f"{column} IS NULL"


def fresh_identifiers(match):
    """Yield the Step that gives rows a new public identifier where an earlier row has theirs."""
    for column in match.expected.columns.values():
        old = match.old(column.name)
        if not column.field.unique or column.name not in IDENTIFIERS or old is None:
            continue
        if match.found.is_unique(old.name):
            continue
        table, name = quoted(match.found.name), quoted(old.name)
        number = count(f"SELECT COUNT({name}) - COUNT(DISTINCT {name}) FROM {table}")
        text = ngettext(
            "%(table)s: %(count)s row with the %(column)s of an earlier one gets a new one.",
            "%(table)s: %(count)s rows with the %(column)s of an earlier one get new ones.",
            number,
        )
        values = {"table": match.name, "column": column.name, "count": f"{number:,}"}
        table, name = quoted(match.table), quoted(column.name)
        numbered = (
            f"SELECT id, row_number() OVER (PARTITION BY {name} ORDER BY id) AS n FROM {table}"
        )
        sql = (
            f"UPDATE {table} SET {name} = {OWN_SQL[connection.vendor]['id']} "
            f"WHERE id IN (SELECT id FROM ({numbered}) AS numbered WHERE n > 1)"
        )
        yield Step(text % values if number else "", [sql])


def keys_for_strays(match, matches):
    """Yield the Step that gives rows which must belong to another a key that nothing has yet.

    Where nothing stands behind a key, the row that does is made later: see orphans.
    """
    for column in match.expected.columns.values():
        if column.references and not column.null:
            name, table = quoted(column.name), quoted(match.table)
            target = matches.get(column.references)
            into = quoted(target.table if target else column.references)
            highest = [
                f"(SELECT coalesce(max({key}), 0) FROM {of})"
                for key, of in [("id", into), (name, table)]
            ]
            sql = f"UPDATE {table} SET {name} = {' + '.join(highest)} + 1 WHERE {name} IS NULL"
            yield Step("", [sql])
