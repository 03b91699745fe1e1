"""Reset: empty and usable afterwards, or refused with everything as it was."""

import os
import shutil
import sqlite3
from contextlib import closing
from io import StringIO
from pathlib import Path

import psycopg
import pytest
from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from psycopg import sql

from accounts import setup_token
from camp.operations import backup
from camp.operations.backup import reset
from camp.operations.backup.swap import postgresql, sqlite
from camp.operations.database import environment
from camp.operations.database import server as database
from camp.operations.server import lock
from files.models import File
from files.uploads import form
from tests.conftest import person
from tests.files.conftest import stage, stored

pytestmark = pytest.mark.django_db(transaction=True)

SCRATCH = "camp_reset_scratch"


@pytest.fixture(autouse=True)
def own_folders(settings, tmp_path, monkeypatch):
    """Keep what a reset writes beside the data away from that of other tests."""
    settings.CAMP_DATA_DIR = tmp_path / "data"
    settings.BACKUP_FOLDER = tmp_path / "backups"
    settings.CAMP_DATA_DIR.mkdir()
    monkeypatch.setattr(os, "sync", lambda: None, raising=False)  # nothing here outlives the test


@pytest.fixture
def place(tmp_path):
    """A copy of the migrated, empty database under another name; returns that."""
    own = connection.settings_dict["NAME"]
    connection.close()
    if connection.vendor == "sqlite":
        name = tmp_path / "camp.sqlite3"
        with closing(sqlite3.connect(own)) as source, closing(sqlite3.connect(name)) as target:
            source.backup(target)
    else:
        name = SCRATCH
        database.drop(SCRATCH)
        on_server("CREATE DATABASE {} TEMPLATE {}", SCRATCH, own)
    with database.connected_to(name):
        yield database.locate_database().name
    if connection.vendor == "postgresql":
        assert leftovers() == []
        database.drop(SCRATCH)


def on_server(command, *names):
    with database.connect_for_maintenance() as server:
        server.execute(sql.SQL(command).format(*map(sql.Identifier, names)))


def leftovers():
    """Return the databases that a reset made and left."""
    with database.connect_for_maintenance() as server:
        rows = server.execute(
            "SELECT datname FROM pg_database WHERE datname LIKE %s AND datname <> %s",
            [f"{SCRATCH}%", SCRATCH],
        ).fetchall()
    return rows


@pytest.fixture
def filled(place):
    """The same with a person who keeps a file; returns the database's name."""
    fill()
    return place


def fill():
    form.store(user=person("owner"), staged=stage(b"kept"), filename="kept.txt")


def state():
    """Return all that there is: rows by table, and the stored bytes."""
    connection.close()
    return database.row_counts(), stored()


def run(*arguments):
    """Run the command with the right name; returns what it says."""
    out = StringIO()
    call_command(
        "reset",
        "--no-input",
        "--name",
        database.locate_database().name,
        *arguments,
        stdout=out,
        stderr=out,
    )
    return out.getvalue()


def archives():
    folder = backup.last_backup()
    return [folder[0]] if folder else []


def assert_empty_and_usable():
    """Fail unless there is nothing, and something can be kept."""
    counts, bytes_there = state()
    assert bytes_there == {}
    assert {table: rows for table, rows in counts.items() if rows}.keys() <= {
        "auth_group",
        "auth_group_permissions",
        "auth_permission",
        "camp_instance",
        "django_content_type",
        "django_migrations",
    }
    fill()
    assert File.objects.get().filename == "kept.txt"


def test_everything_goes_and_a_backup_stays(filled):
    environment.mark("staging")
    setup_token.issue()
    cache.set("remembered", 1)
    out = run()
    [archive] = archives()
    call_command("backup", "--verify", str(archive), stdout=StringIO())
    assert f"Database: {filled} on" in out
    assert "  sample_files: 1 row\n" in out
    assert "(files: 1, 4 bytes). A backup of them is made first." in out
    assert f"manage.py restore {archive}" in out
    assert "manage.py up\n" in out
    assert "manage.py createsuperuser\n" in out
    assert "manage.py demo\n" in out
    assert not setup_token.read()
    assert cache.get("remembered") is None
    assert environment.read_mark() == "staging"
    assert_empty_and_usable()


