"""Why the database refuses a connection, and the command that fixes it."""

import ipaddress
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import psycopg
from django.db import DatabaseError, connection
from django.utils.translation import gettext as _
from psycopg.conninfo import make_conninfo
from psycopg.pq import PGconn, Ping

from camp.config import shell
from camp.db.errors import error_reason
from camp.operations import error_messages
from camp.operations.database import server
from camp.operations.diagnostics import backups
from camp.operations.local_postgres import cluster, programs
from camp.operations.server import processes
from camp.web.findings import Finding, error

ID = "database.connection"
TIMEOUT = 2  # seconds; libpq takes no less


def explain_connection_error(problem: Exception) -> Finding:
    """Return the Finding for a DatabaseError of a connection that failed."""
    if isinstance(problem, processes.BeingReplaced):
        title = _("Another command is replacing the data")
        return error(ID, title, _("Wait until it is done."), shell.manage("doctor"))
    if not server.is_postgresql():
        return explain_sqlite_error(Path(connection.settings_dict["NAME"]), str(problem))
    # A second time-out would tell nothing new, and libpq's ping would block all threads.
    timed_out = psycopg.errors.ConnectionTimeout in (type(problem), type(problem.__cause__))
    parameters = make_conninfo(**connection_parameters()).encode()
    ping = Ping.NO_RESPONSE if timed_out else PGconn.ping(parameters)
    return explain_postgresql_error(ping, error_reason(problem).rpartition(" failed: ")[2])


def find_connection_error() -> Finding | None:
    """Return the Finding for a PostgreSQL that refuses a new connection, else None."""
    try:
        psycopg.connect(**connection_parameters()).close()
    except psycopg.Error as problem:
        return explain_connection_error(problem)
    return None


def explain_postgresql_error(ping: int, why: str) -> Finding:
    """Return the Finding for a PostgreSQL that refused a connection.

    `ping` is libpq's Ping, `why` its error message.
    """
    place, user = server.locate_database(), connection.settings_dict["USER"] or "-"
    values = {"address": place.host, "name": place.name, "user": user, "why": why}
    if ping == Ping.REJECT:
        title = _("PostgreSQL at %(address)s is just starting or stopping")
        return error(ID, title % values, _("Wait a moment."), shell.manage("doctor"))
    if ping != Ping.OK:
        title = _("PostgreSQL at %(address)s does not answer (%(why)s)")
        detail = _("Start it, or correct DATABASE_URL.")
        return error(ID, title % values, detail, start_command())
    own = cluster.find_configured()
    if own and not own.is_running():
        title = _("Another server uses the port of Camp's own PostgreSQL (%(address)s)")
        detail = _("Camp's own is stopped.")
        return error(ID, title % values, detail, shell.manage("postgres", "start"))
    try:
        with server.connect_for_maintenance() as other:
            exists = other.execute(server.EXISTS, [place.name]).fetchone()
    except DatabaseError:
        title = _("PostgreSQL at %(address)s rejects the login of the user %(user)s (%(why)s)")
        detail = _("Correct DATABASE_URL, or set the password of that user.")
        return error(ID, title % values, detail, password_command())
    if not exists:
        title = _("PostgreSQL at %(address)s has no database %(name)s")
        fix = client_command("createdb", shell.quote(place.name))
        return error(ID, title % values, _("Make it, or correct DATABASE_URL."), fix)
    title = _("The database %(name)s at %(address)s refuses the connection (%(why)s)")
    fix = client_command("psql", "-d postgres", "-l")
    return error(ID, title % values, "", fix)


def connection_parameters() -> dict[str, Any]:
    """Return what psycopg.connect takes for the configured database, with a time limit."""
    return server.connection_parameters() | {"connect_timeout": TIMEOUT}


def explain_sqlite_error(file: Path, why: str) -> Finding:
    """Return the Finding for an SQLite database that cannot be used."""
    values = {"file": file, "why": why}
    if "unable to open" in why or "readonly" in why:
        title = _("The database %(file)s cannot be opened (%(why)s)")
        return error(ID, title % values, "", error_messages.own_folder_command(file.parent))
    if "locked" in why:
        title = _("The database %(file)s is locked by another program")
        return error(ID, title % values, _("End it."), shell.manage("doctor"))
    if "malformed" in why or "not a database" in why:
        return describe_damage(file, why)
    if "full" in why:
        title = _("There is no room left for the database %(file)s")
        return error(ID, title % values, _("Make room."), shell.manage("sweep"))
    fix = f"sqlite3 {shell.quote(file)} 'PRAGMA integrity_check'"
    return error(ID, _("The database %(file)s cannot be used (%(why)s)") % values, fix=fix)


def describe_damage(file: Path, why: str) -> Finding:
    """Return the Finding for a damaged SQLite database."""
    title = _("The database %(file)s is damaged (%(why)s)") % {"file": file, "why": why}
    detail = _("Restore a backup, or start over with reset.")
    return error(ID, title, detail, backups.restore_command() or shell.manage("reset"))


def is_local() -> bool:
    """Return whether the configured PostgreSQL is on this machine."""
    host = connection.settings_dict["HOST"]
    if host in ("", "localhost") or host.startswith("/"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def start_command() -> str:
    """Return the command that starts the configured PostgreSQL, or asks another machine's."""
    if not is_local():
        return client_command("pg_isready")
    if cluster.find_configured():
        return shell.manage("postgres", "start")
    if not next(programs.installations("postgres"), None):
        return shell.manage("postgres", "init", "--write")
    if os.name == "nt":
        scoop = Path.home() / "scoop/apps/postgresql/current"
        if scoop.exists():
            return f'pg_ctl -D "{scoop / "data"}" start'
        return 'powershell -c "Start-Service postgresql*"'
    if sys.platform == "darwin":
        return "brew services start postgresql"
    if Path("/run/systemd/system").exists():
        return "sudo systemctl start postgresql"
    return "sudo service postgresql start"


def password_command() -> str:
    """Return the command that makes the password of DATABASE_URL valid."""
    if cluster.find_configured():
        return shell.manage("postgres", "url", "--write")
    command = f'-c "\\password {connection.settings_dict["USER"]}"'
    return client_command("psql", command, as_superuser=True)


def client_command(name: str, *words: str, as_superuser: bool = False) -> str:
    """Return a command line of one of PostgreSQL's programs; with its path if PATH lacks it."""
    settings = connection.settings_dict
    if not shutil.which(name) and (found := next(programs.installations(name), None)):
        name = shell.quote(found.path(name))
    port = f"-p {settings['PORT'] or server.DEFAULT_PORT}"
    if as_superuser and is_local() and sys.platform == "linux":
        return " ".join(["sudo -u postgres", name, port, *words])
    host = f"-h {shell.quote(settings['HOST'] or 'localhost')}"
    user = "postgres" if as_superuser else shell.quote(settings["USER"] or "postgres")
    return " ".join([name, host, port, f"-U {user}", *words])
