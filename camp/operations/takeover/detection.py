"""Which tables of the old backend are here, and whether `migrate` must leave them alone."""

from django.core.management import CommandError
from django.db import connection
from django.utils.translation import gettext as _

from camp.config import shell
from camp.operations.database import server
from camp.operations.takeover.expected import PREFIX, Expected
from camp.operations.takeover.found import ALEMBIC
from camp.operations.takeover.names import TABLES
from camp.operations.takeover.steps import count, quoted


def sources(expected, given=None):
    """Return {Camp's name: old table} of the old tables that are here.

    `given` says of some of Camp's names which table it is. Beside Camp's own table an empty one
    is none. Raises CommandError where two tables may be the same, or a given one is not there.
    """
    given = given or {}
    there = table_names()
    known = {name: candidates(expected, name, given, there) for name in expected.tables}
    found = {}
    for name, old in known.items():
        filled = [table for table in old if has_rows(table)]
        if len(filled) > 1:
            sentence = _(
                "%(one)s and %(other)s both have rows: say which one it is with --table "
                "%(table)s=NAME"
            )
            values = {"one": filled[0], "other": filled[1], "table": name}
            raise CommandError(sentence % values)
        if filled or (old and not expected.is_own(name)):
            found[name] = (filled or old)[0]
    return found


def table_names():
    """Return the names of all tables and views."""
    return set(connection.introspection.table_names(include_views=True))


def candidates(expected, name, given, there):
    """Return the names of the tables that may be Camp's `name`."""
    if name in given:
        if given[name] not in there:
            raise CommandError(_("There is no table %(table)s here.") % {"table": given[name]})
        return [given[name]]
    own = expected.is_own(name)
    names = [*([] if own else [name]), *TABLES.get(name, [])]
    return [table for table in names if table in there]


def has_rows(table):
    """Return whether there is a row in a table."""
    return bool(count(f"SELECT COUNT(*) FROM (SELECT 1 FROM {quoted(table)} LIMIT 1) AS one"))  # noqa: S608


def is_old():
    """Return whether old tables are here beside which `migrate` would make empty ones."""
    return bool(waiting())


def waiting():
    """Return the names of the old tables that Camp did not take over and has no own ones for."""
    if not server.is_there():
        return []
    expected = Expected()
    there = table_names()
    found = [
        table
        for name in expected.tables
        if not expected.is_own(name)
        for table in candidates(expected, name, {}, there)
    ]
    return found or ([] if expected.applied else unrecognised(there))


def unrecognised(there):
    """Return the names of tables that seem to be the old backend's, though not as Camp knows it."""
    return sorted(name for name in there if name.startswith(PREFIX) or name == ALEMBIC)


def left_beside():
    """Return {old table: rows} of what is here beside Camp's own tables and not taken over."""
    expected = Expected()
    there = table_names()
    old = [
        table
        for name in expected.tables
        if expected.is_own(name)
        for table in candidates(expected, name, {}, there)
    ]
    counts = {table: count(f"SELECT COUNT(*) FROM {quoted(table)}") for table in old}  # noqa: S608
    return {table: rows for table, rows in counts.items() if rows}


def refuse_old():
    """Raise CommandError, naming `manage.py takeover`, if the database is an old one."""
    if tables := waiting():
        sentence = _(
            "The database %(name)s was made by the old backend (%(tables)s), and Camp has not "
            "taken it over yet. See what that would do with: %(fix)s"
        )
        values = {"name": server.place().name, "tables": ", ".join(tables)}
        raise CommandError(sentence % (values | {"fix": shell.manage("takeover")}))
