"""What replaces the data while other processes use it, idle ones included."""

import contextlib
import os
import re
import sqlite3
import subprocess
import sys
import time

import psycopg
import pytest
from django.core.management import CommandError
from django.db import OperationalError, connection

from camp.fs.locks import try_lock
from camp.operations import backup
from camp.operations.database import server as database
from camp.operations.server import lock, processes
from tests.operations.backup import places
from tests.server_process import ROOT, START_SECONDS, manage
from tests.servers import answers, free_port, stop_process

pytest_plugins = ["tests.operations.backup.place_fixtures"]

CONFIRMED = ("--no-input", "--name")
IN_USE = r"in use by .*\(process \d+\)\. Stop that first, then: "
# What a WSGI server of any make does: load the application, then wait for requests.
WSGI = "import camp.wsgi, sys; print('loaded', flush=True); sys.stdin.read()"
# A stranger who looks at a database and keeps it open.
STRANGER = """
import sqlite3, sys
file = sqlite3.connect(sys.argv[1], isolation_level=None)
file.execute("SELECT COUNT(*) FROM sample_users").fetchall()
print("open", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def installation(make_camp_server):
    """A place of its own with a person in it; returns the CampServer, not started."""
    server = make_camp_server()
    server.make_user("owner")
    return server


@contextlib.contextmanager
def process(*command, **options):
    """Have a process run meanwhile."""
    started = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        **options,
    )
    try:
        yield started
    finally:
        stop_process(started)


@contextlib.contextmanager
def runserver(server):
    """Have Django's own server run meanwhile."""
    port = free_port()
    with process(*manage(), "runserver", "--noreload", str(port), env=server.environment):
        end = time.monotonic() + START_SECONDS
        while not answers(port):
            assert time.monotonic() < end
            time.sleep(0.05)
        yield


@contextlib.contextmanager
def wsgi_server(server):
    """Have another server of the application run meanwhile, which nobody has asked yet."""
    with process(sys.executable, "-c", WSGI, env=server.environment, cwd=ROOT) as started:
        assert started.stdout.readline() == "loaded\n"
        yield


def name(server):
    """Return what confirms."""
    url = server.environment.get("DATABASE_URL")
    return url.rpartition("/")[2] if url else "camp.sqlite3"


@pytest.mark.fault
def test_data_that_any_server_uses_is_not_replaced_until_it_stops(installation):
    server = installation
    server.manage("backup")
    [archive] = (server.folder / "data" / "backups").glob("*.tar")
    commands = (["restore", archive, *places.trusted()], ["reset"])
    for other in (wsgi_server, runserver):
        with other(server):
            for command in commands:
                done = server.manage(*command, *CONFIRMED, name(server), check=False)
                assert done.returncode == 1
                assert re.search(IN_USE, done.stderr)
        assert server.query("SELECT username FROM sample_users") == [("owner",)]
    for command in commands:
        server.manage(*command, *CONFIRMED, name(server))
    assert server.query("SELECT username FROM sample_users") == []


@pytest.mark.fault
def test_nobody_connects_while_the_data_is_replaced(installation, settings):
    settings.CAMP_DATA_DIR = installation.folder / "data"
    code = "from accounts.models import User; User.objects.create_user('late', 'l@example.org')"
    with lock.exclusive_access("again"):
        done = installation.manage("shell", "-v", "0", "-c", code, check=False)
    assert done.returncode == 1
    assert "Another command is replacing the data" in done.stderr
    installation.manage("shell", "-v", "0", "-c", code)


@pytest.mark.sqlite
def test_another_program_that_has_the_file_open_is_named(place, archive):
    before = places.digest()
    file = connection.settings_dict["NAME"]
    with process(sys.executable, "-c", STRANGER, str(file)) as stranger:
        assert stranger.stdout.readline() == "open\n"
        said = places.refusal(archive)
        assert places.digest() == before
    assert re.search(r"is open in python\S* \(process \d+\)|database is locked", said)
    assert "Restored" in places.restore(archive)


