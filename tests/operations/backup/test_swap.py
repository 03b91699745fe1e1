"""Data that is replaced: all of it or nothing, wherever the process is killed."""

import os
import shutil
import signal
import sqlite3
from contextlib import closing, suppress
from itertools import count
from pathlib import Path

import django
import psycopg
import pytest
from django.conf import settings
from django.core.management import CommandError
from django.db import OperationalError, connection
from django.utils import translation

from camp import wsgi
from camp.models import Instance
from camp.operations import cli
from camp.operations.backup import swap as replacing
from camp.operations.backup.swap import Replacement, databases, journal
from camp.operations.database import server
from camp.operations.diagnostics import backups
from tests.operations.backup import places

pytest_plugins = ["tests.operations.backup.place_fixtures"]


@pytest.fixture
def made(place, furnished):
    """The database that replacements are made from; the place has a few files."""
    Instance.objects.update_or_create(pk=1, defaults={"restored": "at first"})
    connection.close()
    folder = settings.LOCAL_STORAGE_PATH
    shutil.rmtree(folder)
    for path in ("aa/bb/old", ".staging/resumable/part", "theirs/readme.txt"):
        (folder / path).parent.mkdir(parents=True)
        (folder / path).write_bytes(path.encode())
    return furnished.database


def fill(new, word, made):
    """Make the fresh database and files of a replacement; both say `word`."""
    places.copy(made, new.fresh)
    with server.connected_to(new.fresh):
        Instance.objects.update(restored=word)
    (new.files.new / "aa/bb").mkdir(parents=True)
    (new.files.new / "aa/bb/new").write_text(word)
    (new.files.new / "cc").write_text(word)


def replace(word, made, files=True):
    with Replacement() as new:
        fill(new, word, made)
        new.commit(files=files)


def stands():
    """Return what the database says of itself, and what the files are; nothing else lies about."""
    word = Instance.objects.get().restored
    connection.close()
    root = Path(settings.LOCAL_STORAGE_PATH)
    files = {path for path, sha256 in places.tree(root).items() if sha256}
    only = ["camp_place"] if connection.vendor == "postgresql" else []
    assert places.leftovers() == ([], only)
    return word, {path: (root / path).read_text() for path in files}


THEIRS = {"theirs/readme.txt": "theirs/readme.txt"}
AT_FIRST = (
    "at first",
    THEIRS | {"aa/bb/old": "aa/bb/old", ".staging/resumable/part": ".staging/resumable/part"},
)


def replaced_by(word):
    return word, THEIRS | {"aa/bb/new": word, "cc": word}


def test_database_and_files_are_replaced_and_what_is_not_camps_stays(made):
    replace("one", made)
    assert stands() == replaced_by("one")
    replace("two", made)  # `cc` is no name of Camp's: it is kept
    [kept] = Path(settings.LOCAL_STORAGE_PATH).glob(".replaced-*")
    assert (kept / "cc").read_text() == "one"
    shutil.rmtree(kept)
    assert stands() == replaced_by("two")


def test_files_may_stay(made):
    replace("one", made, files=False)
    assert stands() == ("one", AT_FIRST[1])


def test_what_is_not_committed_never_was(made):
    with Replacement() as new:
        fill(new, "one", made)
    assert stands() == AT_FIRST
    with suppress(KeyError), Replacement() as new:
        fill(new, "one", made)
        raise KeyError
    assert stands() == AT_FIRST


def test_what_fails_at_the_last_moment_is_taken_back(made, monkeypatch):
    def fail(self):
        raise OSError("no")

    for engine in (databases.PostgreSQL, databases.SQLite):
        monkeypatch.setattr(engine, "swap", fail)
    with pytest.raises(OSError, match="no"):
        replace("one", made)
    assert stands() == AT_FIRST


@pytest.mark.sqlite
def test_a_database_that_is_open_elsewhere_is_not_replaced(made):
    with closing(sqlite3.connect(connection.settings_dict["NAME"])) as other:
        other.execute("SELECT * FROM camp_instance").fetchall()
        with pytest.raises(CommandError, match="Another program has the database"):
            replace("one", made)
    assert stands() == AT_FIRST


@pytest.mark.sqlite
def test_a_broken_database_is_replaced_with_all_that_lies_beside_it(made):
    file = Path(connection.settings_dict["NAME"])
    connection.close()
    file.write_bytes(b"no database" * 1000)
    file.with_name(f"{file.name}-wal").write_bytes(b"no log" * 1000)
    replace("one", made)
    assert stands() == replaced_by("one")


@pytest.mark.postgresql
def test_whoever_is_connected_is_disconnected(made):
    with psycopg.connect(**server.connection_parameters()) as other:
        other.execute("SELECT 1")
        replace("one", made)
        with pytest.raises(psycopg.OperationalError):
            other.execute("SELECT 1")
    assert stands() == replaced_by("one")


