"""How SQLite's tables become Camp's: their rows move into fresh ones.

SQLite alters next to nothing in place, and a table that Django's migrations touch is made
anew without the columns that they do not know. So the old tables step aside, all of Camp's
migrations run, the unknown columns are added, and the rows come back.
"""

# ruff: noqa: S608  (names come from the catalogue or from models, and are quoted)

import re
import uuid
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from django.apps import apps
from django.core.management import call_command
from django.db import connection
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from camp.db.search_text import SearchTextField, fill_search_text
from camp.operations.takeover import sqlite_catalogue
from camp.operations.takeover.found import FoundTable
from camp.operations.takeover.steps import Step, added, quoted

ASIDE = "camp_old_"
OBJECTS = """
    SELECT type, name, sql FROM sqlite_master
    WHERE tbl_name = %s AND type IN ('index', 'trigger') AND sql IS NOT NULL
"""


def prepare(zone):
    """Give the open connection the functions that the steps use."""
    raw = connection.connection
    raw.create_function("camp_uuid", 0, lambda: str(uuid.uuid4()))
    raw.create_function("camp_moment", 1, lambda value: moment(value, ZoneInfo(zone)))


def moment(value, zone):
    """Return a time as Django keeps it in SQLite, from what the old backend kept.

    What cannot be read as a time stays as it is, for a person to look at.
    """
    if value is None or value == "":
        return None
    if isinstance(value, int | float):
        found = datetime.fromtimestamp(value, UTC)
    else:
        try:
            found = parse_datetime(str(value)) or datetime.fromisoformat(str(value))
        except ValueError:
            return value
    found = found if found.tzinfo else found.replace(tzinfo=zone)
    return str(found.astimezone(UTC).replace(tzinfo=None))


def problems(found, matches):
    """Yield sentences about tables that Camp does not know, and whose references would break."""
    renumbered = {match.found.name for match in matches.values() if match.renumbered}
    for name in found.others:
        table = FoundTable(name, {})
        with connection.cursor() as cursor:
            sqlite_catalogue.fill(cursor, table)
            cursor.execute(f"PRAGMA foreign_key_check({quoted(name)})")
            stray = len(cursor.fetchall())
        if stray:
            text = ngettext(
                "%(table)s has %(count)s row that points to one which is gone: remove it.",
                "%(table)s has %(count)s rows that point to ones which are gone: remove them.",
                stray,
            )
            yield text % {"table": name, "count": stray}
        for key in table.foreign_keys:
            if key.table in renumbered:
                sentence = _(
                    "%(table)s points to keys of %(target)s that are no numbers: with SQLite, "
                    "Camp cannot keep that. Move the database to PostgreSQL first."
                )
                yield sentence % {"table": name, "target": key.table}


def retype(match, zone):
    """Yield the Steps that bring values into Camp's form; types matter little here."""
    table = quoted(match.table)
    for column in match.expected.columns.values():
        old = match.old(column.name)
        if old is not None and column.family == "moment":
            name = quoted(column.name)
            yield Step("", [f"UPDATE {table} SET {name} = camp_moment({name})"])


def cast(expression, old, column, zone):
    """Return the SQL that turns an old value into one of Camp's column."""
    return f"camp_moment({expression})" if column.family == "moment" else expression


def rebuild(matches):
    """Yield the Steps that move the rows into Camp's own tables, with the unknown columns."""
    objects = {}

    def step_aside():
        with connection.cursor() as cursor:
            # Else views of tables that are away for a moment would be an error.
            cursor.execute("PRAGMA legacy_alter_table=ON")
            for name, match in matches.items():
                cursor.execute(OBJECTS, [match.table])
                objects[name] = [] if match.beside else cursor.fetchall()
                # Copied, not renamed: without its constraints, and foreign keys of other
                # tables go on naming the table.
                cursor.execute(
                    f"CREATE TABLE {quoted(ASIDE + name)} AS SELECT * FROM {quoted(match.table)}"
                )
                cursor.execute(f"DROP TABLE {quoted(match.table)}")

    def come_back():
        with connection.cursor() as cursor:
            for name, match in matches.items():
                bring_rows(cursor, match)
                cursor.execute(f"DROP TABLE {quoted(ASIDE + name)}")
                restore_objects(cursor, objects[name])
            cursor.execute("PRAGMA legacy_alter_table=OFF")

    yield Step("", run=step_aside)
    for match in matches.values():
        if match.beside:
            yield Step(added(match))
    yield Step(_("Camp's migrations run."), run=migrate)
    yield Step("", run=come_back)
    yield Step("", run=lambda: make_findable(matches))


def migrate():
    """Run Camp's migrations while the rows are away.

    After each, Django would check all foreign keys, also those of tables that Camp does not
    know. That is done at the end instead.
    """
    connection.check_constraints = lambda table_names=None: None
    try:
        call_command("migrate", verbosity=0, interactive=False, beside_old=True)
    finally:
        del connection.check_constraints


def bring_rows(cursor, match):
    """Copy the rows of the table that stepped aside into Camp's, unknown columns included."""
    table = quoted(match.name)
    cursor.execute("SELECT name FROM pragma_table_info(%s)", [match.name])
    there = {name for (name,) in cursor.fetchall()}
    for column in match.unknown:
        if column.name in there:
            continue
        default = f" DEFAULT {column.default}" if is_constant(column.default) else ""
        cursor.execute(
            f"ALTER TABLE {table} ADD COLUMN {quoted(column.name)} {column.type}{default}"
        )
    names = [*match.expected.columns, *(column.name for column in match.unknown)]
    later = {
        column.name: column.field.get_default()
        for column in match.expected.later.values()
        if not column.null
    }
    into = ", ".join(quoted(name) for name in [*names, *later])
    values = ", ".join([*map(quoted, names), *(["%s"] * len(later))])
    rows = f"SELECT {values} FROM {quoted(ASIDE + match.name)} ORDER BY id"
    cursor.execute(f"INSERT INTO {table} ({into}) {rows}", list(later.values()))


def is_constant(default):
    """Return whether a default can be that of a column that is added."""
    return bool(re.fullmatch(r"-?[\d.]+|'(?:[^']|'')*'|true|false", default, re.IGNORECASE))


def restore_objects(cursor, objects):
    """Make the indexes and triggers of the old table on the new one."""
    cursor.execute("SELECT name FROM sqlite_master")
    taken = {there for (there,) in cursor.fetchall()}
    for _kind, other, sql in objects:
        if other not in taken:
            cursor.execute(sql)


def make_findable(matches):
    """Fill the search columns, whose migrations found no rows."""
    for model in apps.get_models():
        if model._meta.db_table in matches:
            for field in model._meta.fields:
                if isinstance(field, SearchTextField):
                    label = model._meta.label
                    fill_search_text(
                        apps, label, field.source, limit=field.limit, column=field.name
                    )