def test_without_a_backup_a_named_production_goes_but_for_what_is_not_camps(filled, settings):
    environment.mark("production")
    (settings.LOCAL_STORAGE_PATH / "lost+found").mkdir()
    (settings.LOCAL_STORAGE_PATH / "README").write_text("mine")
    out = run("--no-backup", "--force-production", filled)
    assert environment.read_mark() == "production"
    assert "No backup is made." in out
    assert f"still in {settings.LOCAL_STORAGE_PATH}: README, lost+found\n" in out
    assert "restore" not in out
    assert archives() == []
    assert stored() == {"README": b"mine"}
    assert get_user_model().objects.count() == 0


def test_the_name_typed_at_a_terminal_confirms(filled, monkeypatch):
    monkeypatch.setattr("sys.stdin", type("Terminal", (), {"isatty": lambda self: True})())
    options = {"no_input": False, "name": "", "force_production": "", "disconnect": False}
    options["no_backup"] = False
    before = state()
    monkeypatch.setattr("builtins.input", lambda question: "camp")
    with pytest.raises(CommandError, match="is not the name"):
        reset.reset(options, say=str)
    assert state() == before
    assert archives() == []
    done = []
    monkeypatch.setattr(reset, "replace", lambda *arguments: done.append(arguments))
    monkeypatch.setattr("builtins.input", lambda question: filled)
    reset.reset(options | {"no_backup": True}, say=str)
    assert done


def test_whatever_is_not_confirmed_is_refused(filled):
    before = state()
    no_terminal, wrong = "There is no terminal to ask at", "is not the name of the database"
    for arguments, said in (
        ([], no_terminal),
        (["--name", filled], no_terminal),
        (["--no-input"], wrong),
        (["--no-input", "--name", "other"], wrong),
    ):
        with pytest.raises(CommandError, match=said):
            call_command("reset", *arguments)
    assert state() == before
    assert archives() == []


@pytest.mark.parametrize("where", ["settings", "database"])
def test_production_is_refused(filled, settings, where):
    if where == "settings":
        settings.CAMP_ENVIRONMENT = "production"
    else:
        environment.mark("production")
    before = state()
    for arguments in ([], ["--force-production", "other"]):
        with pytest.raises(CommandError, match=f"--force-production {filled}"):
            run("--no-backup", *arguments)
    assert state() == before


def test_it_waits_for_the_server_to_be_stopped(filled):
    before = state()
    refused = pytest.raises(CommandError, match=r"Stop it first.*manage\.py reset --no-backup")
    with lock.hold_server_lock(), refused:
        run("--no-backup")
    assert state() == before


def test_where_no_backup_can_be_made_nothing_happens(filled, settings):
    settings.BACKUP_FOLDER.write_text("a file where the folder should be")
    before = state()
    with pytest.raises(CommandError, match="--no-backup"):
        run()
    assert state() == before


def remove_database():
    """Have no database at all."""
    connection.close()
    if connection.vendor == "postgresql":
        database.drop(SCRATCH)
    else:
        Path(connection.settings_dict["NAME"]).unlink()


def test_a_missing_database_is_made_but_no_files_are_thrown_away_unasked(filled, settings):
    remove_database()
    before = stored()
    with pytest.raises(CommandError, match="knows 0: a backup would not contain the others"):
        run()
    assert stored() == before
    shutil.rmtree(settings.LOCAL_STORAGE_PATH)
    assert "It is empty." in run()
    assert archives() == []
    assert_empty_and_usable()


def test_the_storage_of_another_database_is_not_emptied_unasked(filled, settings, monkeypatch):
    monkeypatch.setattr(reset, "FEW", 2)
    folder = settings.LOCAL_STORAGE_PATH / "ab" / "cd"
    folder.mkdir(parents=True)
    for number in range(4):
        (folder / str(number)).write_bytes(b"of somebody else")
    before = state()
    with pytest.raises(CommandError, match=r"files in .* \(5\) the database .* knows 1"):
        run()
    assert state() == before
    for number in range(2):
        (folder / str(number)).unlink()
    monkeypatch.setattr(reset, "replace", lambda *arguments: None)
    run()