def test_a_missing_database_is_replaced(made):
    connection.close()
    if connection.vendor == "postgresql":
        server.drop("camp_place")
    else:
        Path(connection.settings_dict["NAME"]).unlink()
    replace("one", made)
    assert stands() == replaced_by("one")


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

    with Replacement() as new:
        new.make_database()
        with server.connected_to(new.fresh):
            assert own_settings() == [(["synchronous_commit=off"],)]
        new.commit(files=False)
    assert own_settings() == []


@pytest.mark.postgresql
def test_a_database_that_cannot_be_dropped_is_named_and_found_again(made, monkeypatch):
    def refuse(name):
        raise OperationalError("no right to")

    told = []
    with monkeypatch.context() as patch, translation.override("en"):
        patch.setattr(server, "drop", refuse)
        with Replacement(told.append) as new:
            fill(new, "one", made)
            new.commit(files=True)
        [name] = replacing.abandoned()
        [finding] = backups.check_leftover_databases()
    assert told[0] == "Removing the old files ..."
    assert told[1].endswith(f'(no right to). Drop it with: DROP DATABASE "{name}";')
    assert finding.fix == f'DROP DATABASE "{name}";'
    server.drop(name)
    assert list(backups.check_leftover_databases()) == []
    assert stands() == replaced_by("one")


def test_what_fails_after_the_last_moment_is_finished_by_the_next_command(made):
    with suppress(KeyError), Replacement() as new:
        fill(new, "one", made)
        new.commit(files=True)
        raise KeyError
    assert replacing.is_unsettled()
    told = []
    replacing.recover(told.append)
    assert "it is complete" in told[0]
    assert stands() == replaced_by("one")


def test_one_at_a_time(made):
    with Replacement():
        with pytest.raises(CommandError, match="is replacing the data"), Replacement():
            pass
        replacing.recover()  # leaves what is under way alone
        assert replacing.is_unsettled()
    assert not replacing.is_unsettled()


def interrupted():
    """Leave the journal of a replacement, as a power cut would."""
    with Replacement():
        kept = journal.path().read_bytes()
    journal.path().write_bytes(kept)


def test_it_is_settled_with_the_database_that_it_was_about(made, monkeypatch):
    interrupted()
    with monkeypatch.context() as patch:
        patch.setitem(connection.settings_dict, "NAME", "another")
        with pytest.raises(replacing.Interrupted, match="camp_place"):
            replacing.recover()
    told = []
    replacing.recover(told.append)
    assert "taken back" in told[0]
    assert stands() == AT_FIRST


def test_commands_that_need_the_data_settle_it_first(made, monkeypatch):
    interrupted()
    monkeypatch.setattr(django, "setup", lambda: None)
    monkeypatch.setattr(django.core.management, "execute_from_command_line", lambda argv: None)
    with translation.override(None):
        for words in (["postgres", "start"], ["doctor"], ["--version"], []):
            cli.execute(["manage.py", *words])
            assert replacing.is_unsettled()
        cli.execute(["manage.py", "environment"])
    assert not replacing.is_unsettled()
    assert stands() == AT_FIRST


def test_any_server_settles_it_first(made):
    interrupted()
    assert wsgi.settled("application") == "application"
    assert not replacing.is_unsettled()
    assert stands() == AT_FIRST


def steps():
    """Return the functions at which a process is killed, as (module, name)."""
    if connection.vendor == "postgresql":
        # What is done to files is the same on both.
        names = ("drop", "allow_connections", "_rename")
        return [*((server, name) for name in names), (journal, "write")]
    return [
        *((os, name) for name in ("rename", "replace", "unlink")),
        *((journal, name) for name in ("write", "remove")),
        (shutil, "rmtree"),
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
def test_a_process_killed_at_any_step_leaves_all_or_nothing(made):
    before, outcomes = AT_FIRST, set()
    for step in count(1):
        word = f"step {step}"
        if not killed_at(step, word, made):
            break
        replacing.recover(lambda line: None)
        for kept in Path(settings.LOCAL_STORAGE_PATH).glob(".replaced-*"):
            shutil.rmtree(kept)
        after = stands()
        assert after in (before, replaced_by(word)), step
        outcomes.add(after == before)
        before = after
    assert outcomes == {True, False}
    assert step > 8


@pytest.mark.fault
@pytest.mark.slow
@pytest.mark.sqlite
@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows cannot fork")
def test_recovery_itself_may_be_killed(made):
    # Both the files that are out and those that are in are somewhere then.
    swap = 8
    assert killed_at(swap, "one", made)
    assert not (Path(settings.LOCAL_STORAGE_PATH) / "aa/bb/old").exists()
    for step in count(1):
        connection.close()
        child = os.fork()
        if not child:
            left = count(1)
            for module, name in steps():
                setattr(module, name, killing(getattr(module, name), left, step))
            replacing.recover(lambda line: None)
            os._exit(0)
        if os.WIFEXITED(os.waitpid(child, 0)[1]):
            break
    assert stands() == AT_FIRST
    assert step > 5
