"""The PostgreSQL cluster of a data folder: where its programs are, whether it runs."""

import contextlib
import os
import secrets
import time
from dataclasses import dataclass
from pathlib import Path

import psycopg
from django.conf import settings
from django.core.management import CommandError
from django.utils.translation import gettext as _

from camp.config import shell
from camp.operations.database import roles
from camp.operations.local_postgres import ports
from camp.operations.local_postgres import programs as postgres_programs
from camp.operations.local_postgres.cluster_metadata import (
    home,
    inside,
    not_ours,
    not_yours,
    read_mark,
    replace,
    write_mark,
)
from camp.operations.local_postgres.programs import Failed

USER = "postgres"  # the superuser, for what this module does
DATABASE = "camp_backend_db"
ROLE_PASSWORD = "role-password"  # noqa: S105 (the name of a file)
FACTS = {"major", "port", "programs", "complete"}  # what stands in the mark of a cluster
START_SECONDS = 120  # a crash recovery may take its time
STOP_SECONDS = 60
# Said for a moment after a crash, until the last process of the crashed server is gone.
STILL_IN_USE = "is still in use"
IN_USE_SECONDS = 10
NOBODY = 2_147_483_646  # no system gives a process this number
LOG_LIMIT = 10 * 2**20  # bytes; then a new one is begun
CONFIGURATION = """\
# Camp writes this file at each start; your own settings belong into postgresql.conf.
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = ''
"""