def corrupt():
    """Break the database so that it can be reached, and not be read."""
    if connection.vendor == "sqlite":
        connection.close()
        Path(connection.settings_dict["NAME"]).write_bytes(b"not a database at all" * 500)
        return
    with connection.cursor() as cursor:
        cursor.execute("SET allow_system_table_mods = on")
        cursor.execute("DELETE FROM pg_attribute WHERE attrelid = 'sample_files'::regclass")
    connection.close()


def test_a_corrupted_database_is_replaced_but_only_without_a_backup(filled):
    corrupt()
    before = stored()
    with pytest.raises(CommandError, match=r"No backup can be made .*manage\.py reset --no-backup"):
        run()
    assert stored() == before
    assert "Its content cannot be read" in run("--no-backup")
    assert_empty_and_usable()


@pytest.mark.postgresql
@pytest.mark.slow
def test_a_database_that_lets_nobody_in_is_replaced(filled):
    connection.close()
    on_server("ALTER DATABASE {} ALLOW_CONNECTIONS false", SCRATCH)
    run("--no-backup")
    assert_empty_and_usable()


@pytest.mark.postgresql
def test_a_server_that_refuses_is_not_taken_for_a_broken_database(filled, monkeypatch):
    connection.close()
    with monkeypatch.context() as patch:
        patch.setitem(connection.settings_dict, "PASSWORD", "wrong")
        with pytest.raises(CommandError, match="password authentication failed"):
            run("--no-backup")


@pytest.mark.postgresql
def test_a_role_that_may_not_make_databases_is_told_what_to_grant(filled, monkeypatch):
    before = state()
    connection.close()
    on_server("CREATE ROLE {} LOGIN PASSWORD 'secret'", "camp_modest")
    try:
        monkeypatch.setitem(connection.settings_dict, "USER", "camp_modest")
        monkeypatch.setitem(connection.settings_dict, "PASSWORD", "secret")
        monkeypatch.setattr(database, "row_counts", dict)  # it may read nothing either
        monkeypatch.setattr(reset, "measure_storage", lambda: (0, 0))
        with pytest.raises(CommandError, match='ALTER ROLE "camp_modest" CREATEDB; ALTER DATABASE'):
            run("--no-backup")
        monkeypatch.undo()
        connection.close()
        assert state() == before
    finally:
        on_server("DROP ROLE {}", "camp_modest")


@pytest.mark.postgresql
def test_others_are_named_and_only_disconnected_if_asked_for(filled):
    parameters = database.connection_parameters() | {"application_name": "somebody"}
    with psycopg.connect(**parameters) as other:
        before = state()
        with pytest.raises(CommandError, match=r"127\.0\.0\.1 somebody \(process \d+\)"):
            run("--no-backup")
        assert state() == before
        run("--no-backup", "--disconnect")
        with pytest.raises(psycopg.OperationalError):
            other.execute("SELECT 1")
    assert_empty_and_usable()


STEPS = ["making the database", "migrating it", "syncing it", "the swap"]


@pytest.mark.parametrize("step", STEPS)
def test_a_failure_anywhere_leaves_the_old_state(filled, monkeypatch, step):
    def fail(*args, **kwargs):
        if step == "syncing it":
            raise OSError(28, "No space left on device")
        raise OperationalError("the server went away")

    if step == "migrating it":
        monkeypatch.setattr(environment, "mark", fail)
    else:
        method = {STEPS[0]: "create", STEPS[2]: "make_durable", STEPS[3]: "swap"}[step]
        for engine in (postgresql.PostgreSQL, sqlite.SQLite):
            monkeypatch.setattr(engine, method, fail)
    before = state()
    with pytest.raises(CommandError, match="everything is as it was"):
        run("--no-backup")
    assert state() == before
    monkeypatch.undo()
