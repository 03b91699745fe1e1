"""The database server: where the database is, its size and tables, and other databases.

The differences of the two engines are kept here. The functions that create or drop databases
are for PostgreSQL only; with SQLite a database is a file.
"""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.db import DatabaseError, OperationalError, connection

from camp.db import bigram_index

if TYPE_CHECKING:  # with SQLite the server of pages would only hold it in memory
    import psycopg

# Databases of every PostgreSQL, from which others can be created or dropped.
MAINTENANCE = ("postgres", "template1")
DEFAULT_PORT = 5432
HISTORY = "django_migrations"  # Django's table of applied migrations
# Tables of SQLite's statistics and of Camp's search index
INTERNAL_PREFIXES = ("sqlite_", bigram_index.PREFIX)
# bytes; up to this size the indexes of an SQLite database are compared with its tables
CHECK_ALL_UP_TO = 2**30
EXISTS = "SELECT 1 FROM pg_database WHERE datname = %s"
LOCALE = "SELECT datcollate, datctype FROM pg_database WHERE datname = %s"
SUPERUSER_ROLES = """
    SELECT session_user FROM pg_roles
    WHERE rolname IN ('pg_execute_server_program', 'pg_write_server_files', 'pg_read_server_files')
      AND pg_has_role(session_user, oid, 'MEMBER')
    LIMIT 1
"""


@dataclass(frozen=True)
class DatabaseLocation:
    """The address of a database, to print it."""

    engine: str  # "PostgreSQL" or "SQLite"
    host: str  # "localhost:5432"; "" for SQLite
    name: str  # of the database, or of SQLite's file; typed to confirm


def is_postgresql() -> bool:
    """Return whether Camp runs on PostgreSQL."""
    return connection.vendor == "postgresql"


def locate_database() -> DatabaseLocation:
    """Return the DatabaseLocation of the configured database, without connecting."""
    settings = connection.settings_dict
    if is_postgresql():
        host = f"{settings['HOST'] or 'localhost'}:{settings['PORT'] or DEFAULT_PORT}"
        return DatabaseLocation("PostgreSQL", host, settings["NAME"])
    return DatabaseLocation("SQLite", "", Path(settings["NAME"]).name)


def table_names(wrapper: Any, cursor: Any) -> list[str]:
    """Return the names of the tables, sorted, without internal ones; `wrapper` is a connection."""
    found = wrapper.introspection.table_names(cursor)
    return sorted(name for name in found if not name.startswith(INTERNAL_PREFIXES))


def row_counts(snapshot: Any = None) -> dict[str, int]:
    """Return {table: number of rows}; {} if there is no database.

    `snapshot` is another Django connection to use. Raises DatabaseError.
    """
    if snapshot is None and not database_exists():
        return {}
    counted = snapshot or connection
    quote = counted.ops.quote_name
    with counted.cursor() as cursor:
        counts: dict[str, int] = {}
        for table in table_names(counted, cursor):
            cursor.execute(f"SELECT COUNT(*) FROM {quote(table)}")  # noqa: S608
            [counts[table]] = cursor.fetchone()
    return counts


def applied_migrations(wrapper: Any) -> dict[str, list[str]]:
    """Return {app: [names of its applied migrations]}, {} for a database that has no such table.

    `wrapper` is a connection, which need not be one of the settings'.
    """
    found: dict[str, list[str]] = {}
    with wrapper.cursor() as cursor:
        if HISTORY in wrapper.introspection.table_names(cursor):
            cursor.execute(f"SELECT app, name FROM {HISTORY} ORDER BY app, name")  # noqa: S608
            for app, name in cursor.fetchall():
                found.setdefault(app, []).append(name)
    return found


def database_exists() -> bool:
    """Return whether the database exists; an empty SQLite file does not count.

    Raises DatabaseError if the server does not answer.
    """
    if not is_postgresql():
        file = Path(connection.settings_dict["NAME"])
        return file.exists() and file.stat().st_size > 0
    try:
        connection.ensure_connection()
    except OperationalError:
        with connect_for_maintenance() as server:
            if server.execute(EXISTS, [connection.settings_dict["NAME"]]).fetchone():
                raise
        return False
    return True


@contextlib.contextmanager
def connect_for_maintenance(*, own: bool = False) -> "Iterator[psycopg.Connection]":
    """Yield a psycopg connection, autocommit, to a maintenance database.

    With `own` the configured database is tried first, for queries that work in any. Raises
    django.db.DatabaseError if the configured login is refused everywhere.
    """
    import psycopg

    names = [connection.settings_dict["NAME"]] * own + list(MAINTENANCE)
    with connection.wrap_database_errors, contextlib.ExitStack() as stack:
        for name in names:
            try:
                server = psycopg.connect(**connection_parameters(name), autocommit=True)
            except psycopg.OperationalError:
                if name == names[-1]:
                    raise
                continue
            yield stack.enter_context(server)
            return


def create(name: str, *, hasty: bool = False) -> None:
    """Create an empty database with the locale of the configured one.

    With `hasty` a power cut may lose what is written to it, until `make_durable`.
    """
    from psycopg import sql

    configured = connection.settings_dict["NAME"]
    with connect_for_maintenance() as server:
        found = server.execute(LOCALE, [configured]).fetchone()
        command = sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(
            sql.Identifier(name)
        )
        if found:
            command += sql.SQL(" LC_COLLATE {} LC_CTYPE {}").format(*map(sql.Literal, found))
        server.execute(command)
        if hasty:
            # So that the statements of a dump do not wait for the disk one by one.
            _alter(server, name, "SET synchronous_commit = off")


