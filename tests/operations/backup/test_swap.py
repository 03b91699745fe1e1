"""The atomic swap: the old database or the new one, whole, wherever the process is killed."""

import os
import signal
import sqlite3
import time
from contextlib import closing, suppress
from itertools import count
from pathlib import Path
from threading import Thread

import psycopg
import pytest
from django.conf import settings
from django.core.management import CommandError
from django.db import DatabaseError, OperationalError, connection
from django.utils import timezone, translation

from camp.models import Instance
from camp.operations.backup import swap
from camp.operations.backup.swap import AtomicSwap, atomic_swap, postgresql, sqlite
from camp.operations.database import server
from camp.operations.diagnostics import backups
from files.storage import staging
from tests.files.wire import until
from tests.operations.backup import places

pytest_plugins = ["tests.operations.backup.place_fixtures"]


@pytest.fixture
def made(place, furnished):
    """The database that new ones are copied from."""
    Instance.objects.update_or_create(pk=1, defaults={"restored": "at first"})
    connection.close()
    return furnished.database


def fill(new, word, made):
    """Make the new database of a swap; it says `word`."""
    places.copy(made, new.database)
    with server.connected_to(new.database):
        Instance.objects.update(restored=word)


def replace(word, made, say=print):
    with AtomicSwap() as new:
        new.freeze()
        fill(new, word, made)
        new.commit()
    new.remove_old(say)


def read_word():
    """Return what the database in place says."""
    word = Instance.objects.get().restored
    connection.close()
    return word


def assert_stands(word):
    """Fail unless the database in place says `word`, and nothing else lies about."""
    assert read_word() == word
    only = ["camp_place"] if connection.vendor == "postgresql" else []
    assert places.leftovers() == ([], only)
    assert list(settings.UPLOAD_STAGING.glob("*")) == []


def test_a_database_is_replaced(made):
    replace("one", made)
    assert_stands("one")
    replace("two", made)
    assert_stands("two")


def test_what_is_not_committed_changes_nothing(made):
    undone = []
    with AtomicSwap() as new:
        fill(new, "one", made)
        new.undo.callback(undone.append, 1)
    assert_stands("at first")
    with suppress(KeyError), AtomicSwap() as new:
        fill(new, "one", made)
        raise KeyError
    assert_stands("at first")
    assert undone == [1]


@pytest.mark.parametrize("error", [OSError("no"), KeyboardInterrupt()])
def test_what_fails_at_the_last_moment_changes_nothing(made, monkeypatch, error):
    def fail(self):
        raise error

    for engine in (postgresql.PostgreSQL, sqlite.SQLite):
        monkeypatch.setattr(engine, "swap", fail)
    with pytest.raises(type(error)):
        replace("one", made)
    assert_stands("at first")


def test_an_error_after_the_swap_does_not_take_it_back(made, monkeypatch):
    for engine in (postgresql.PostgreSQL, sqlite.SQLite):
        swap_databases = engine.swap

        def fail_late(self, swap_databases=swap_databases):
            swap_databases(self)
            raise OperationalError("the answer was lost")

        monkeypatch.setattr(engine, "swap", fail_late)
    replace("one", made)
    assert_stands("one")


@pytest.mark.sqlite
def test_a_database_that_is_open_elsewhere_is_not_replaced(made):
    with closing(sqlite3.connect(connection.settings_dict["NAME"])) as other:
        other.execute("SELECT * FROM camp_instance").fetchall()
        with pytest.raises(CommandError, match="Another program has the database"):
            replace("one", made)
    assert_stands("at first")


@pytest.mark.sqlite
def test_a_broken_database_is_replaced_with_all_that_lies_beside_it(made):
    file = Path(connection.settings_dict["NAME"])
    connection.close()
    file.write_bytes(b"no database" * 1000)
    file.with_name(f"{file.name}-wal").write_bytes(b"no log" * 1000)
    replace("one", made)
    assert_stands("one")


@pytest.mark.sqlite
def test_what_is_still_in_the_log_of_sqlite_is_not_lost_or_mixed_up(made):
    """Kill a writer before its log is merged into the file; then restore over that."""
    file = connection.settings_dict["NAME"]
    child = os.fork()
    if not child:
        with suppress(BaseException):
            other = sqlite3.connect(file, isolation_level=None)
            other.execute("PRAGMA journal_mode = WAL")
            other.execute("UPDATE camp_instance SET restored = 'in the log'")
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    assert Path(f"{file}-wal").stat().st_size
    with suppress(KeyError), AtomicSwap() as new:
        new.freeze()
        fill(new, "one", made)
        raise KeyError
    assert read_word() == "in the log"
    replace("one", made)
    assert_stands("one")


@pytest.mark.postgresql
def test_whoever_is_connected_is_disconnected(made):
    with psycopg.connect(**server.connection_parameters()) as other:
        other.execute("SELECT 1")
        replace("one", made)
        with pytest.raises(psycopg.OperationalError):
            other.execute("SELECT 1")
    assert_stands("one")


