"""The PostgreSQL cluster of a data folder: its files, and starting and stopping its server.

The folder `postgres` in the data folder holds

    camp.json       port, major version, folder of the programs; marks the cluster as Camp's
    password        of the superuser
    role-password   of the role in DATABASE_URL
    data            the data directory of PostgreSQL
    log

PostgreSQL refuses to run as root, and another user may be unable to enter the data folder.
The cluster is then elsewhere, and camp.json in the data folder names the place.
"""

import contextlib
import json
import os
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
from django.conf import settings
from django.core.management import CommandError
from django.utils.translation import gettext as _
from psycopg.pq import PGconn, Ping

from camp.config import shell
from camp.fs.atomic import replace_file
from camp.operations.database import roles
from camp.operations.local_postgres import programs as pg
from camp.operations.local_postgres.programs import Failed
from camp.operations.server.ports import LOCALHOST

if TYPE_CHECKING:
    from pwd import struct_passwd

METADATA = "camp.json"
MAKER = "Camp"
FACTS = {"major", "port", "programs", "complete"}  # in the metadata of every cluster
SUPERUSER = "postgres"
DATABASE = "camp_backend_db"
ROLE_PASSWORD = "role-password"  # noqa: S105 (the name of a file)
START_SECONDS = 120  # a crash recovery may take long
STOP_SECONDS = 60
RETRY_SECONDS = 10  # after a crash, until the last process of the old server has ended
LOCK_SECONDS = 5  # a pid file this old without an open port is left over from a crash
UNUSED_PID = 2_147_483_646  # no system gives a process this number
LOG_LIMIT = 10 * 2**20  # bytes
CONFIGURATION = """\
# Camp writes this file at each start; put your own settings into postgresql.conf.
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = ''
"""


def cluster_folder() -> Path:
    """Return the folder of the cluster, or of the metadata that names its place."""
    return settings.CAMP_DATA_DIR / "postgres"