@dataclass
class Cluster:
    """A cluster that Camp made, in the folder `home`; `mark` is what stands in its mark."""

    home: Path
    mark: dict

    @property
    def data(self):
        """The folder that PostgreSQL calls its data directory."""
        return self.home / "data"

    @property
    def log(self):
        """What the server writes about itself."""
        return self.home / "log"

    @property
    def port(self):
        """The port on 127.0.0.1."""
        return self.mark["port"]

    @property
    def major(self):
        """The major version that made it, the only one that can run it."""
        return self.mark["major"]

    @property
    def address(self):
        """Where it is reached, in words."""
        return f"{ports.LOCALHOST}:{self.port}"

    @property
    def password(self):
        """The superuser's password."""
        return (self.home / "password").read_text(encoding="ascii").strip()

    @property
    def url(self):
        """The value of DATABASE_URL, with the password."""
        password = self.role_password or self.password
        return f"postgresql://{self.role}:{password}@{self.address}/{DATABASE}"

    @property
    def role(self):
        """Who Camp logs in as: the superuser where an earlier version made the cluster."""
        return roles.ROLE if self.role_password else USER

    @property
    def is_used_as_superuser(self):
        """Whether DATABASE_URL logs in as the superuser."""
        return self.is_configured() and settings.DATABASES["default"].get("USER") == USER

    @property
    def role_password(self):
        """The password of the role of Camp's own; "" where there is none yet."""
        file = self.home / ROLE_PASSWORD
        return file.read_text(encoding="ascii").strip() if file.exists() else ""

    def remember(self, **facts):
        """Change the mark."""
        self.mark |= facts
        write_mark(self.home, self.mark, like=self.data)

    def is_configured(self):
        """Return whether DATABASE_URL names this cluster and its database."""
        configured = settings.DATABASES["default"]
        return (
            configured["ENGINE"].endswith("postgresql")
            and configured["HOST"] in ("localhost", ports.LOCALHOST)
            and int(configured["PORT"] or 5432) == self.port
            and configured["NAME"] == DATABASE
        )

    def pid(self):
        """Return the process id of the server that runs on it, or None.

        A crash leaves the file with the number, which another process may have by now.
        """
        told = self._pid_file()
        return told[0] if told and is_server(told[0], self.data) else None

    def is_ready(self):
        """Return whether the running server has come so far that it takes connections."""
        told = self._pid_file()
        return bool(told) and told[1] == "ready"

    def _pid_file(self):
        """Return the number and the state in the file of a running server, or None."""
        try:
            lines = (self.data / "postmaster.pid").read_text(errors="replace").splitlines()
            return int(lines[0]), lines[7].strip() if len(lines) > 7 else ""
        except (OSError, ValueError, IndexError):
            return None

    def person(self):
        """Return who runs the server instead of root (a passwd entry), or None.

        Raises CommandError where neither root nor the owner of the cluster asks.
        """
        if os.name == "nt":
            return None
        import pwd

        owner = self.data.stat().st_uid
        if os.geteuid() == owner != 0:
            return None
        if os.geteuid() != 0:
            raise CommandError(not_yours(self.home))
        with contextlib.suppress(KeyError):
            if owner != 0:
                return pwd.getpwuid(owner)
        fix = f"chown -R {postgres_programs.UNPRIVILEGED[0]} {shell.quoted(self.home)}"
        sentence = _(
            "The PostgreSQL in %(folder)s belongs to root or to nobody, and PostgreSQL refuses "
            "to run so. Give it to another user: %(fix)s"
        )
        raise CommandError(sentence % {"folder": self.home, "fix": fix})

    def run(self, *command, log=None):
        """Run one of PostgreSQL's programs as whoever owns the cluster; raises Failed."""
        return postgres_programs.run(command, folder=self.home, person=self.person(), log=log)

    def programs(self):
        """Return the Programs that run it; raises CommandError where they are gone."""
        folder = self.home / self.mark["programs"]
        found = postgres_programs.programs_in(folder, *postgres_programs.SERVER)
        if found and found.major == self.major:
            return found
        for found in postgres_programs.installations(*postgres_programs.SERVER, major=self.major):
            return self.use(found)
        sentence = _(
            "The PostgreSQL in %(folder)s was made by version %(major)s, whose programs are not "
            "on this machine. Install PostgreSQL %(major)s, or say where it is: %(fix)s"
        )
        fix = shell.manage("postgres", "init", "--binaries", _("FOLDER"))
        values = {"folder": self.home, "major": self.major, "fix": fix}
        raise CommandError(sentence % values)

    def use(self, programs):
        """Run it with other Programs of its major version from now on; returns them."""
        person = self.person()
        folder = self.home / f"programs-{programs.version}"
        try:
            programs = postgres_programs.reachable(programs, person, folder)
        except (OSError, Failed) as error:
            raise CommandError(not_executable(programs, person, error)) from None
        self.remember(programs=inside(programs.folder, self.home))
        return programs

    def start(self):
        """Start the server; returns when it takes connections. Raises Failed."""
        programs = self.programs()
        self._prepare()
        command = [
            *[programs.path("pg_ctl"), "start", "-D", self.data, "-l", self.log],
            *["-w", "-t", str(START_SECONDS)],
        ]
        end = time.monotonic() + IN_USE_SECONDS
        while True:
            try:
                self.run(*command, log=self.log)
                return
            except Failed as error:
                if self.pid():  # another start was faster, or it is still recovering
                    return self.wait()
                if STILL_IN_USE not in str(error) or time.monotonic() > end:
                    raise
                time.sleep(0.2)

    def wait(self):
        """Return once a server that is starting takes connections; raises Failed."""
        end = time.monotonic() + START_SECONDS
        while self.pid() and time.monotonic() < end:
            if self.is_ready():
                return
            time.sleep(0.05)
        words = self.log.read_text(errors="replace") if self.log.exists() else ""
        raise Failed(postgres_programs.telling_line(words[-10_000:]))

    def _prepare(self):
        """Bring into order what a start reads."""
        replace(
            self.data / "camp.conf", CONFIGURATION.format(port=self.port), 0o600, like=self.data
        )
        if self.log.exists() and self.log.stat().st_size > LOG_LIMIT:
            os.replace(self.log, self.home / "log.old")
        told = self._pid_file()
        if told is None:
            # Empty, as a power cut may leave it; PostgreSQL would not go on from there.
            (self.data / "postmaster.pid").unlink(missing_ok=True)
        elif ports.program_of(told[0]) and not is_server(told[0], self.data):
            self._disown_pid_file()

    def _disown_pid_file(self):
        """Take out the number, which another process has by now: PostgreSQL would wait for it.

        The rest stays: it tells which memory a crashed server may have left in use.
        """
        with (self.data / "postmaster.pid").open("r+") as stream:
            _number, *rest = stream.read().splitlines(keepends=True)
            stream.seek(0)
            stream.write("".join([f"{NOBODY}\n", *rest]))
            stream.truncate()

    def stop(self):
        """Stop the server, ending its connections; returns when it is gone. Raises Failed."""
        try:
            programs = self.programs()
        except CommandError:
            # Any version can stop it.
            programs = next(postgres_programs.installations("pg_ctl"), None)
            if programs is None:
                raise
        command = [programs.path("pg_ctl"), "stop", "-D", self.data, "-m", "fast"]
        self.run(*command, "-w", "-t", str(STOP_SECONDS))

    def connect(self, name=USER):
        """Return a psycopg connection, autocommit, to one of its databases."""
        return psycopg.connect(
            host=ports.LOCALHOST,
            port=self.port,
            user=USER,
            password=self.password,
            dbname=name,
            connect_timeout=5,
            autocommit=True,
        )

    def complete(self):
        """Make its database, once; an interrupted init is completed by the next start."""
        if self.mark["complete"]:
            return
        with self.connect() as server:
            if self.role_password:
                roles.make(server, self.role_password)
            with contextlib.suppress(psycopg.errors.DuplicateDatabase):
                server.execute(f"CREATE DATABASE {DATABASE} OWNER {self.role}")
        self.remember(complete=True)

    def use_own_role(self):
        """Have Camp log in without a superuser's rights; the database becomes that role's.

        Raises OSError, psycopg.Error; then Camp logs in as before.
        """
        if self.role_password:
            return
        self.person()  # refuses another user's
        password = secrets.token_hex(16)
        with self.connect(DATABASE) as server:
            roles.make(server, password)
            roles.give(server, DATABASE)
        # Last: the file says that there is the role.
        replace(self.home / ROLE_PASSWORD, password, 0o600, like=self.data)