@pytest.mark.postgresql
def test_no_write_that_was_confirmed_is_lost(made):
    """Others connect and try to write all the time: only the new database takes it."""
    parameters = server.connection_parameters()
    confirmed, stop = [], []

    def write():
        while not stop:
            with suppress(psycopg.Error), closing(psycopg.connect(**parameters)) as other:
                other.execute("UPDATE camp_instance SET restored = restored || '+'")
                other.commit()
                confirmed.append(1)

    writers = [Thread(target=write) for _number in range(4)]
    with AtomicSwap() as new:
        fill(new, "one", made)
        new.freeze()
        for writer in writers:
            writer.start()
        time.sleep(0.2)
        new.commit()
    try:
        until(lambda: len(confirmed) > 10)
    finally:
        stop.append(1)
    for writer in writers:
        writer.join()
    new.remove_old(print)
    assert_stands("one" + "+" * len(confirmed))


@pytest.mark.postgresql
def test_a_swap_that_the_server_refuses_disconnects_nobody(made, monkeypatch):
    with psycopg.connect(**server.connection_parameters()) as other:
        other.execute("SELECT 1")
        monkeypatch.setattr(postgresql, "_rename_statement", lambda name, other: "SELECT 1/0")
        with pytest.raises(DatabaseError, match="division by zero"):
            replace("one", made)
        assert other.execute("SELECT 1").fetchone() == (1,)
    assert_stands("at first")


def test_a_missing_database_is_replaced(made):
    connection.close()
    if connection.vendor == "postgresql":
        server.drop("camp_place")
    else:
        Path(connection.settings_dict["NAME"]).unlink()
    replace("one", made)
    assert_stands("one")


@pytest.mark.postgresql
def test_the_disk_is_waited_for_again_once_a_database_is_in_place(made):
    def own_settings():
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT setconfig FROM pg_db_role_setting AS own "
                "JOIN pg_database ON pg_database.oid = setdatabase "
                "WHERE datname = current_database()"
            )
            return cursor.fetchall()

    with AtomicSwap() as new:
        new.create_database()
        with server.connected_to(new.database):
            assert own_settings() == [(["synchronous_commit=off"],)]
        new.commit()
    assert own_settings() == []
    new.remove_old(print)


@pytest.mark.postgresql
def test_a_database_that_cannot_be_dropped_is_named_and_found_again(made, monkeypatch):
    def refuse(name):
        raise OperationalError("no right to")

    said = []
    with monkeypatch.context() as patch, translation.override("en"):
        patch.setattr(server, "drop", refuse)
        replace("one", made, said.append)
        [(name, fix)] = swap.list_leftovers()
        [finding] = backups.check_leftover_databases()
    assert said == [
        f"The old database is still there, as {name}, since it could not be dropped "
        f'(no right to). Drop it with: DROP DATABASE "{name}";'
    ]
    assert finding.fix == fix == f'DROP DATABASE "{name}";'
    replace("two", made)
    assert list(backups.check_leftover_databases()) == []
    assert_stands("two")


def test_databases_of_other_names_are_none_of_its_leftovers():
    names = {postgresql._shorten(name) for name in ("camp", "x" * 40, "x" * 41, "東京" * 10)}
    assert len(names) == 4
    assert all(len(f"{name}_restore_20261128080000_abcdef".encode()) <= 63 for name in names)


def test_the_sweep_removes_the_work_folder_of_a_killed_restore(place):
    folder = settings.UPLOAD_STAGING / "restore-20261128080000_abcdef.part"
    (folder / "files").mkdir(parents=True)
    (folder / "files" / "x").write_bytes(b"x")
    [found] = staging.list_staged(timezone.now() + timezone.timedelta(seconds=1))
    staging.remove_staged(found)
    assert not folder.exists()


def steps():
    """Return the functions at which a process is killed, as (module, name)."""
    if connection.vendor == "postgresql":
        return [
            *((server, name) for name in ("drop", "get_oid", "make_durable")),
            (postgresql, "_rename_statement"),
            (postgresql.PostgreSQL, "release"),
            (atomic_swap.cache, "clear"),
        ]
    return [
        *((os, name) for name in ("rename", "replace", "unlink")),
        (sqlite, "sync_folder"),
        (atomic_swap.cache, "clear"),
    ]


def killed_at(step, word, made):
    """Replace in a process of its own, killed at a step; returns whether it got that far."""
    connection.close()
    child = os.fork()
    if child:
        _pid, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
        return os.WIFSIGNALED(status)
    try:
        left = count(1)
        for module, name in steps():
            setattr(module, name, killing(getattr(module, name), left, step))
        replace(word, made)
        os._exit(0)
    finally:
        os._exit(1)


def killing(function, left, step):
    def call(*args, **kwargs):
        if next(left) == step:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*args, **kwargs)

    return call


@pytest.mark.fault
@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows cannot fork")
def test_a_process_killed_at_any_step_leaves_one_of_both_whole(made):
    before, outcomes = "at first", set()
    for step in count(1):
        word = f"step {step}"
        if not killed_at(step, word, made):
            break
        after = read_word()  # at once: nothing has to be recovered
        assert after in (before, word), step
        outcomes.add(after == before)
        before = after
    assert outcomes == {True, False}
    assert step > 8
    assert_stands(word)  # the next one has cleaned up behind all of them
