"""Does the database answer, do its tables fit this Camp, and is it up to date?"""

import os
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import DatabaseError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import keys
from camp.config import shell
from camp.db.errors import error_reason, is_connection_error, lacks_tables
from camp.db.pending_migrations import find_pending_migrations
from camp.operations.console import format_size
from camp.operations.database import environment, old_tables, server
from camp.operations.diagnostics import backups
from camp.operations.diagnostics.connection import (
    ID,
    describe_damage,
    explain_connection_error,
    find_connection_error,
)
from camp.operations.local_postgres import cluster
from camp.web.addresses import public_name, site_url
from camp.web.findings import ERROR, Finding, error, ok, warning
from sessions_app import notifications

STATEMENT_SECONDS = 3
LOCK_SECONDS = 2
# An integrity check of a larger file takes too long for an interactive command.
INTEGRITY_CHECK_LIMIT = 50 * 2**20  # bytes
FTS_MODULE = "fts5"  # the SQLite module of camp.db.bigram_index
MAX_DIFFERENCES = 20  # of the schema, in one report


def explain(problem: Exception) -> Finding:
    """Return the Finding for a DatabaseError, for pages and commands."""
    try:
        if not lacks_tables(problem):
            return explain_lost_connection(problem)
        for check in (check_tables, check_migrations):
            for finding in check():
                if finding.level == ERROR:
                    return finding
    except DatabaseError as worse:
        return explain_lost_connection(worse)
    title = _("A table or a column is missing (%(why)s)") % {"why": error_reason(problem)}
    return error("database.tables", title, fix=shell.manage("doctor"))


def explain_lost_connection(problem: Exception) -> Finding:
    """Return the Finding for a database that refuses a connection or ends it."""
    if server.is_postgresql() and not is_connection_error(problem):
        title = _("The database refuses the request (%(why)s)")
        return error(ID, title % {"why": error_reason(problem)}, fix=shell.manage("doctor"))
    return explain_connection_error(problem)


def check_database() -> Iterator[Finding]:
    """Yield the state of the database; stops at the first check with an error."""
    for check in (
        check_connection,
        check_fts_module,
        check_role,
        limit_waiting,
        check_tables,
        check_migrations,
        check_environment,
    ):
        found = list(check())
        yield from found
        if any(finding.level == ERROR for finding in found):
            return


def check_connection() -> Iterator[Finding]:
    """Yield whether the database answers, and how fast."""
    try:
        yield from (check_server() if server.is_postgresql() else check_file())
    except DatabaseError as problem:
        yield explain_connection_error(problem)


def check_server() -> Iterator[Finding]:
    """Yield the version and the response time of PostgreSQL."""
    # Without a time limit Django's own connection could wait for minutes.
    if problem := find_connection_error():
        yield problem
        return
    with connection.cursor() as cursor:
        start = time.monotonic()
        cursor.execute("SHOW server_version")
        milliseconds = (time.monotonic() - start) * 1000
        version = cursor.fetchone()[0].partition(" ")[0]
    values = {
        "version": version,
        "address": server.locate_database().host,
        "ms": f"{milliseconds:.0f}",
    }
    yield ok(ID, _("PostgreSQL %(version)s answers at %(address)s (%(ms)s ms)") % values)


def check_file() -> Iterator[Finding]:
    """Yield whether SQLite's file exists and is intact."""
    path = Path(connection.settings_dict["NAME"])
    if is_new():
        title = _("The database %(file)s does not exist yet") % {"file": path}
        yield error(ID, title, "", shell.manage("migrate"))
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT sqlite_version(), (SELECT COUNT(*) FROM sqlite_master)")
        version = cursor.fetchone()[0]
    is_small = path.stat().st_size <= INTEGRITY_CHECK_LIMIT
    if is_small and (why := server.sqlite_damage(connection, thorough=False)):
        yield describe_damage(path, why)
        return
    values = {"version": version, "file": path, "size": format_size(server.database_size())}
    yield ok(ID, _("SQLite %(version)s opens %(file)s (%(size)s)") % values)


def is_new() -> bool:
    """Return whether SQLite's file does not exist yet."""
    return not server.is_postgresql() and not server.database_exists()


