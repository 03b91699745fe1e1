"""The real server, `manage.py up`, for tests that need its process.

`camp_server` is one server for the whole run, which tests must not stop.
`make_camp_server` gives a test its own servers, to kill and restart over the same data.
Both use the database server and Redis of the current pass, each server with a copy of one
migrated database.
"""

import contextlib
import functools
import os
import re
import secrets
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import psycopg
import pytest

ROOT = Path(__file__).resolve().parent.parent
READY = re.compile(r"^Camp is ready: (http://[^/]+)/$", re.MULTILINE)
START_SECONDS = 60
MAKE_USER = (
    "from django.contrib.auth import get_user_model as m;"
    "getattr(m().objects, {maker!r})({name!r}, {email!r}, {password!r})"
)


class CampServer:
    """`manage.py up` with its own data folder."""

    def __init__(self, folder, environment):
        self.folder = folder
        self.environment = {
            **os.environ,
            "CAMP_DATA_DIR": str(folder / "data"),
            "LC_ALL": "C.UTF-8",
            **environment,
        }
        self.log = folder / "server.log"
        self.port = 0
        self.process = None

    @property
    def base_url(self):
        """The address without a trailing slash, such as http://127.0.0.1:54321."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def database_name(self):
        """The name of its PostgreSQL database."""
        return urlsplit(self.environment["DATABASE_URL"]).path[1:]

    @property
    def output(self):
        """Everything the server has printed since its last start."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    @property
    def pids(self):
        """The process ids of the server, the parent process first."""
        parent = psutil.Process(self.process.pid)
        return [parent.pid, *(child.pid for child in parent.children(recursive=True))]

    def start(self, *arguments):
        """Start it on the same port as before; returns itself once it answers."""
        self.launch(*arguments)
        deadline = time.monotonic() + START_SECONDS
        while not (ready := READY.search(self.output)):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise AssertionError(f"The server did not start:\n{self.output}")
            time.sleep(0.02)
        self.port = urlsplit(ready[1]).port
        return self

    def launch(self, *arguments):
        """Start it without waiting for an answer."""
        flags = subprocess.CREATE_NEW_PROCESS_GROUP if sys.platform == "win32" else 0
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [*manage(), "up", "--port", str(self.port), *arguments],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                creationflags=flags,
            )

    def interrupt(self):
        """Send Ctrl-C."""
        if sys.platform == "win32":
            self.process.send_signal(signal.CTRL_BREAK_EVENT)
        else:
            os.killpg(self.process.pid, signal.SIGINT)

    def stop(self):
        """Send Ctrl-C and wait; returns the exit code."""
        if self.process.poll() is None:
            self.interrupt()
        return self.process.wait(30)

    def kill(self):
        """Kill all its processes at once with SIGKILL."""
        if self.process is None or self.process.poll() is not None:
            return
        if sys.platform == "win32":
            for pid in reversed(self.pids):
                psutil.Process(pid).kill()
        else:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def restart(self):
        """Kill it and start it again with the same data and port."""
        self.kill()
        return self.start()

    def manage(self, *arguments, check=True, **options):
        """Run a manage.py command on its data; returns the CompletedProcess with text output."""
        return subprocess.run(
            [*manage(), *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=check,
            **options,
        )

    def query(self, sql):
        """Return the rows of a SELECT on its database, without starting Django."""
        if url := self.environment.get("DATABASE_URL"):
            with psycopg.connect(url) as connection:
                return connection.execute(sql).fetchall()
        file = Path(self.environment["CAMP_DATA_DIR"]) / "camp.sqlite3"
        with contextlib.closing(sqlite3.connect(file)) as connection:
            return connection.execute(sql).fetchall()

    def make_user(self, name, password="a good long password", *, superuser=False):
        """Create a user in its database with the e-mail `name`@example.org."""
        code = MAKE_USER.format(
            maker="create_superuser" if superuser else "create_user",
            name=name,
            email=f"{name}@example.org",
            password=password,
        )
        self.manage("shell", "-v", "0", "-c", code)


def manage():
    """Return the command line that starts manage.py."""
    return [sys.executable, str(ROOT / "manage.py")]


@pytest.fixture(scope="session")
def camp_server_factory(django_db_blocker, tmp_path_factory):
    """A function that creates a CampServer, not yet started, with its own database.

    Its tables exist unless `migrated` is False. Other keywords are environment variables; a
    DATABASE_URL or CAMP_DATA_DIR among them is used as it is.
    """
    servers, databases = [], []

    @functools.cache
    def template():
        server = create(migrated=False)
        (server.folder / "data").mkdir()
        server.manage("migrate")
        return server

    def create(*, migrated=True, **environment):
        folder = tmp_path_factory.mktemp("camp-server")
        copy_static_files(servers, folder)
        given = not environment.keys().isdisjoint({"DATABASE_URL", "CAMP_DATA_DIR"})
        source = template() if migrated and not given else None
        url = os.environ.get("DATABASE_URL")
        if url and "DATABASE_URL" not in environment:
            name = f"camp_server_{secrets.token_hex(6)}"
            copied = f' TEMPLATE "{source.database_name}"' if source else ""
            execute(django_db_blocker, f'CREATE DATABASE "{name}"{copied}')
            databases.append(name)
            environment["DATABASE_URL"] = urlsplit(url)._replace(path=f"/{name}").geturl()
        elif source:
            (folder / "data").mkdir(exist_ok=True)
            file = folder / "data" / "camp.sqlite3"
            shutil.copy(source.folder / "data" / "camp.sqlite3", file)
            file.chmod(0o600)
        servers.append(CampServer(folder, environment))
        return servers[-1]

    yield create
    for server in servers:
        server.kill()
    for name in databases:
        execute(django_db_blocker, f'DROP DATABASE "{name}" WITH (FORCE)')


def copy_static_files(servers, folder):
    """Copy the static files that an earlier server has collected to a new server's `folder`."""
    for server in servers:
        manifest = server.folder / "data" / "static.json"
        if manifest.exists():
            shutil.copytree(manifest.with_suffix(""), folder / "data" / "static")
            shutil.copy(manifest, folder / "data")
            return


def execute(django_db_blocker, sql):
    """Execute one statement outside the tests' own database."""
    from django.db import connection

    with django_db_blocker.unblock(), connection._nodb_cursor() as cursor:
        cursor.execute(sql)


@pytest.fixture(scope="session")
def camp_server(camp_server_factory):
    """One running server for all tests of a run, which must not stop it."""
    return camp_server_factory().start()


@pytest.fixture
def make_camp_server(camp_server_factory):
    """Like `camp_server_factory`, for servers that are killed after the test."""
    servers = []

    def create(**options):
        servers.append(camp_server_factory(**options))
        return servers[-1]

    yield create
    for server in servers:
        server.kill()
