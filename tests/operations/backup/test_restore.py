"""`manage.py restore`: what it puts back, and what it refuses."""

import io
import json
import shutil
import sys
from collections import namedtuple
from pathlib import Path

import pytest
from django.conf import settings as camp_settings
from django.core.cache import cache
from django.core.management import call_command
from django.db import OperationalError, connection

from camp.models import Instance
from camp.operations.backup.restore import stored_files
from camp.operations.backup.swap import postgresql, sqlite
from camp.operations.database import environment, server
from camp.operations.local_postgres import programs
from camp.operations.server import lock
from files.models import File, Share, Upload, Version
from files.storage import backend
from sessions_app.models import Session
from tests.operations.backup import places

pytest_plugins = ["tests.operations.backup.place_fixtures"]


def stored(file):
    """Return the path of a file's bytes."""
    return Path(camp_settings.LOCAL_STORAGE_PATH, file.storage_path)


def change():
    """Have people go on working after the backup."""
    Session.objects.all().delete()
    stored(File.objects.exclude(size=0).first()).unlink()
    places.furnish("newcomer")


def without_mark(found):
    Instance.objects.update(restored="")
    return found()


@pytest.mark.parametrize("kind", ["native", "portable"])
def test_an_archive_puts_everything_back(place, kind):
    before = places.digest()
    archive = places.archive(portable=kind == "portable")
    change()
    cache.set("remembered", "of then")
    told = places.restore(archive)
    assert Instance.objects.get().restored
    assert without_mark(places.digest) == before
    assert cache.get("remembered") is None
    [safety] = archive.parent.glob("*_safety.tar")
    assert safety.name in told
    assert "Restored: 6 files." in told
    if kind == "native":
        places.restore(safety, "--no-backup")
        assert File.objects.filter(user__username="newcomer").count() == 6


@pytest.mark.parametrize("kind", ["native", "portable"])
def test_earlier_versions_come_back_with_their_bytes(place, kind):
    file = File.objects.exclude(size=0).first()
    held = stored(file).read_bytes()
    version = places.replace(file)
    archive = places.archive(portable=kind == "portable")
    shutil.rmtree(camp_settings.LOCAL_STORAGE_PATH)
    told = places.restore(archive, "--no-backup")
    assert "Restored: 7 files." in told
    assert stored(Version.objects.get(pk=version.pk)).read_bytes() == held
    if kind == "native":
        stored(version).unlink()
        told = places.restore(archive, "--no-files", "--no-backup")
        assert "1 file of the list has no bytes here." in told


def test_bytes_are_never_overwritten_and_damaged_ones_come_back_beside_them(place, archive):
    damaged, in_the_way, intact = File.objects.exclude(size=0)[:3]
    held = {file.pk: stored(file).read_bytes() for file in File.objects.all()}
    stored(damaged).write_bytes(b"x" * damaged.size)
    stored(in_the_way).unlink()
    stored(in_the_way).mkdir()
    told = places.restore(archive, "--no-backup")
    assert "Restored: 6 files." in told
    assert {file.pk: stored(file).read_bytes() for file in File.objects.all()} == held
    assert File.objects.get(pk=intact.pk).storage_path == intact.storage_path
    for old in (damaged, in_the_way):
        assert backend.OPAQUE.fullmatch(File.objects.get(pk=old.pk).storage_path)
        assert File.objects.get(pk=old.pk).storage_path != old.storage_path
    assert not stored(damaged).exists()
    assert stored(in_the_way).is_dir()


def test_a_restore_that_fails_late_leaves_no_file_behind(place, archive, monkeypatch):
    shutil.rmtree(camp_settings.LOCAL_STORAGE_PATH)
    camp_settings.LOCAL_STORAGE_PATH.mkdir()
    before = places.digest()
    fail(monkeypatch, "swap", OSError(5, "Input/output error"))
    assert "(Input/output error). Nothing was changed" in places.refusal(archive, "--no-backup")
    assert places.digest() == before


def test_files_may_be_left_as_they_are(place, archive):
    change()
    shutil.rmtree(camp_settings.LOCAL_STORAGE_PATH / File.objects.first().storage_path[:2])
    stored = places.tree(camp_settings.LOCAL_STORAGE_PATH)
    told = places.restore(archive, "--no-files", "--no-backup")
    assert places.tree(camp_settings.LOCAL_STORAGE_PATH) == stored
    assert "The stored files were left as they are." in told
    assert "no bytes here" in told
    assert File.objects.count() == 6