def check_fts_module() -> Iterator[Finding]:
    """Yield an error if this Python's SQLite lacks FTS5, which the search index needs."""
    if server.is_postgresql():
        return
    with closing(sqlite3.connect(":memory:")) as memory:
        sql = "SELECT 1 FROM pragma_module_list WHERE name = ?"
        if memory.execute(sql, [FTS_MODULE]).fetchone():
            return
    title = _("The SQLite of this Python lacks FTS5, which the search needs")
    yield error(ID, title, _("Use Python from python.org, from uv or from the system's packages."))


def check_role() -> Iterator[Finding]:
    """Yield a warning if Camp logs in to its own PostgreSQL as a superuser."""
    own = cluster.find_configured()
    if own and own.is_used_as_superuser:
        title = _("Camp logs in as a superuser of its PostgreSQL")
        detail = _("A restored dump could then run programs.")
        fix = shell.manage("postgres", "role", "--write")
        yield warning("database.role", title, detail, fix)


def limit_waiting() -> Iterable[Finding]:
    """Set time limits for this thread's connection; yields nothing."""
    with connection.cursor() as cursor:
        if server.is_postgresql():
            cursor.execute(f"SET statement_timeout = '{STATEMENT_SECONDS}s'")
        else:
            cursor.execute(f"PRAGMA busy_timeout = {LOCK_SECONDS * 1000}")
    return ()


def check_tables() -> Iterator[Finding]:
    """Yield an error if the tables are not Camp's, and a warning for old ones beside them."""
    name = server.locate_database().name
    if old := old_tables.find_unconverted_tables():
        title = _("The database %(name)s is from the old backend (%(tables)s)")
        title %= {"name": name, "tables": ", ".join(old)}
        detail = _("Camp can take it over; this command shows what would happen.")
        yield error("database.tables", title, detail, shell.manage("takeover"))
    elif MigrationRecorder.Migration._meta.db_table not in connection.introspection.table_names():
        title = _("The database %(name)s has no tables of Camp") % {"name": name}
        yield error("database.tables", title, "", shell.manage("migrate"))
    elif leftover := old_tables.count_leftover_rows():
        title = _("Tables of the old backend were not taken over: %(tables)s")
        title %= {"tables": ", ".join(f"{table} ({rows:,})" for table, rows in leftover.items())}
        detail = _("Their rows are not visible in Camp. This command shows what would happen.")
        yield warning("database.tables", title, detail, shell.manage("takeover"))


def check_migrations() -> Iterator[Finding]:
    """Yield whether all migrations are applied, and all applied ones are known."""
    if pending := find_pending_migrations():
        title = ngettext(
            "%(count)s migration is not applied: %(first)s",
            "%(count)s migrations are not applied: %(first)s and so on",
            len(pending),
        )
        values = {"count": len(pending), "first": pending[0]}
        yield error("database.migrations", title % values, fix=shell.manage("migrate"))
        return
    loader = MigrationLoader(connection)
    if unknown := find_unknown_migrations(loader):
        title = _("The database was migrated by a newer Camp: %(name)s is unknown here")
        title %= {"name": ".".join(unknown[0])}
        yield warning("database.migrations", title, _("Update this Camp."), "git pull")
        return
    title = _("All migrations are applied (%(count)s)")
    yield ok("database.migrations", title % {"count": len(loader.applied_migrations)})


def find_unknown_migrations(loader: MigrationLoader) -> list[tuple[str, str]]:
    """Return the applied migrations of Camp's apps that this Camp does not have."""
    known = set(loader.disk_migrations)
    for migration in loader.disk_migrations.values():
        known |= set(migration.replaces)
    return sorted(
        (app, name)
        for app, name in loader.applied_migrations
        if app in loader.migrated_apps and (app, name) not in known
    )


def check_environment() -> Iterator[Finding]:
    """Yield whether the settings and the database name the same environment."""
    marked, configured = environment.read_mark(), settings.CAMP_ENVIRONMENT
    if not marked or marked == configured:
        title = _("The environment is %(environment)s") % {"environment": environment.current()}
        yield ok("database.environment", title)
        return
    title = _("The database is marked %(mark)s, the settings say %(settings)s")
    detail = _("The stricter one applies: %(rules)s.") % {"rules": environment.current()}
    fix = shell.manage("environment", configured)
    if environment.strictness(marked) > environment.strictness(configured):
        fix = f"CAMP_ENVIRONMENT={marked}"
    values = {"mark": marked, "settings": configured}
    yield warning("database.environment", title % values, detail, fix)


