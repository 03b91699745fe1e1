"""Old columns that bear the name of one that Camp's later migrations add: their values move.

They themselves stay, under another name.
"""

# ruff: noqa: S608  (names come from the catalogue or from models, and are quoted)

from django.utils.translation import gettext as _

from camp.db import old_metadata
from camp.db.old_metadata import squeezed
from camp.operations.takeover.matching import POSSIBLE
from camp.operations.takeover.steps import Step, quoted

# What each of Camp's later columns was called.
TAKEN = {
    "is_superuser": ["issuperuser"],
    "is_staff": ["isstaff"],
    "last_login": ["lastlogin", "lastloginat", "lastlogintime", "loggedinat", "lastsigninat"],
    "edited_at": ["editedat"],
    "session_id": ["sessionid"],
    "old_metadata": old_metadata.NAMES,
}
DELETED = {"isdeleted", "deleted", "deletedat", "removedat"}


def adopt(match, matches, engine, zone):
    """Yield the Steps that bring values into columns which are there by now."""
    table = quoted(match.name)
    for column in match.unknown:
        name = original(match, column)
        target = taker(match, name)
        if squeezed(name) in DELETED and "deleted_at" in match.expected.later:
            yield from trash(match, column)
        elif target is not None and column.family in POSSIBLE[target.family]:
            text = _("%(table)s.%(column)s gets the values of %(old)s.")
            values = {"table": match.name, "column": target.name, "old": column.name}
            old = quoted(column.name)
            if target.references:
                yield Step(text % values, [reference(match, target, column, matches)])
                continue
            value = engine.cast(old, column, target, zone)
            into = quoted(target.name)
            empty = f" AND {into} IS NULL" if target.null else ""
            sql = f"UPDATE {table} SET {into} = {value} WHERE {old} IS NOT NULL{empty}"
            yield Step(text % values, [sql])
            if target.name == "is_superuser":
                # Nobody else could open the administration, and there is an administrator.
                yield Step("", [f"UPDATE {table} SET is_staff = true WHERE is_superuser"])


def taker(match, name):
    """Return the column of Camp's later migrations that takes the values of an old one, or None."""
    for target, names in TAKEN.items():
        if target in match.expected.later and squeezed(name) in names:
            return match.expected.later[target]
    return None


def original(match, column):
    """Return what a column was called by the old backend."""
    names = {new: old for old, new in match.aside.items()}
    return names.get(column.name, column.name)


def reference(match, target, column, matches):
    """Return the SQL that looks a reference up; what is not found stays empty."""
    into = matches.get(target.references)
    key = "id"
    if column.family != "integer":
        key = into.aside[into.names["id"]] if into and into.renumbered else "session_id"
    return (
        f"UPDATE {quoted(match.name)} SET {quoted(target.name)} = target.id "
        f"FROM {quoted(target.references)} AS target "
        f"WHERE CAST({quoted(column.name)} AS varchar) = CAST(target.{quoted(key)} AS varchar)"
    )


def trash(match, column):
    """Yield the Step that puts what was deleted into the trash, from today on.

    With the date of the old backend, the next sweep might remove it for good.
    """
    name = quoted(column.name)
    if column.family in ("boolean",):
        condition = name
    elif column.family == "integer":
        condition = f"{name} <> 0"
    elif column.family in ("moment", "naive", "date"):
        condition = f"{name} IS NOT NULL"
    else:
        return
    now = "CURRENT_TIMESTAMP"
    text = _("%(table)s: rows with %(column)s go into the trash, where they stay from today on.")
    yield Step(
        text % {"table": match.name, "column": column.name},
        [f"UPDATE {quoted(match.name)} SET deleted_at = {now} WHERE {condition}"],
    )