def test_of_files_that_stay_the_newest_are_looked_for(place, archive, monkeypatch):
    monkeypatch.setattr(stored_files, "SAMPLE", 2)
    for file in File.objects.order_by("pk")[2:]:
        stored(file).unlink()
    told = places.restore(archive, "--no-files", "--no-backup")
    assert "2 files of the list have no bytes here." in told
    assert "doctor --files" in told


@pytest.mark.slow
def test_an_archive_of_an_older_camp_is_migrated_forward(place):
    places.go_back("sessions_app", "0004")
    places.go_back("files", "0008")
    archive = places.archive()
    places.restore(archive, "--no-backup")
    assert Version.objects.count() == 0
    call_command("migrate", "--check", verbosity=0)
    assert Session.objects.count() == 1


def test_the_new_database_goes_on_where_both_were(place, archive):
    last = Session.objects.latest("pk").pk
    Session.objects.all().delete()
    environment.mark("staging")
    places.restore(archive, "--no-backup")
    assert environment.read_mark() == "staging"  # it is still for the same
    assert Session.objects.create(title="new").pk == last + 1


def test_bytes_that_are_not_what_their_rows_say_are_settled_as_the_backup_found_them(place):
    purged, lost, rotten = File.objects.order_by("pk")[:3]
    Upload.objects.create(
        user=purged.user, file=purged, filename="x", length=1, expires_at=purged.created_at
    )
    share = Share.objects.create(user=purged.user, expires_at=purged.created_at)
    share.files.set([purged, rotten])
    for file in (purged, lost):
        stored(file).unlink()
    stored(rotten).write_bytes(b"rotten")
    archive = places.archive()
    vanished = [
        {"id": purged.pk, "storage_path": purged.storage_path, "row_gone": True},
        {"id": lost.pk, "storage_path": lost.storage_path, "row_gone": False},
    ]
    lines = "".join(json.dumps(each) + "\n" for each in vanished)
    places.repack(archive, {"vanished.jsonl": lines.encode()})
    stored(rotten).unlink()
    told = places.restore(archive, "--no-backup")
    assert not File.objects.filter(pk=purged.pk).exists()
    assert Upload.objects.get().file is None
    assert list(Share.objects.get().files.all()) == [rotten]
    assert File.objects.filter(pk=lost.pk).exists()
    assert "1 file of the list has no bytes here." in told
    assert stored(rotten).read_bytes() == b"rotten"


def test_a_missing_database_is_restored(place, archive):
    before = places.digest()
    connection.close()
    if connection.vendor == "postgresql":
        server.drop(place)
    else:
        Path(connection.settings_dict["NAME"]).unlink()
    told = places.restore(archive)
    assert "It is empty." in told
    assert without_mark(places.digest) == before


@pytest.mark.sqlite
def test_a_broken_database_is_restored_once_a_backup_is_waived(place, archive):
    before = places.digest()
    connection.close()
    file = Path(connection.settings_dict["NAME"])
    file.write_bytes(file.read_bytes()[:5000] + b"broken" * 10_000)
    assert "--no-backup" in places.refusal(archive)
    assert "cannot be read" in places.restore(archive, "--no-backup")
    assert without_mark(places.digest) == before


class Terminal(io.StringIO):
    """Somebody who types."""

    def isatty(self):
        return True


def test_it_is_confirmed_by_typing_the_name(place, archive, monkeypatch):
    before = places.digest()
    monkeypatch.setattr(sys, "stdin", Terminal("something else\n"))
    assert "not the name of the database" in places.refusal(archive, confirmed=False)
    assert places.digest() == before
    monkeypatch.setattr(sys, "stdin", Terminal(f"{place}\n"))
    told = places.restore(archive, "--no-backup", confirmed=False)
    assert f"all stored files, will be replaced by {archive.name}" in told