def find():
    """Return the Cluster of this data folder, or None where there is none.

    Raises CommandError for a folder that Camp did not make, or may not look into.
    """
    folder = home()
    try:
        if not folder.exists() or not any(folder.iterdir()):
            return None
        mark = read_mark(folder)
        if "elsewhere" in mark:
            folder = Path(mark["elsewhere"])
            mark = read_mark(folder)
        cluster = Cluster(folder, mark)
        version = (cluster.data / "PG_VERSION").read_text(encoding="ascii").strip()
        if version == str(cluster.major) and cluster.password and mark.keys() >= FACTS:
            return cluster
    except PermissionError:
        raise CommandError(not_yours(folder)) from None
    except (OSError, ValueError, KeyError):
        pass  # no mark, another program's, or only part of a cluster
    raise CommandError(not_ours(home()))


def is_server(pid, data):
    """Return whether a process is the PostgreSQL server of a data folder."""
    if ports.program_of(pid) != "postgres":
        return False
    if folder := ports.working_folder(pid):
        return folder == data.resolve()
    try:
        # In a container root may not ask where another user's process runs.
        return os.fsencode(data) in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return os.name == "nt"


def not_executable(programs, person, error):
    """Return the sentence for programs that the user who has to run them does not reach."""
    sentence = _(
        "The user %(user)s, who runs PostgreSQL instead of root, cannot run %(folder)s "
        "(%(why)s). Let that user in, or take other programs with: %(fix)s"
    )
    fix = shell.manage("postgres", "init", "--binaries", _("FOLDER"))
    values = {"user": person.pw_name, "folder": programs.folder, "why": error, "fix": fix}
    return sentence % values