@pytest.mark.sqlite
def test_what_is_written_meanwhile_keeps_a_database_from_being_replaced(
    place, archive, monkeypatch
):
    def write_meanwhile(*args):
        with contextlib.closing(sqlite3.connect(connection.settings_dict["NAME"])) as stranger:
            stranger.execute("UPDATE sample_users SET username = 'renamed'")
            stranger.commit()

    monkeypatch.setattr(backup, "safety_copy", write_meanwhile)
    assert "has written to the database" in places.refusal(archive)
    with contextlib.closing(sqlite3.connect(connection.settings_dict["NAME"])) as file:
        assert file.execute("SELECT username FROM sample_users").fetchall() == [("renamed",)]
    connection.close()


@pytest.mark.postgresql
def test_other_connections_are_named_and_only_ended_if_asked_for(place, archive):
    parameters = database.connection_parameters() | {"application_name": "old backend"}
    with contextlib.closing(psycopg.connect(**parameters)) as other:
        said = places.refusal(archive)
        assert f"127.0.0.1 old backend (process {other.info.backend_pid})" in said
        assert other.execute("SELECT COUNT(*) FROM sample_users").fetchone() == (1,)
        other.rollback()
        assert "Restored" in places.restore(archive, "--disconnect")
        with pytest.raises(psycopg.OperationalError):
            other.execute("SELECT 1")


@pytest.mark.postgresql
def test_nobody_can_write_from_the_backup_to_the_end(place, archive, monkeypatch):
    parameters = database.connection_parameters()
    update = "UPDATE sample_users SET username = 'late'"
    make = database.create

    def fail_to_write(*args):
        with contextlib.closing(psycopg.connect(**parameters)) as other:
            other.execute("SET lock_timeout = '100ms'")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                other.execute(update)

    def make_meanwhile(*args, **options):
        fail_to_write()
        make(*args, **options)

    monkeypatch.setattr(backup, "safety_copy", fail_to_write)
    monkeypatch.setattr(database, "create", make_meanwhile)
    assert "Restored" in places.restore(archive)
    psycopg.connect(**parameters).close()


@pytest.mark.postgresql
def test_a_restore_that_fails_lets_people_in_again(place, archive, monkeypatch):
    def fail(*args, **options):
        raise OSError(28, "No space left on device")

    before = places.digest()
    monkeypatch.setattr(database, "create", fail)
    assert "Nothing was changed" in places.refusal(archive)
    assert places.digest() == before


def test_a_process_that_ended_is_forgotten(settings, tmp_path):
    settings.CAMP_DATA_DIR = tmp_path
    dead = tmp_path / processes.FOLDER / "4711-aaaa"
    dead.parent.mkdir()
    dead.write_text("manage.py shell")
    with lock.exclusive_access("again"):
        assert not dead.exists()


def test_a_connection_is_refused_while_another_process_is_alone(settings, tmp_path):
    settings.CAMP_DATA_DIR = tmp_path
    with (tmp_path / processes.INSTANCE_LOCK).open("a+b") as file:
        assert try_lock(file)
        with pytest.raises(OperationalError):
            processes.register()
    assert list((tmp_path / processes.FOLDER).iterdir()) == []
    processes.register()
    [own] = (tmp_path / processes.FOLDER).iterdir()
    assert own.name.startswith(f"{os.getpid()}-")
    with lock.exclusive_access("again"):
        pass  # this process is nobody else


def test_a_busy_process_is_named(settings, tmp_path):
    settings.CAMP_DATA_DIR = tmp_path
    file = tmp_path / processes.FOLDER / "4711-aaaa"
    file.parent.mkdir()
    with file.open("w+b", buffering=0) as held:
        held.write(b"manage.py shell")
        assert try_lock(held)
        refused = pytest.raises(CommandError, match=r"in use by manage\.py shell \(process 4711\)")
        with refused, lock.exclusive_access("again"):
            pytest.fail("it was let through")
