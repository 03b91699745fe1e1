"""References between the old tables: numbers for keys that are none, and rows left alone."""

# ruff: noqa: S608  (names come from the catalogue or from models, and are quoted)

from django.apps import apps
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from camp.operations.takeover import ordering
from camp.operations.takeover.matching import KEYS
from camp.operations.takeover.steps import Step, count, quoted

# What else than the key a reference to such a row may hold.
PUBLIC_KEYS = {"sample_sessions": "session_id"}


def translate(matches):
    """Yield the Steps that number rows whose keys are no numbers, and look references up anew.

    The old keys and references stay, under another name.
    """
    for match in matches.values():
        if match.renumbered:
            yield numbering(match)
    for match in matches.values():
        for column in match.expected.columns.values():
            if not column.references or not match.is_translated(column.name):
                continue
            table, target = quoted(match.table), quoted(matches[column.references].table)
            key = quoted(key_of(match, column, matches))
            old = quoted(match.aside[match.names[column.name]])
            sql = (
                f"UPDATE {table} SET {quoted(column.name)} = target.id FROM {target} AS target "
                f"WHERE CAST({table}.{old} AS varchar) = CAST(target.{key} AS varchar)"
            )
            text = _("%(table)s.%(column)s gets the numbers of the rows that it points to.")
            yield Step(text % {"table": match.name, "column": column.name}, [sql])


def numbering(match):
    """Return the Step that numbers the rows of a table, the oldest first: see ordering."""
    key = match.aside[match.names["id"]]
    last = f"(SELECT coalesce(max(id), 0) FROM {quoted(match.name)})" if match.beside else "0"
    rows = f"({ordering.numbered(match)}) AS numbered"
    sql = (
        f"UPDATE {quoted(match.table)} SET id = {last} + numbered.n FROM {rows} "
        f"WHERE {quoted(key)} = numbered.old"
    )
    text = _("%(table)s: the rows are numbered; their old keys stay as %(old)s.")
    return Step(text % {"table": match.name, "old": key}, [sql])


def key_of(match, column, matches):
    """Return the column of the target by which a reference is looked up, as it is called then."""
    target = matches.get(column.references)
    if target is None:
        return None
    old = match.old(column.name)
    named = {
        key.targets[0]
        for key in match.found.foreign_keys
        if key.columns == (old.name,) and key.table == column.references
    }
    public = PUBLIC_KEYS.get(column.references)
    if public in target.names and named == {target.names[public]}:
        return public
    if target.renumbered:
        return target.aside[target.names["id"]]
    return public if public in target.names and old.family in KEYS else None


def orphans(match, matches):
    """Yield the Steps for rows that point to a row which is gone.

    Where Camp can do without, the reference becomes empty; where it cannot, the row that it
    points to is made again, with nothing in it.
    """
    for column in match.expected.columns.values():
        if not column.references:
            continue
        number = strays(match, column, matches)
        if column.null:
            yield let_go(match, column, number)
        else:
            yield make_parents(match, column, number)


def let_go(match, column, number):
    """Return the Step that empties the references that lead nowhere."""
    text = ngettext(
        "%(table)s: %(count)s row whose owner is gone stays without one, for organisers to see.",
        "%(table)s: %(count)s rows whose owner is gone stay without one, for organisers to see.",
        number,
    )
    name = quoted(column.name)
    sql = f"UPDATE {quoted(match.name)} SET {name} = NULL WHERE {astray(match, column, name)}"
    return Step(text % {"table": match.name, "count": f"{number:,}"} if number else "", [sql])


def make_parents(match, column, number):
    """Return the Step that makes the rows again to which others point."""
    model = next(each for each in apps.get_models() if each._meta.db_table == column.references)
    text = ngettext(
        "%(table)s: for %(count)s row that belongs to none, one is made in %(target)s.",
        "%(table)s: for %(count)s rows that belong to none, such are made in %(target)s.",
        number,
    )
    values = {"table": match.name, "count": f"{number:,}", "target": column.references}

    def make():
        from django.db import connection

        name = quoted(column.name)
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT DISTINCT {name} FROM {quoted(match.name)} "
                f"WHERE {astray(match, column, name)} ORDER BY 1"
            )
            keys = [key for (key,) in cursor.fetchall()]
        model._base_manager.bulk_create([model(pk=key) for key in keys], batch_size=1000)

    return Step(text % values if number else "", run=make)


def strays(match, column, matches):
    """Return how many rows belong to none, as the tables still are."""
    old = match.old(column.name)
    if old is None:
        return match.found.rows
    name, table = quoted(old.name), quoted(match.found.name)
    number = count(f"SELECT COUNT(*) FROM {table} WHERE {name} IS NULL")
    if match.found.points_into(old.name, column.references) or column.references not in matches:
        return number
    target = matches[column.references]
    key = key_of(match, column, matches) if match.is_translated(column.name) else "id"
    [key] = [there for there, new in target.aside.items() if new == key] or [target.names[key]]
    return number + count(
        f"SELECT COUNT(*) FROM {table} AS stray WHERE {name} IS NOT NULL AND NOT EXISTS "
        f"(SELECT 1 FROM {quoted(target.found.name)} AS target "
        f"WHERE CAST(target.{quoted(key)} AS varchar) = CAST(stray.{name} AS varchar))"
    )


def astray(match, column, name):
    """Return the SQL condition for a reference that leads nowhere."""
    target = quoted(column.references)
    return (
        f"{name} IS NOT NULL AND NOT EXISTS (SELECT 1 FROM {target} AS target "
        f"WHERE target.id = {quoted(match.name)}.{name})"
    )
