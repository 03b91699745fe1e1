"""Why the database gives no connection, and what mends it."""

import ipaddress
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from django.core.management import CommandError
from django.db import connection
from django.utils.translation import gettext as _

from camp.config import shell
from camp.db.errors import error_reason
from camp.operations import error_messages
from camp.operations.database import server as database
from camp.operations.diagnostics import wire
from camp.operations.local_postgres import cluster as postgres_cluster
from camp.operations.local_postgres import ports, programs
from camp.operations.server import processes
from camp.web.findings import error

ID = "database.connection"
SOCKETS = ("/var/run/postgresql", "/tmp")  # noqa: S108
PASSWORD_WRONG, NO_ACCESS, NO_DATABASE = "28P01", "28000", "3D000"
NO_RIGHT, TOO_MANY, NOT_NOW = "42501", "53300", "57P03"
# Where PostgreSQL finds that there is no such user; its codes do not tell that.
WITHOUT_USER = "InitializeSessionUserId"


@dataclass(frozen=True)
class Server:
    """The configured PostgreSQL, for the words of a finding."""

    host: str
    port: int
    user: str
    name: str
    password: str

    @classmethod
    def configured(cls):
        """Return the one of the settings."""
        settings = connection.settings_dict
        return cls(
            settings["HOST"] or os.environ.get("PGHOST") or default_host(settings["PORT"] or 5432),
            int(settings["PORT"] or database.DEFAULT_PORT),
            settings["USER"],
            settings["NAME"],
            settings["PASSWORD"],
        )

    @property
    def address(self):
        """Return where it is, for a person."""
        return f"{self.host}:{self.port}"

    @property
    def is_here(self):
        """Return whether it is on this machine."""
        if self.host == "localhost" or self.host.startswith("/"):
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def values(self):
        """Return what the sentences below are filled with."""
        return {"address": self.address, "user": self.user or "-", "name": self.name}

    def ask(self):
        """Return the wire.Answer of what is there, or None where several hosts are named."""
        if "," in self.host:
            return None
        return wire.ask(self.host, self.port, wire.Login(self.user, self.name, self.password))

    def program(self, name, *words, administrator=False):
        """Return a command with one of PostgreSQL's programs, as one types it."""
        begin = [program_path(name)]
        if administrator and self.is_here and sys.platform == "linux":
            return " ".join(["sudo -u postgres", *begin, f"-p {self.port}", *words])
        user = "postgres" if administrator else shell.quoted(self.user or "postgres")
        begin += [f"-h {shell.quoted(self.host)}", f"-p {self.port}", f"-U {user}"]
        return " ".join([*begin, *words])


def no_connection(problem):
    """Return the Finding for a database that gave no connection, but the error `problem`."""
    if isinstance(problem, processes.BeingReplaced):
        title = _("Another command is replacing the data")
        return error(ID, title, _("Wait until it is done."), shell.manage("doctor"))
    if not database.is_postgresql():
        return unusable_file(Path(connection.settings_dict["NAME"]), problem)
    server = Server.configured()
    answer = server.ask()
    if answer is None:
        return refused(server, error_reason(problem))
    return not_answered(server, answer) or turned_away(server, answer, problem)


def not_answered(server, answer):
    """Return the Finding where no PostgreSQL answers, else None."""
    if answer.kind == wire.UNKNOWN_HOST:
        return error(
            ID,
            _("PostgreSQL cannot be found: no machine is called %(host)s") % {"host": server.host},
            _("Correct the host in DATABASE_URL."),
            f"ping {shell.quoted(server.host)}",
        )
    if answer.kind == wire.NOTHING:
        title = _(
            "PostgreSQL at %(address)s gives no connection to the database %(name)s: nothing "
            "answers there"
        )
        why = _("Start it, or correct DATABASE_URL (%(why)s).") % {"why": answer.why}
        return error(ID, title % server.values, why, start_command(server))
    if answer.kind in (wire.SILENT, wire.STRANGE):
        who = ports.process_on(server.port) if server.is_here else ""
        title = _("What listens at %(address)s is not PostgreSQL, or hangs") % server.values
        if who:
            title = _("%(who)s listens at %(address)s and does not answer as PostgreSQL does") % {
                "who": who,
                "address": server.address,
            }
        why = _("Stop it, or correct the port in DATABASE_URL.")
        return error(ID, title, why, other_port_command(server))
    return None