def test_what_is_not_confirmed_is_refused_before_the_archive_is_read(place, archive, settings):
    places.flip(archive, archive.stat().st_size // 2)
    before = places.digest()
    assert "no terminal to ask" in places.refusal(archive, confirmed=False)
    wrong = ["--no-input", "--name", "another"]
    assert "not the name" in places.refusal(archive, *wrong, confirmed=False)
    settings.CAMP_ENVIRONMENT = "production"
    assert "a production database" in places.refusal(archive)
    assert "damaged" in places.refusal(archive, "--force-production", place)
    assert places.digest() == before


def test_it_waits_for_nobody_who_serves(place, archive):
    with lock.hold_server_lock():
        assert "Stop it first" in places.refusal(archive)


def test_an_archive_of_a_newer_camp_is_refused(place, archive):
    manifest = places.manifest(archive)
    newer = {"camp": "7.5", "migrations": manifest["migrations"] | {"files": ["0999_better"]}}
    places.repack(archive, {"manifest.json": json.dumps(manifest | newer).encode()})
    told = places.refusal(archive)
    assert "newer Camp (7.5)" in told
    assert "files.0999_better" in told
    other = {"format": 2, "camp": "8.0", "kind": "better"}
    places.repack(archive, {"manifest.json": json.dumps(other).encode()})
    assert "newer Camp (8.0), in a format" in places.refusal(archive)


def test_what_a_damaged_manifest_says_is_no_reason(place, archive):
    whole = archive.read_bytes()
    for word in (b'"format": ', b'"kind": "', b'"engine": "', b'"0001_', b'"bytes": '):
        archive.write_bytes(whole)
        places.flip(archive, whole.index(word) + len(word))
        told = places.refusal(archive)
        assert "is damaged: manifest.json does not have the checksum" in told, word


def test_an_archive_of_the_other_engine_is_refused_with_what_to_do(place, archive):
    manifest = places.manifest(archive)
    other = "SQLite" if manifest["engine"] == "PostgreSQL" else "PostgreSQL"
    places.repack(archive, {"manifest.json": json.dumps(manifest | {"engine": other}).encode()})
    assert "manage.py backup --portable" in places.refusal(archive)


@pytest.mark.postgresql
def test_an_archive_of_a_newer_postgresql_is_refused(place, archive):
    manifest = places.manifest(archive)
    places.repack(archive, {"manifest.json": json.dumps(manifest | {"engine_major": 99}).encode()})
    assert "PostgreSQL 99" in places.refusal(archive)
    newer = manifest | {"dump_tool": "99.1"}
    places.repack(archive, {"manifest.json": json.dumps(newer).encode()})
    assert "PostgreSQL 99" in places.refusal(archive)


@pytest.mark.postgresql
def test_tools_newer_than_the_server_do(place, monkeypatch):
    client = programs.client
    monkeypatch.setattr(
        programs,
        "client",
        lambda *names, at_least: client(*names, at_least=max(at_least, 17)),
    )
    before = places.digest()
    archive = places.archive(files=False)
    Session.objects.all().delete()
    places.restore(archive, "--no-backup")
    assert without_mark(places.digest) == before


def test_a_disk_without_room_is_noticed_first(place, archive, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage(10, 9, 1))
    assert "has 1 byte left" in places.refusal(archive)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (KeyboardInterrupt(), "Stopped. Nothing was changed"),
        (OSError(28, "No space left on device"), "(No space left on device). Nothing was changed"),
        (OperationalError("gone"), "(gone). Nothing was changed"),
    ],
)
def test_what_goes_wrong_at_the_end_is_one_sentence(place, archive, monkeypatch, error, sentence):
    fail(monkeypatch, "make_durable", error)
    before = places.digest()
    assert sentence in places.refusal(archive, "--no-backup")
    assert places.digest() == before


def test_a_database_that_goes_away_at_the_last_moment_is_whole(place, archive, monkeypatch):
    before = places.digest()
    with monkeypatch.context() as patch:
        for name in ("swap", "is_swapped"):
            fail(patch, name, OperationalError("gone"))
        said = places.refusal(archive, "--no-backup")
    assert "either everything was replaced, or nothing" in said
    assert "manage.py doctor" in said
    assert places.digest() == before


def fail(patch, name, error):
    """Have a step of the database's swap fail."""

    def failing(*args):
        raise error

    for engine in (postgresql.PostgreSQL, sqlite.SQLite):
        patch.setattr(engine, name, failing)


def test_a_file_that_is_not_there_is_named(place, tmp_path):
    assert str(tmp_path / "nothing.tar") in places.refusal(tmp_path / "nothing.tar")