@dataclass
class Cluster:
    """A cluster that Camp created, in the folder `home`."""

    home: Path
    metadata: dict[str, Any]

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def log(self) -> Path:
        return self.home / "log"

    @property
    def port(self) -> int:
        return self.metadata["port"]

    @property
    def major(self) -> int:
        """The major version that created it, the only one that can run it."""
        return self.metadata["major"]

    @property
    def address(self) -> str:
        return f"{LOCALHOST}:{self.port}"

    @property
    def password(self) -> str:
        return (self.home / "password").read_text(encoding="ascii").strip()

    @property
    def role_password(self) -> str:
        """The password of Camp's own role; "" if the cluster has none yet."""
        file = self.home / ROLE_PASSWORD
        return file.read_text(encoding="ascii").strip() if file.exists() else ""

    @property
    def role(self) -> str:
        """The role Camp logs in as: the superuser in clusters of an earlier version."""
        return roles.ROLE if self.role_password else SUPERUSER

    @property
    def url(self) -> str:
        """The value of DATABASE_URL, with the password."""
        password = self.role_password or self.password
        return f"postgresql://{self.role}:{password}@{self.address}/{DATABASE}"

    @property
    def is_used_as_superuser(self) -> bool:
        """Whether DATABASE_URL logs in as the superuser."""
        return self.is_configured() and settings.DATABASES["default"].get("USER") == SUPERUSER

    def is_configured(self) -> bool:
        """Return whether DATABASE_URL names this cluster and its database."""
        configured = settings.DATABASES["default"]
        return (
            configured["ENGINE"].endswith("postgresql")
            and configured["HOST"] in ("localhost", LOCALHOST)
            and str(configured["PORT"] or 5432) == str(self.port)
            and configured["NAME"] == DATABASE
        )

    def update_metadata(self, **facts: object) -> None:
        self.metadata |= facts
        write_metadata(self.home, self.metadata)

    def owner(self) -> "struct_passwd | None":
        """Return the passwd entry of the user that runs the server for root, else None.

        Raises CommandError for anybody but root and the owner.
        """
        if os.name == "nt":
            return None
        import pwd

        uid = self.data.stat().st_uid
        if os.geteuid() == uid != 0:
            return None
        if os.geteuid() != 0:
            raise CommandError(explain_other_owner(self.home))
        with contextlib.suppress(KeyError):
            if uid != 0:
                return pwd.getpwuid(uid)
        fix = f"chown -R {pg.UNPRIVILEGED[0]} {shell.quote(self.home)}"
        sentence = _(
            "The PostgreSQL in %(folder)s belongs to root or to an unknown user, and PostgreSQL "
            "refuses to run as such. Give it to another user: %(fix)s"
        )
        raise CommandError(sentence % {"folder": self.home, "fix": fix})

    def find_programs(self) -> pg.Programs:
        """Return the Programs that run it; raises CommandError if this machine lacks them."""
        folder = self.home / self.metadata["programs"]
        found = pg.programs_in(folder, *pg.SERVER)
        if found and found.major == self.major:
            return found
        for found in pg.installations(*pg.SERVER, major=self.major):
            return self.use_programs(found)
        sentence = _(
            "The PostgreSQL in %(folder)s was made by version %(major)s, whose programs are not "
            "on this machine. Install PostgreSQL %(major)s, or say where it is: %(fix)s"
        )
        fix = shell.manage("postgres", "init", "--binaries", _("FOLDER"))
        raise CommandError(sentence % {"folder": self.home, "major": self.major, "fix": fix})

    def use_programs(self, programs: pg.Programs) -> pg.Programs:
        """Run it with other Programs of its major version from now on; return them."""
        folder = self.home / f"programs-{programs.version}"
        programs = make_reachable(programs, self.owner(), folder)
        self.update_metadata(programs=relative_to(programs.folder, self.home))
        return programs

    def pg_ctl(self, action: str, *options: object, log: Path | None = None) -> str:
        """Run pg_ctl as the owner of the cluster; raises Failed."""
        programs: pg.Programs | None
        try:
            programs = self.find_programs()
        except CommandError:
            # Any version can stop a server, and tell whether it runs.
            programs = next(pg.installations("pg_ctl"), None)
            if action == "start" or programs is None:
                raise
        command = [programs.path("pg_ctl"), action, "-D", self.data, *options]
        return pg.run(command, folder=self.home, person=self.owner(), log=log)

    def read_pid(self) -> int | None:
        """Return the process id in the pid file, which a crash leaves behind, or None."""
        try:
            return int((self.data / "postmaster.pid").read_text(errors="replace").split("\n")[0])
        except (OSError, ValueError):
            return None

    def ping(self) -> int:
        """Return libpq's Ping for its port."""
        target = f"host={LOCALHOST} port={self.port} user={SUPERUSER} connect_timeout=2"
        return PGconn.ping(target.encode())

    def is_running(self) -> bool:
        """Return whether its server runs, though it may not accept connections yet.

        After a crash the pid may belong to another process, or the port to another server;
        hardly both.
        """
        if self.read_pid() is None or self.ping() == Ping.NO_RESPONSE:
            return False
        try:
            self.pg_ctl("status")
        except Failed:
            return False
        return True

    def start(self) -> None:
        """Start the server; returns when it accepts connections. Raises OSError, Failed."""
        replace_file(self.data / "camp.conf", CONFIGURATION.format(port=self.port).encode())
        if self.log.exists() and self.log.stat().st_size > LOG_LIMIT:
            os.replace(self.log, self.home / "log.old")
        options = ["-l", self.log, "-w", "-t", str(START_SECONDS)]
        end = time.monotonic() + RETRY_SECONDS
        while True:
            try:
                self.pg_ctl("start", *options, log=self.log)
                return
            except Failed as error:
                if self.is_running():  # another command started it, or it is still recovering
                    return self.wait_until_ready()
                if "postmaster.pid" in str(error):
                    self.release_pid_file()
                elif "is still in use" not in str(error):
                    raise
                if time.monotonic() > end:
                    raise
                time.sleep(0.2)

    def wait_until_ready(self) -> None:
        """Return when a server that is starting accepts connections; raises Failed."""
        end = time.monotonic() + START_SECONDS
        while (state := self.ping()) == Ping.REJECT and time.monotonic() < end:
            time.sleep(0.05)
        if state != Ping.OK:
            log = self.log.read_text(errors="replace") if self.log.exists() else ""
            raise Failed(pg.telling_line(log[-10_000:]))

    def release_pid_file(self) -> None:
        """Remove the number of a crashed server, if it is old: another process has it now.

        PostgreSQL would wait for that process. The other lines stay, because they name the
        shared memory that processes of the crashed server may still use.
        """
        file = self.data / "postmaster.pid"
        with contextlib.suppress(FileNotFoundError):
            if time.time() - file.stat().st_mtime < LOCK_SECONDS:
                return
            with file.open("r+") as stream:
                _pid, *rest = stream.read().splitlines(keepends=True) or [""]
                stream.seek(0)
                stream.write("".join([f"{UNUSED_PID}\n", *rest]))
                stream.truncate()
            if not rest:  # a power cut may leave it empty
                file.unlink()

    def stop(self) -> None:
        """Stop the server and end its connections; returns when it has ended. Raises Failed."""
        self.pg_ctl("stop", "-m", "fast", "-w", "-t", str(STOP_SECONDS))

    def connect(self, name: str = SUPERUSER) -> psycopg.Connection:
        """Return a psycopg connection, autocommit, to one of its databases."""
        return psycopg.connect(
            host=LOCALHOST,
            port=self.port,
            user=SUPERUSER,
            password=self.password,
            dbname=name,
            connect_timeout=5,
            autocommit=True,
        )

    def create_database(self) -> None:
        """Create Camp's database and role, once; the next start completes an interrupted init."""
        if self.metadata["complete"]:
            return
        with self.connect() as server:
            if self.role_password:
                roles.create_role(server, self.role_password)
            with contextlib.suppress(psycopg.errors.DuplicateDatabase):
                server.execute(f"CREATE DATABASE {DATABASE} OWNER {self.role}")
        self.update_metadata(complete=True)

    def create_role(self) -> None:
        """Create Camp's role, which is no superuser, and give it the database.

        Raises OSError, psycopg.Error; then Camp logs in as before.
        """
        if self.role_password:
            return
        self.owner()  # refuses other users
        password = secrets.token_hex(16)
        with self.connect(DATABASE) as server:
            roles.create_role(server, password)
            roles.transfer_database(server, DATABASE)
        # Last: its presence means that the role exists.
        replace_file(self.home / ROLE_PASSWORD, password.encode())