def turned_away(server, answer, problem):
    """Return the Finding where PostgreSQL answers and lets nobody in."""
    values = server.values
    cluster = own_cluster()
    if cluster and not cluster.pid():
        who = ports.process_on(server.port) or _("Another server")
        title = _("%(who)s has the port of Camp's own PostgreSQL (%(address)s), which is stopped")
        fix = shell.manage("postgres", "start")
        return error(ID, title % {"who": who, "address": server.address}, "", fix)
    if answer.code == NO_DATABASE:
        title = _("PostgreSQL at %(address)s has no database %(name)s") % values
        fix = server.program("createdb", shell.quoted(server.name))
        return error(ID, title, _("Make it, or correct DATABASE_URL."), fix)
    if answer.code == PASSWORD_WRONG:
        title = _("PostgreSQL at %(address)s refuses the password of the user %(user)s") % values
        why = _("There may also be no such user. Correct DATABASE_URL, or set the password anew.")
        return error(ID, title, why, password_command(server))
    if answer.code == NO_ACCESS and answer.routine == WITHOUT_USER:
        title = _("PostgreSQL at %(address)s has no user %(user)s who may log in") % values
        words = ("--createdb", "--pwprompt", shell.quoted(server.user))
        fix = server.program("createuser", *words, administrator=True)
        return error(ID, title, _("Make one, or correct DATABASE_URL."), fix)
    if answer.code == NO_ACCESS:
        title = _("PostgreSQL at %(address)s does not let the user %(user)s in from here") % values
        why = _("Its file pg_hba.conf says who may come in from where (%(why)s).")
        fix = server.program("psql", '-c "SHOW hba_file"', administrator=True)
        return error(ID, title, why % {"why": error_reason(problem)}, fix)
    if answer.code == NO_RIGHT:
        title = _("The user %(user)s may not connect to the database %(name)s") % values
        grant = f"GRANT CONNECT ON DATABASE {server.name} TO {server.user}"
        return error(ID, title, "", server.program("psql", f'-c "{grant}"', administrator=True))
    if answer.code == TOO_MANY:
        title = _("PostgreSQL at %(address)s has as many connections as it takes") % values
        why = _("End programs that keep some, or allow more with max_connections.")
        ask = '-c "SELECT pid, datname, application_name FROM pg_stat_activity"'
        return error(ID, title, why, server.program("psql", ask, administrator=True))
    if answer.code == NOT_NOW:
        title = _("PostgreSQL at %(address)s is just starting or stopping") % values
        return error(ID, title, _("Wait a moment."), shell.manage("doctor"))
    if not server.password and answer.kind == wire.WANTS_MORE:
        title = _("PostgreSQL at %(address)s wants a password, and DATABASE_URL has none") % values
        return error(ID, title, "", f"DATABASE_URL=postgresql://{server.user}:…@…")
    return refused(server, error_reason(problem))


def refused(server, why):
    """Return the Finding for whatever else it may be."""
    title = _("PostgreSQL at %(address)s gives no connection to the database %(name)s (%(why)s)")
    fix = server.program("psql", "-d", shell.quoted(server.name), '-c "SELECT version()"')
    return error(ID, title % {**server.values, "why": why}, _("Correct DATABASE_URL."), fix)


def unusable_file(file, problem):
    """Return the Finding for an SQLite database that cannot be opened."""
    why = str(problem)
    if "unable to open" in why or "readonly" in why:
        title = _("The database %(file)s cannot be opened (%(why)s)")
        fix = error_messages.own_folder_command(file.parent)
        return error(ID, title % {"file": file, "why": why}, "", fix)
    if "locked" in why:
        title = _("The database %(file)s is locked by another program")
        return error(ID, title % {"file": file}, _("End it."), shell.manage("doctor"))
    values = {"file": file, "why": why}
    if "malformed" in why or "not a database" in why:
        return damaged_file(file, why)
    if "full" in why:
        title = _("There is no room left for the database %(file)s") % values
        return error(ID, title, _("Make room."), shell.manage("sweep"))
    fix = f"sqlite3 {shell.quoted(file)} 'PRAGMA integrity_check'"
    return error(ID, _("The database %(file)s cannot be used (%(why)s)") % values, fix=fix)


def damaged_file(file, why):
    """Return the Finding for an SQLite database that is not whole."""
    title = _("The database %(file)s is damaged (%(why)s)") % {"file": file, "why": why}
    detail = _("Bring a backup back, or begin anew with reset.")
    return error(ID, title, detail, restore_command())


def restore_command():
    """Return the command that brings the newest backup back, or begins anew without one."""
    from camp.operations.diagnostics import backups

    newest = backups.newest()
    return shell.manage("restore", shell.quoted(newest)) if newest else shell.manage("reset")


def start_command(server):
    """Return the command that starts the server, as this system has it."""
    if not server.is_here:
        return server.program("pg_isready")
    if own_cluster():
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


def other_port_command(server):
    """Return the command that makes or shows a PostgreSQL elsewhere than on this port."""
    if server.is_here and not own_cluster():
        return shell.manage("postgres", "init", "--write")
    if server.is_here:
        return shell.manage("postgres", "restart")
    return server.program("pg_isready")


def password_command(server):
    """Return the command that brings the password into order."""
    if own_cluster():
        return shell.manage("postgres", "url", "--write")
    words = f'-c "\\password {server.user}"'
    return server.program("psql", words, administrator=True)


def own_cluster():
    """Return the Cluster of the data folder if DATABASE_URL names it, else None."""
    try:
        found = postgres_cluster.find()
        return found if found and found.is_configured() else None
    except (CommandError, OSError):
        return None


def program_path(name):
    """Return how one of PostgreSQL's programs is typed: its path, where PATH lacks it."""
    if shutil.which(name):
        return name
    found = next(programs.installations(name), None)
    return shell.quoted(found.path(name)) if found else name


def default_host(port):
    """Return where PostgreSQL is looked for if no host is named."""
    if os.name == "nt":
        return "localhost"
    there = (folder for folder in SOCKETS if Path(folder, f".s.PGSQL.{port}").exists())
    return next(there, SOCKETS[0])
