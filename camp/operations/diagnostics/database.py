"""Is the database there, is it Camp's, and is it up to date?"""

import sqlite3
import time
from contextlib import closing
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from camp.config import shell
from camp.operations.console import size
from camp.operations.database import environment as environments
from camp.operations.database import old_tables
from camp.operations.database import server as database
from camp.operations.diagnostics.clock import offset
from camp.operations.diagnostics.connection import (
    ID,
    Server,
    damaged_file,
    no_connection,
    not_answered,
    own_cluster,
)
from camp.web.findings import ERROR, error, ok, warning

STATEMENT_SECONDS = 3
LOCK_SECONDS = 2
# Reading a larger file through takes longer than one waits for an answer.
EXAMINED = 50 * 2**20  # bytes
SEARCHER = "fts5"  # the module of SQLite that camp.db.bigram_index is built with


def look():
    """Yield what is found; what builds upon something broken is left out."""
    for part in (reached, searcher, role, limits, tables, migrations, environment, offset):
        broken = False
        for finding in part():
            yield finding
            broken = broken or finding.level == ERROR
        if broken:
            return


def reached():
    """Does the database answer, and how fast?"""
    try:
        yield from (server() if database.is_postgresql() else file())
    except DatabaseError as problem:
        yield no_connection(problem)


def server():
    """Ask PostgreSQL for its version."""
    configured = Server.configured()
    # A server that is not there is known sooner than the library gives up.
    answer = configured.ask()
    if answer and (fault := not_answered(configured, answer)):
        yield fault
        return
    with connection.cursor() as cursor:
        begun = time.monotonic()
        cursor.execute("SHOW server_version")
        milliseconds = (time.monotonic() - begun) * 1000
        version = cursor.fetchone()[0].partition(" ")[0]
    values = {"version": version, "address": configured.address, "ms": f"{milliseconds:.0f}"}
    yield ok(ID, _("PostgreSQL %(version)s answers at %(address)s (%(ms)s ms)") % values)


def file():
    """Open SQLite's file and see whether it is whole."""
    path = Path(connection.settings_dict["NAME"])
    if is_new():
        title = _("The database %(file)s does not exist yet") % {"file": path}
        yield error(ID, title, "", shell.manage("migrate"))
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT sqlite_version(), (SELECT COUNT(*) FROM sqlite_master)")
        version = cursor.fetchone()[0]
    examined = path.stat().st_size <= EXAMINED
    if examined and (why := database.sqlite_damage(connection, thorough=False)):
        yield damaged_file(path, why)
        return
    values = {"version": version, "file": path, "size": size(database.size())}
    yield ok(ID, _("SQLite %(version)s opens %(file)s (%(size)s)") % values)


def is_new():
    """Return whether SQLite's file is still to be made."""
    return not database.is_postgresql() and not database.is_there()


def searcher():
    """Can the SQLite of this Python keep the index for the search? Nearly every one can."""
    if database.is_postgresql():
        return
    with closing(sqlite3.connect(":memory:")) as memory:
        sql = "SELECT 1 FROM pragma_module_list WHERE name = ?"
        if memory.execute(sql, [SEARCHER]).fetchone():
            return
    title = _("The SQLite of this Python lacks FTS5, which the search needs")
    yield error(ID, title, _("Use Python from python.org, from uv or from the system's packages."))


def role():
    """Does Camp use more rights at its own PostgreSQL than it needs?"""
    cluster = own_cluster() if database.is_postgresql() else None
    if cluster and cluster.is_used_as_superuser:
        title = _("Camp logs in as a superuser of its PostgreSQL")
        why = _("A restored dump could then run programs.")
        yield warning("database.role", title, why, shell.manage("postgres", "role", "--write"))


def limits():
    """Have this connection, which is the caller's alone, give up soon; finds nothing."""
    with connection.cursor() as cursor:
        if database.is_postgresql():
            cursor.execute(f"SET statement_timeout = '{STATEMENT_SECONDS}s'")
        else:
            cursor.execute(f"PRAGMA busy_timeout = {LOCK_SECONDS * 1000}")
    return ()


def tables():
    """Are the tables those of Camp?"""
    name = database.place().name
    found = connection.introspection.table_names()
    if old := old_tables.find_unconverted_tables():
        title = _("The database %(name)s is one of the old backend (%(tables)s)")
        title %= {"name": name, "tables": ", ".join(old)}
        why = _("Camp can take it over; this shows what that would do.")
        yield error("database.tables", title, why, shell.manage("takeover"))
    elif MigrationRecorder.Migration._meta.db_table not in found:
        title = _("The database %(name)s has no tables of Camp") % {"name": name}
        yield error("database.tables", title, "", shell.manage("migrate"))
    elif old := old_tables.count_leftover_rows():
        title = _("Tables of the old backend are here that Camp did not take over: %(tables)s")
        title %= {"tables": ", ".join(f"{table} ({rows:,})" for table, rows in old.items())}
        why = _("Nobody sees their rows. This shows what taking them over would do.")
        yield warning("database.tables", title, why, shell.manage("takeover"))


def migrations():
    """Are all migrations applied, and does Camp know all that are?"""
    executor = MigrationExecutor(connection)
    loader = executor.loader
    missing = executor.migration_plan(loader.graph.leaf_nodes())
    if missing:
        sentence = ngettext(
            "%(count)s migration is not applied: %(first)s",
            "%(count)s migrations are not applied: %(first)s and so on",
            len(missing),
        )
        values = {"count": len(missing), "first": missing[0][0]}
        fix = shell.manage("migrate")
        yield error("database.migrations", sentence % values, fix=fix)
        return
    unknown = unknown_migrations(loader)
    if unknown:
        title = _("The database was migrated by a newer Camp: %(name)s is unknown here")
        yield warning(
            "database.migrations",
            title % {"name": ".".join(unknown[0])},
            _("Bring this Camp up to date."),
            "git pull",
        )
        return
    count = len(loader.applied_migrations)
    title = _("All migrations are applied (%(count)s)") % {"count": count}
    yield ok("database.migrations", title)


def unknown_migrations(loader):
    """Return the applied migrations of Camp's apps that this Camp does not have."""
    known = set(loader.disk_migrations)
    for migration in loader.disk_migrations.values():
        known |= set(migration.replaces)
    return sorted(
        (app, name)
        for app, name in loader.applied_migrations
        if app in loader.migrated_apps and (app, name) not in known
    )


def environment():
    """Do the settings and the database agree on what this place is for?"""
    marked, set_ = environments.marked(), settings.CAMP_ENVIRONMENT
    if marked and marked != set_:
        title = _("The database is marked %(mark)s, the settings say %(settings)s")
        why = _("The stricter one rules: %(rules)s.") % {"rules": environments.current()}
        stricter = environments.strictness(marked) > environments.strictness(set_)
        fix = f"CAMP_ENVIRONMENT={marked}" if stricter else shell.manage("environment", set_)
        yield warning("database.environment", title % {"mark": marked, "settings": set_}, why, fix)
        return
    title = _("The environment is %(environment)s") % {"environment": environments.current()}
    yield ok("database.environment", title)