def find_cluster() -> Cluster | None:
    """Return the Cluster of this data folder, or None.

    Raises CommandError for a folder that Camp did not create, or may not read.
    """
    folder = cluster_folder()
    try:
        if not folder.exists() or not any(folder.iterdir()):
            return None
        metadata = read_metadata(folder)
        if "elsewhere" in metadata:
            folder = Path(metadata["elsewhere"])
            metadata = read_metadata(folder)
        cluster = Cluster(folder, metadata)
        version = (cluster.data / "PG_VERSION").read_text(encoding="ascii").strip()
        if version == str(cluster.major) and cluster.password and metadata.keys() >= FACTS:
            return cluster
    except PermissionError:
        raise CommandError(explain_other_owner(folder)) from None
    except (OSError, ValueError, KeyError):
        pass  # no metadata, another program's, or only part of a cluster
    move = "move" if os.name == "nt" else "mv"
    fix = f"{move} {shell.quote(cluster_folder())} {shell.quote(f'{cluster_folder()}.old')}"
    sentence = _(
        "%(folder)s contains something that is not a complete PostgreSQL made by Camp, and is "
        "left alone. Move it away with: %(fix)s"
    )
    raise CommandError(sentence % {"folder": cluster_folder(), "fix": fix})


def find_configured() -> Cluster | None:
    """Return the Cluster of this data folder if DATABASE_URL names it, else None."""
    try:
        cluster = find_cluster()
    except (CommandError, OSError):
        return None
    return cluster if cluster and cluster.is_configured() else None


def make_reachable(
    programs: pg.Programs, owner: "struct_passwd | None", folder: Path
) -> pg.Programs:
    """Return Programs that the owner can run, see programs.reachable; raises CommandError."""
    if owner is None:
        return programs
    try:
        return pg.reachable(programs, owner, folder)
    except (OSError, Failed) as error:
        sentence = _(
            "The user %(user)s, who runs PostgreSQL instead of root, cannot run %(folder)s "
            "(%(why)s). Give that user access, or use other programs with: %(fix)s"
        )
        fix = shell.manage("postgres", "init", "--binaries", _("FOLDER"))
        values = {"user": owner.pw_name, "folder": programs.folder, "why": error, "fix": fix}
        raise CommandError(sentence % values) from None


def read_metadata(folder: Path) -> dict[str, Any]:
    """Return the metadata in a folder; raises OSError, and ValueError if it is not Camp's."""
    metadata = json.loads((folder / METADATA).read_text(encoding="utf-8"))
    if not isinstance(metadata, dict) or metadata.get("made_by") != MAKER:
        raise ValueError(f"{folder / METADATA} is not Camp's")
    return metadata


def write_metadata(folder: Path, facts: dict[str, Any]) -> None:
    """Write the metadata of a folder."""
    text = json.dumps({"made_by": MAKER, **facts}, indent=2, ensure_ascii=False)
    replace_file(folder / METADATA, f"{text}\n".encode(), mode=0o644)


def relative_to(path: Path, folder: Path) -> str:
    """Return a path as text, relative to a folder that contains it, because that may move."""
    return str(path.relative_to(folder) if path.is_relative_to(folder) else path)


def explain_other_owner(folder: Path) -> str:
    """Return the sentence for a cluster of another user."""
    try:
        user = folder.owner()
    except (OSError, KeyError, NotImplementedError):
        user = "?"
    sentence = _(
        "The PostgreSQL in %(folder)s belongs to the user %(user)s. Run the command as that "
        "user, or as root."
    )
    return sentence % {"folder": folder, "user": user}
