"""The real server, `manage.py up`, for tests that need a whole process.

`camp_server` is one server for the whole run: tests share it and must not stop it.
`make_camp_server` gives a test servers of its own, to be killed and started again
over the same data. Both use the database and Redis of the pass that is running.
"""

import contextlib
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
    """A `manage.py up` over its own data folder."""

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
        """The address without a slash at the end, such as http://127.0.0.1:54321."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def output(self):
        """All that the server has printed since it was last started."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    @property
    def pids(self):
        """The process ids of the server, its parent process first."""
        parent = psutil.Process(self.process.pid)
        return [parent.pid, *(child.pid for child in parent.children(recursive=True))]

    def start(self, *arguments):
        """Start it, on the same port as before; returns when it answers."""
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
        """Press Ctrl-C."""
        if sys.platform == "win32":
            self.process.send_signal(signal.CTRL_BREAK_EVENT)
        else:
            os.killpg(self.process.pid, signal.SIGINT)

    def stop(self):
        """Press Ctrl-C and wait; returns the exit code."""
        if self.process.poll() is None:
            self.interrupt()
        return self.process.wait(30)

    def kill(self):
        """Kill -9 of all its processes at once."""
        if self.process is None or self.process.poll() is not None:
            return
        if sys.platform == "win32":
            for pid in reversed(self.pids):
                psutil.Process(pid).kill()
        else:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def restart(self):
        """Start it again over the same data, on the same port."""
        self.kill()
        return self.start()

    def manage(self, *arguments, check=True, **options):
        """Run a manage.py command on its data; returns the CompletedProcess, output as text."""
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
        """Return the rows of a SELECT on its database, past Django and its start."""
        if url := self.environment.get("DATABASE_URL"):
            with psycopg.connect(url) as connection:
                return connection.execute(sql).fetchall()
        file = Path(self.environment["CAMP_DATA_DIR"]) / "camp.sqlite3"
        with contextlib.closing(sqlite3.connect(file)) as connection:
            return connection.execute(sql).fetchall()

    def make_user(self, name, password="a good long password", *, superuser=False):
        """Make a user in its database, whose e-mail is `name`@example.org."""
        code = MAKE_USER.format(
            maker="create_superuser" if superuser else "create_user",
            name=name,
            email=f"{name}@example.org",
            password=password,
        )
        self.manage("shell", "-v", "0", "-c", code)


def manage():
    """Return the words that start manage.py."""
    return [sys.executable, str(ROOT / "manage.py")]


@pytest.fixture(scope="session")
def camp_server_factory(django_db_blocker, tmp_path_factory):
    """A function that makes a CampServer, not yet started, on a database of its own."""
    made, databases = [], []

    def make(**environment):
        folder = tmp_path_factory.mktemp("camp-server")
        borrow_static_files(made, folder)
        url = os.environ.get("DATABASE_URL")
        if url and "DATABASE_URL" not in environment:
            name = f"camp_server_{secrets.token_hex(6)}"
            execute(django_db_blocker, f'CREATE DATABASE "{name}"')
            databases.append(name)
            environment["DATABASE_URL"] = urlsplit(url)._replace(path=f"/{name}").geturl()
        made.append(CampServer(folder, environment))
        return made[-1]

    yield make
    for server in made:
        server.kill()
    for name in databases:
        execute(django_db_blocker, f'DROP DATABASE "{name}" WITH (FORCE)')


def borrow_static_files(made, folder):
    """Give a new server the static files that an earlier one has collected."""
    for earlier in made:
        mark = earlier.folder / "data" / "static.json"
        if mark.exists():
            shutil.copytree(mark.with_suffix(""), folder / "data" / "static")
            shutil.copy(mark, folder / "data")
            return


def execute(django_db_blocker, sql):
    """Run one statement beside the tests' own database."""
    from django.db import connection

    with django_db_blocker.unblock(), connection._nodb_cursor() as cursor:
        cursor.execute(sql)


@pytest.fixture(scope="session")
def camp_server(camp_server_factory):
    """One running server for all tests of a run; not to be stopped or killed."""
    return camp_server_factory().start()


@pytest.fixture
def make_camp_server(camp_server_factory):
    """A function that makes a server of the test's own, not yet started."""
    made = []

    def make(**environment):
        made.append(camp_server_factory(**environment))
        return made[-1]

    yield make
    for server in made:
        server.kill()