def check_news() -> Iterator[Finding]:
    """Yield what keeps e-mail about news from coming, or its links from being opened."""
    if not settings.SITE_URL and not public_name():
        title = _("Links in e-mails about news lead to %(address)s") % {"address": site_url()}
        detail = _("Only this machine can open that.")
        yield warning("accounts.news_links", title, detail, "SITE_URL=https://camp.example.org")
    if notifications.is_overdue():
        title = _("E-mail about news has been due for more than two days")
        detail = _("A timer of the system should run this every few minutes.")
        yield warning("accounts.news", title, detail, shell.manage("notify"))


def check_accounts() -> Iterator[Finding]:
    """Yield accounts that share a name or an e-mail, and whether resets need an organiser."""
    if not settings.EMAIL_IS_SET_UP and get_user_model().objects.exists():
        title = _("Camp sends no e-mail, so nobody can reset a password alone")
        detail = _(
            "Organisers can create a link on the user's page in the admin. Or set EMAIL_URL to "
            "your mail server."
        )
        fix = "EMAIL_URL=smtp+tls://user:password@smtp.example.org:587"
        yield warning("accounts.mail", title, detail, fix)
    if settings.EMAIL_IS_SET_UP:
        yield from check_news()
    lines = list(keys.describe_collisions(get_user_model()))
    for line in lines:
        detail = _("The owner can log in with the exact spelling.")
        yield warning("accounts.keys", line.rstrip("."), detail, keys.FIX)
    if not lines:
        yield ok("accounts.keys", _("No two accounts share a name or an e-mail"))


def check_schema() -> Iterator[Finding]:
    """Yield what the tables lack, as after a change by hand or a partial restore."""
    found = list(find_differences())
    yield from sorted(found, key=lambda finding: finding.level != ERROR)[:MAX_DIFFERENCES]
    if not found:
        yield ok("schema", _("The tables fit the models"))


def find_differences() -> Iterator[Finding]:
    """Yield a Finding for each table, column, constraint and index that is missing."""
    editor = connection.schema_editor(collect_sql=True)
    editor.deferred_sql = []  # what is still missing is found the next time
    with connection.cursor() as cursor:
        tables = set(connection.introspection.table_names(cursor))
        for model in apps.get_models(include_auto_created=True):
            options = model._meta
            if not options.managed or options.proxy:
                continue
            table, id = options.db_table, f"schema.{options.db_table}"
            if table not in tables:
                sql, _parameters = editor.table_sql(model)
                title = _("The table %(table)s is missing") % {"table": table}
                yield error(id, title, fix=backups.restore_command() or sql_command(sql))
                continue
            described = connection.introspection.get_table_description(cursor, table)
            columns = {column.name for column in described}
            for field in options.local_concrete_fields:
                if field.column not in columns:
                    title = _("The table %(table)s has no column %(column)s")
                    title %= {"table": table, "column": field.column}
                    fix = backups.restore_command() or sql_command(column_sql(editor, field))
                    yield error(f"{id}.{field.column}", title, fix=fix)
            names = connection.introspection.get_constraints(cursor, table)
            for kind, wanted in ((error, options.constraints), (warning, options.indexes)):
                for each in wanted:
                    if each.name not in names:
                        title = _("The table %(table)s has no index or constraint %(name)s")
                        title %= {"table": table, "name": each.name}
                        sql = str(each.create_sql(model, editor) or "")
                        fix = sql_command(sql) if sql else backups.restore_command()
                        yield kind(f"{id}.{each.name}", title, fix=fix)


def column_sql(editor: Any, field: Any) -> str:
    """Return the SQL that adds a field's column, with its default in each row."""
    definition, values = editor.column_sql(field.model, field, include_default=True)
    definition %= tuple(editor.quote_value(value) for value in values)
    return f"ALTER TABLE {field.model._meta.db_table} ADD COLUMN {field.column} {definition}"


def sql_command(sql: str) -> str:
    """Return the command line that executes a statement."""
    word = sql.replace('"', '\\"') if os.name == "nt" else sql
    parameters = ["-c"] if server.is_postgresql() else []
    return shell.manage("dbshell", "--", *parameters, shell.quote(word))
