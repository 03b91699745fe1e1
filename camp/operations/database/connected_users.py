"""Other users of a PostgreSQL database: name them, disconnect them, keep them from writing.

With SQLite see camp.operations.server.processes.
"""

import time

import psycopg
from django.core.management import CommandError
from django.db import connection
from django.utils.translation import gettext as _
from psycopg import sql

from camp.operations.database import server

OTHERS = """
    SELECT usename, coalesce(host(client_addr), 'local'), application_name, pid
    FROM pg_stat_activity
    WHERE datname = %s AND usesysid IS NOT NULL AND NOT pid = ANY(%s) ORDER BY pid
"""
DISCONNECT = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = %s AND pid <> pg_backend_pid()
"""
# A connection that was just closed is still seen for a moment.
CLOSING_SECONDS = 1
LOCK_SECONDS = 5
WRITABLE = """
    SELECT oid::regclass::text FROM pg_class
    WHERE relkind IN ('r', 'p') AND relnamespace::regnamespace::text NOT LIKE 'pg!_%' ESCAPE '!'
      AND relnamespace <> 'information_schema'::regnamespace
      AND has_table_privilege(oid, 'UPDATE, DELETE, TRUNCATE')
"""


def other_connections() -> list[str]:
    """Return who else is connected, such as "camp@10.0.0.7 psql (process 4711)"."""
    if not server.is_postgresql():
        return []
    name = connection.settings_dict["NAME"]
    end = time.monotonic() + CLOSING_SECONDS
    with server.connect_for_maintenance(own=True) as session:
        own = [session.info.backend_pid]
        if connection.connection is not None and not connection.connection.closed:
            own.append(connection.connection.info.backend_pid)
        while (found := session.execute(OTHERS, [name, own]).fetchall()) and time.monotonic() < end:
            time.sleep(0.05)
    return [
        _("%(name)s (process %(pid)s)")
        % {"name": f"{user}@{address} {program or ''}".strip(), "pid": pid}
        for user, address, program, pid in found
    ]


def disconnect_others(name: str) -> None:
    """End every connection to a database of the server, this process's own included."""
    if not server.is_postgresql():
        return
    connection.close()
    with server.connect_for_maintenance() as session:
        session.execute(DISCONNECT, [name])


def lock_tables(name: str) -> psycopg.Connection | None:
    """Return a connection that keeps others from writing to a database until it is closed.

    The locks end with the process, too. Returns None where the database is missing or broken:
    nobody can write there. Raises CommandError where somebody does not let go of a table.
    """
    session: psycopg.Connection | None = None
    try:
        session = psycopg.connect(**server.connection_parameters(name))
        session.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        session.execute(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
        if tables := [sql.SQL(table) for (table,) in session.execute(WRITABLE)]:
            lock = sql.SQL("LOCK TABLE {} IN SHARE MODE")
            session.execute(lock.format(sql.SQL(", ").join(tables)))
    except psycopg.errors.LockNotAvailable:
        if session is not None:
            session.close()
        sentence = _("Another connection is writing to the database %(name)s: nothing was changed.")
        raise CommandError(sentence % {"name": name}) from None
    except psycopg.Error:
        if session is not None:
            session.close()
        return None
    return session
