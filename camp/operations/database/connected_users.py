"""Other users of a PostgreSQL database: name them, and disconnect them.

With SQLite see camp.operations.server.processes.
"""

import time

from django.db import connection
from django.utils.translation import gettext as _

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
