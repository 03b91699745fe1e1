"""Backup, restore and reset of a place whose files are in an object store."""

import io
import shutil

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError

from camp.operations.backup.swap import postgresql, sqlite
from camp.storage.object_store import StoreError
from files.models import File
from tests.operations.backup import places

pytest_plugins = ["tests.operations.backup.place_fixtures"]


@pytest.fixture
def store(place, settings, object_store):
    """The store of a furnished place; returns it."""
    root = settings.LOCAL_STORAGE_PATH
    for path in filter(lambda path: path.is_file(), root.rglob("*")):
        object_store.put(path.relative_to(root).as_posix(), path)
    shutil.rmtree(root)
    return object_store


def objects(store):
    """Return all that lies there, by name."""
    return {name: store.open(name).read() for name, _size, _modified in store.listed()}


def reset(*options, name):
    output = io.StringIO()
    call_command("reset", *options, "--no-input", "--name", name, stdout=output)
    return output.getvalue()


def test_a_backup_holds_what_is_there(store):
    before = objects(store)
    lost = File.objects.exclude(size=0).first()
    store.delete(lost.storage_path)
    path = places.archive()
    del before[lost.storage_path]
    packed = places.members(path)
    assert {f"files/{name}": content for name, content in before.items()}.items() <= packed.items()
    assert f"files/{lost.storage_path}" not in packed


def test_a_restore_brings_back_what_is_lost_or_damaged(store, settings):
    before, rows = objects(store), File.objects.count()
    archive = places.archive()
    lost, damaged = File.objects.exclude(size=0)[:2]
    store.delete(lost.storage_path)
    store.put_bytes(damaged.storage_path, b"x" * damaged.size)
    store.put_bytes("aa/bb/newer", b"of nobody then")
    File.objects.update(filename="renamed")
    assert f"Restored: {rows} files." in places.restore(archive, "--no-backup")
    there = objects(store)
    again = File.objects.get(pk=damaged.pk).storage_path
    # Beside the damaged one, which the sweep removes.
    assert there.pop(again) == before[damaged.storage_path]
    assert there == before | {
        damaged.storage_path: b"x" * damaged.size,
        "aa/bb/newer": b"of nobody then",
    }
    assert File.objects.count() == rows
    kept = [path for path in settings.LOCAL_STORAGE_PATH.rglob("*") if path.is_file()]
    assert kept == []


def test_a_restore_that_fails_changes_nothing(store, monkeypatch):
    archive = places.archive()
    damaged, lost = File.objects.exclude(size=0)[:2]
    store.put_bytes(damaged.storage_path, b"other bytes")
    store.delete(lost.storage_path)
    before = objects(store)

    def refuse(self):
        assert objects(store).keys() > before.keys()
        raise DatabaseError("no")

    for engine in (postgresql.PostgreSQL, sqlite.SQLite):
        monkeypatch.setattr(engine, "swap", refuse)
    assert "Nothing was changed" in places.refusal(archive, "--no-backup")
    assert objects(store) == before


def test_a_store_that_fails_leaves_all_as_it_was(store, monkeypatch):
    archive = places.archive()
    lost = File.objects.exclude(size=0).first()
    store.delete(lost.storage_path)

    def refuse(*args, **kwargs):
        raise StoreError("no answer")

    monkeypatch.setattr(type(store), "put", refuse)
    assert "no answer" in places.refusal(archive, "--no-backup")
    monkeypatch.setattr(type(store), "open", refuse)
    with pytest.raises(CommandError, match=r"object store cannot be read \(no answer\)"):
        call_command("backup")


def test_rows_without_bytes_are_counted(store):
    archive = places.archive()
    store.delete(File.objects.exclude(size=0).first().storage_path)
    told = places.restore(archive, "--no-files", "--no-backup")
    assert "1 file of the list has no bytes here." in told


def test_a_reset_leaves_the_objects_and_says_so(store, place):
    before = objects(store)
    told = reset("--no-backup", name=place)
    assert f"What is stored in {store} stays there (files: {len(before)}" in told
    assert "manage.py sweep --force" in told
    assert objects(store) == before
    assert File.objects.count() == 0
