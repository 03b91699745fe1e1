"""Tables of the old backend in the configured database, which only PostgreSQL ever held."""

# ruff: noqa: S608  (table names come from the catalogue, and are quoted)

from collections.abc import Iterable

from django.core.management import CommandError
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.utils.translation import gettext as _

from camp.config import shell
from camp.operations.database import server

ALEMBIC = "alembic_version"
PREFIX = "sample_"
FIRST_MIGRATION = "0001_initial"
# Each table and the app whose first migration makes it; a table follows those it refers to.
# The old backend called them by these names or by the singular, such as `sample_user`.
APPS = {
    "sample_users": "accounts",
    "sample_sessions": "sessions_app",
    "sample_messages": "sessions_app",
    "sample_files": "files",
}


def find_unconverted_tables() -> list[str]:
    """Return the names of old tables beside which `migrate` must not make empty ones."""
    if not server.is_postgresql() or not server.database_exists():
        return []
    migrated, present = read_migrated_apps(), read_table_names()
    names = [
        name
        for table, app in APPS.items()
        if app not in migrated
        for name in list_candidates(table, migrated, present)
    ]
    return names or ([] if migrated & {*APPS.values()} else find_old_names(present))


def find_old_names(present: Iterable[str]) -> list[str]:
    """Return those of the table names `present` that look like the old backend's."""
    if not server.is_postgresql():
        return []
    return sorted(name for name in present if name.startswith(PREFIX) or name == ALEMBIC)


def count_leftover_rows() -> dict[str, int]:
    """Return {old table: rows} for filled old tables that lie beside Camp's own."""
    if not server.is_postgresql():
        return {}
    migrated, present = read_migrated_apps(), read_table_names()
    names = [
        name
        for table, app in APPS.items()
        if app in migrated
        for name in list_candidates(table, migrated, present)
    ]
    with connection.cursor() as cursor:
        counts: dict[str, int] = {}
        for name in names:
            cursor.execute(f"SELECT COUNT(*) FROM {connection.ops.quote_name(name)}")
            [counts[name]] = cursor.fetchone()
    return {name: rows for name, rows in counts.items() if rows}


def find_old_tables(chosen: dict[str, str]) -> dict[str, str]:
    """Return {Camp's table: old table} for the old tables that are here.

    `chosen` names some of them, {Camp's table: old table}. An empty old table beside Camp's own
    does not count. Raises CommandError if two tables could be the same, or a chosen one is not
    there.
    """
    migrated, present = read_migrated_apps(), read_table_names()
    found: dict[str, str] = {}
    for table, app in APPS.items():
        names = [chosen[table]] if table in chosen else list_candidates(table, migrated, present)
        if missing := [name for name in names if name not in present]:
            raise CommandError(_("There is no table %(table)s here.") % {"table": missing[0]})
        filled = [name for name in names if has_rows(name)]
        if len(filled) > 1:
            sentence = _("%(tables)s all have rows. Choose one with --table %(table)s=NAME")
            raise CommandError(sentence % {"tables": ", ".join(filled), "table": table})
        if filled or (names and app not in migrated):
            found[table] = (filled or names)[0]
    return found


def list_candidates(table: str, migrated: set[str], present: set[str]) -> list[str]:
    """Return the names among `present` that the old backend had for one of Camp's tables."""
    own = APPS[table] in migrated
    names = [table.removesuffix("s")] if own else [table, table.removesuffix("s")]
    return [name for name in names if name in present]


def read_migrated_apps() -> set[str]:
    """Return the labels of the apps whose tables Camp's migrations made."""
    applied = MigrationRecorder(connection).applied_migrations()
    return {app for app, name in applied if name == FIRST_MIGRATION}


def read_table_names() -> set[str]:
    """Return the names of all tables and views."""
    return set(connection.introspection.table_names(include_views=True))


def has_rows(table: str) -> bool:
    """Return whether a table has a row."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT EXISTS (SELECT 1 FROM {connection.ops.quote_name(table)})")
        return cursor.fetchone()[0]


def refuse_old_database() -> None:
    """Raise CommandError, naming `manage.py takeover`, if old tables wait to be taken over."""
    if names := find_unconverted_tables():
        sentence = _(
            "The database %(name)s was made by the old backend (%(tables)s) and has not been "
            "taken over yet. See what that would do with: %(fix)s"
        )
        values = {"name": server.locate_database().name, "tables": ", ".join(names)}
        raise CommandError(sentence % (values | {"fix": shell.manage("takeover")}))