def get_superuser_name() -> str:
    """Return the name of the role that Camp logs in as if it is a superuser, else "".

    Roles that may run programs on the server, or access its files, count as superusers
    (https://www.postgresql.org/docs/current/predefined-roles.html). The session's role counts,
    because a dump can return to it with RESET ROLE.
    """
    if not is_postgresql():
        return ""
    with connect_for_maintenance(own=True) as server:
        found = server.execute(SUPERUSER_ROLES).fetchone()
    return found[0] if found else ""


def make_durable(name: str) -> None:
    """Sync a `hasty` database to disk, now and from now on."""
    with connect_for_maintenance() as server:
        # Waits until this and everything written before is on disk.
        _alter(server, name, "RESET synchronous_commit")


def _alter(server: "psycopg.Connection", name: str, what: str) -> None:
    from psycopg import sql

    server.execute(sql.SQL("ALTER DATABASE {} {}").format(sql.Identifier(name), sql.SQL(what)))


def get_oid(name: str) -> int | None:
    """Return the OID of a database, which a rename does not change, or None."""
    with connect_for_maintenance() as server:
        found = server.execute("SELECT oid FROM pg_database WHERE datname = %s", [name]).fetchone()
    return found[0] if found else None


def drop(name: str) -> None:
    """Drop a database if it exists, and end the connections to it."""
    from psycopg import sql

    with connect_for_maintenance() as server:
        command = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
        server.execute(command.format(sql.Identifier(name)))


def list_databases(prefix: str) -> list[str]:
    """Return the names of the server's databases with a prefix, sorted."""
    with connect_for_maintenance(own=True) as server:
        rows = server.execute(
            "SELECT datname FROM pg_database WHERE starts_with(datname, %s) ORDER BY 1", [prefix]
        ).fetchall()
    return [name for (name,) in rows]


def drop_statement(name: str) -> str:
    """Return the SQL that drops a database."""
    quoted = name.replace('"', '""')
    return f'DROP DATABASE "{quoted}";'


def connection_parameters(name: str | None = None) -> dict[str, Any]:
    """Return the arguments of psycopg.connect for the configured database, or another one."""
    settings = connection.settings_dict
    parameters = {
        "host": settings["HOST"],
        "port": settings["PORT"],
        "user": settings["USER"],
        "password": settings["PASSWORD"],
        "dbname": name or settings["NAME"],
    }
    known = {
        key: settings["OPTIONS"][key] for key in program_variables() if key in settings["OPTIONS"]
    }
    return {key: value for key, value in (parameters | known).items() if value not in ("", None)}


def program_environment(name: str | None = None) -> dict[str, str]:
    """Return the environment for programs such as pg_dump to connect to the database.

    It contains the password, because every user of a machine can read command lines.
    """
    clean = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
    parameters = connection_parameters(name)
    return clean | {program_variables()[key]: str(value) for key, value in parameters.items()}


@cache
def program_variables() -> dict[str, str]:
    """Return {parameter of psycopg: environment variable of PostgreSQL's programs}, from libpq."""
    from psycopg.pq import Conninfo

    return {
        option.keyword.decode(): option.envvar.decode()
        for option in Conninfo.get_defaults()
        if option.envvar
    }


def server_version() -> int | None:
    """Return the major version of PostgreSQL, or None on SQLite."""
    if not is_postgresql():
        return None
    if connection.connection is not None and connection.is_usable():
        return connection.connection.info.server_version // 10_000
    with connect_for_maintenance(own=True) as server:
        return server.info.server_version // 10_000


def sqlite_damage(wrapper: Any, thorough: bool) -> str:
    """Return one line about damage in an SQLite database, "" if it is intact.

    `wrapper` is a connection. The search index is ignored: it has no data of its own, and
    SQLite 3.44 reports it as damaged in read-only databases. Raises OperationalError if the
    file cannot be read.
    """
    check = "integrity_check" if thorough else "quick_check"
    try:
        with wrapper.cursor() as cursor:
            cursor.execute(f"PRAGMA {check}")
            found = [line for (line,) in cursor.fetchall() if bigram_index.PREFIX not in line]
    except OperationalError:
        raise
    except DatabaseError as error:
        found = [str(error)]
    return "" if found in ([], ["ok"]) else found[0].strip().splitlines()[-1]


def database_size() -> int:
    """Return the size of the database (bytes); 0 if there is none."""
    if not database_exists():
        return 0
    if not is_postgresql():
        file = connection.settings_dict["NAME"]
        parts = (Path(f"{file}{suffix}") for suffix in ("", "-wal"))
        return sum(part.stat().st_size for part in parts if part.exists())
    with connect_for_maintenance(own=True) as server:
        [(found,)] = server.execute(
            "SELECT pg_database_size(%s)", [connection.settings_dict["NAME"]]
        ).fetchall()
    return found


@contextlib.contextmanager
def connected_to(name: str | Path) -> Iterator[None]:
    """Let `django.db.connection` use another database meanwhile.

    `name` is a database of the same PostgreSQL, or the path of an SQLite file.
    """
    configured = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = str(name)
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = configured
