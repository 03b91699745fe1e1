"""`manage.py backup`: what is in an archive, where it goes, and when there is none."""

import io
import itertools
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import namedtuple

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, connections
from django.utils import timezone

from camp.config import shell
from camp.fs.atomic import AtomicFile
from camp.operations import backup
from camp.operations.backup import create, folder, snapshot
from camp.operations.backup.archive import Writer
from camp.operations.database import server
from files.models import File, Version
from tests import old_backend
from tests.operations.backup import places

pytest_plugins = ["tests.operations.backup.place_fixtures"]


@pytest.fixture
def own_folder(settings, tmp_path):
    """An empty folder of backups."""
    settings.BACKUP_FOLDER = tmp_path / "backups"
    settings.BACKUP_FOLDER.mkdir()
    return settings.BACKUP_FOLDER


@pytest.fixture
def whole(furnished, tmp_path):
    """A backup of somebody's place."""
    return shutil.copy(furnished.archive, tmp_path / "whole.tar")


def run(*options):
    """Run `manage.py backup`; returns what it printed, its warnings included."""
    output = io.StringIO()
    call_command("backup", *options, stdout=output, stderr=output, no_color=True)
    return output.getvalue()


def refusal(*options):
    """Run `manage.py backup` and return the sentence with which it refused."""
    with pytest.raises(CommandError) as refused:
        run(*options)
    return str(refused.value)


def made(settings):
    """Return the one file in the folder of backups."""
    [path] = settings.BACKUP_FOLDER.iterdir()
    return path


def in_storage(settings, file):
    """Return where a File's bytes lie."""
    return settings.LOCAL_STORAGE_PATH / file.storage_path


def lines(content):
    """Return what is in a member of JSON lines."""
    return [json.loads(line) for line in content.splitlines()]


def test_an_archive_holds_the_database_and_the_files(place, settings):
    told = run()
    path = made(settings)
    assert re.fullmatch(r"backup_\d{8}_\d{6}\.tar", path.name)
    assert f"Backup: {path} (" in told
    assert "Packing the database: " in told
    assert "Packing files: " in told
    assert f"{shell.manage('restore')} {shell.quote(path)}" in told
    members = places.members(path)
    stored = {f"files/{file.storage_path}": file for file in File.objects.order_by("pk")}
    database_member = "database.sqlite3" if connection.vendor == "sqlite" else "database.dump"
    remarks = ["vanished.jsonl", "differing.jsonl"]
    assert list(members) == ["manifest.json", database_member, *stored, *remarks]
    for name, file in stored.items():
        assert members[name] == in_storage(settings, file).read_bytes()
    manifest = places.manifest(path)
    assert manifest["counts"] == server.row_counts()
    assert manifest["files"] == {"count": 6, "bytes": sum(f.size for f in File.objects.all())}
    assert manifest["database"] == place
    assert manifest["environment"] == "development"
    assert "0001_initial" in manifest["migrations"]["files"]
    assert manifest["engine"] == server.locate_database().engine
    assert manifest["engine_major"] == server.server_version()
    if os.name == "posix":
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700


def test_it_goes_where_one_wants_it_and_overwrites_nothing(place, tmp_path):
    target = tmp_path / "mine.tar"
    assert "no files" in run("--no-files", "--output", str(target))
    assert places.manifest(target)["files"] is None
    assert len(places.members(target)) == 2
    whole = target.read_bytes()
    assert "exists already" in refusal("--output", str(target))
    assert target.read_bytes() == whole
    elsewhere = tmp_path / "elsewhere"
    assert "no folder" in refusal("--output", str(elsewhere))
    elsewhere.mkdir()
    run("--no-files", "--output", str(elsewhere))
    assert len(list(elsewhere.iterdir())) == 1


def test_sql_is_for_psql_or_sqlite3(place, settings, tmp_path):
    assert "the database as SQL, no files" in run("--sql")
    path = made(settings)
    assert re.fullmatch(r"backup_\d{8}_\d{6}\.sql", path.name)
    text = path.read_text(encoding="utf-8")
    assert "東京" in text
    assert "OWNER TO" not in text
    assert "It is complete." in run("--verify", str(path))
    cut = tmp_path / "cut.sql"
    cut.write_text(text[:-200], encoding="utf-8")
    assert refusal("--verify", str(cut)) == f"The file {cut} is damaged: it is cut off."
    if connection.vendor == "sqlite":
        fresh = sqlite3.connect(":memory:")
        fresh.executescript(text)
        assert fresh.execute("SELECT COUNT(*) FROM sample_files").fetchone() == (6,)


def test_a_backup_is_proved_to_be_whole(whole):
    told = run("--verify", str(whole))
    assert "Every checksum matches." in told
    assert f"from {places.manifest(whole)['database']} on {server.locate_database().engine}" in told
    assert re.search(r"Holds: \d+ rows, 6 files", told)
    places.flip(whole, whole.stat().st_size // 2)
    assert "is damaged" in refusal("--verify", str(whole))
    assert "cannot be read" in refusal("--verify", "nowhere.tar")


@pytest.mark.postgresql
def test_a_dump_that_pg_restore_cannot_read_is_found(whole):
    places.repack(whole, {"database.dump": b"whole, but no dump"})
    assert "pg_restore cannot read its database" in refusal("--verify", str(whole))


def test_older_ones_of_the_same_kind_go(own_folder):
    hours = iter(range(10, 24))

    def pack(ending=".tar", **about):
        path = own_folder / f"backup_20200101_{next(hours)}0000{ending}"
        manifest = {"format": 1, "kind": "native", "database": "camp", "files": {}} | about
        with Writer(path, 1) as writer:
            writer.add_bytes("manifest.json", json.dumps(manifest).encode())
        return path

    alike = [pack(ending) for ending in (".tar", ".tar", "_2.tar")]
    safety = [pack("_safety.tar") for _ in range(3)]
    others = [pack(files=None), pack(database="other"), pack("_portable.tar")]
    others.append(pack("_safety.tar", database="other"))
    others += [own_folder / "backup_mine.tar", own_folder / "backup_20200101_000000.tar"]
    others += [own_folder / "backup_20200101_000000.sql", own_folder / "notes.txt"]
    for path in others[4:]:
        path.write_text("not an archive")
    newest, later = pack(), pack()
    assert folder.remove_older(newest, keep=2) == 3
    assert set(own_folder.iterdir()) == {alike[2], *safety[1:], newest, later, *others}


def test_only_as_many_stay_as_one_wants_to_keep(db, own_folder):
    run("--sql")
    run("--sql")
    assert "Removed: 1 older backup." in run("--sql", "--keep", "2")
    assert len(list(own_folder.iterdir())) == 2
    assert "at least one" in refusal("--keep", "0")
    assert "in a folder" in refusal("--keep", "2", "--output", str(own_folder / "mine.tar"))


def test_older_ones_stay_where_the_storage_seems_to_be_another(place, settings):
    run()
    File.objects.first().delete()
    shutil.rmtree(settings.LOCAL_STORAGE_PATH)
    told = run("--keep", "1")
    assert "The bytes of 5 files are not in the storage" in told
    assert "Older backups were kept" in told
    assert len(list(settings.BACKUP_FOLDER.iterdir())) == 2


def test_names_that_are_taken_are_left_to_others(own_folder, monkeypatch):
    same = timezone.now()
    monkeypatch.setattr(folder.timezone, "now", lambda: same)
    names = list(itertools.islice(folder.new_names("", "tar"), 3))

    def begin():
        return create.open_first_free(AtomicFile, own_folder, folder.new_names("", "tar"))

    with begin() as one, begin() as two:
        folder.remove_leftovers(own_folder, "backup_*")
        assert [one.part.name, two.part.name] == [f"{name}.part" for name in names[:2]]
    begin().finish()
    assert backup.last_backup()[0].name == names[2]
    with pytest.raises(CommandError, match="Another backup is being written"):
        create.open_first_free(AtomicFile, own_folder, names)


def test_the_last_backup_is_known_by_its_name(settings, tmp_path):
    settings.BACKUP_FOLDER = tmp_path / "none"
    assert backup.last_backup() is None
    settings.BACKUP_FOLDER = tmp_path
    for name in ["backup_20261124_142233.tar", "backup_20261124_142233.tar.part"]:
        (tmp_path / name).touch()
    (tmp_path / "backup_20269999_999999.tar").touch()
    path, when = backup.last_backup()
    assert path.name == "backup_20261124_142233.tar"
    assert f"{timezone.localtime(when):%Y%m%d_%H%M%S}" == "20261124_142233"
    assert when.utcoffset() is not None


def test_what_is_not_as_the_rows_say_is_packed_and_told(place, settings):
    shared, lost, rotten, outside, rotten_too, _whole = File.objects.order_by("pk")
    in_storage(settings, lost).unlink()
    in_storage(settings, rotten).write_bytes(b"rotten")
    in_storage(settings, rotten_too).write_bytes(bytes(rotten_too.size))
    (settings.LOCAL_STORAGE_PATH.parent / "secret").write_text("secret")
    File.objects.filter(pk=outside.pk).update(storage_path="../secret")
    File.objects.create(
        user=shared.user, filename="again", size=0, storage_path=shared.storage_path
    )
    told = run()
    members = places.members(made(settings))
    assert f"The bytes of 1 file are not in the storage:\n  {lost.storage_path}\n" in told
    assert "The path of 1 file leads out of the storage; nothing was read there:" in told
    assert "The bytes of 2 files differ from their rows" in told
    assert members[f"files/{rotten.storage_path}"] == b"rotten"
    assert not any("secret" in name or content == b"secret" for name, content in members.items())
    there = {"table": "sample_files", "row_gone": False}
    assert lines(members["vanished.jsonl"]) == [
        {"id": lost.pk, "storage_path": lost.storage_path, **there},
        {"id": outside.pk, "storage_path": "../secret", **there},
    ]
    differing = {line["id"]: line["size"] for line in lines(members["differing.jsonl"])}
    assert differing == {rotten.pk: 6, rotten_too.pk: rotten_too.size}
    places.restore(made(settings), "--no-backup")


def vanished(path):
    """Return what an archive says of files that were not there."""
    return lines(places.members(path)["vanished.jsonl"])


def test_what_is_purged_meanwhile_is_told_to_the_restore(place, settings, monkeypatch):
    purged = File.objects.order_by("pk").last()
    version = places.replace(File.objects.order_by("pk").first())
    packed = create.pack_files

    def purging(*arguments):
        for row in (purged, version):
            in_storage(settings, row).unlink()
            type(row).objects.filter(pk=row.pk).delete()
        return packed(*arguments)

    monkeypatch.setattr(create, "pack_files", purging)
    assert "not in the storage" not in run()
    path = made(settings)
    assert places.manifest(path)["counts"]["sample_files"] == 6
    gone = [(line["table"], line["id"], line["row_gone"]) for line in vanished(path)]
    assert gone == [("sample_files", purged.pk, True), ("camp_versions", version.pk, True)]
    places.restore(path, "--no-backup")
    assert not Version.objects.exists()


@pytest.mark.slow
def test_the_picture_is_that_of_one_moment_while_people_work(place, settings):
    user, stop, problems = File.objects.first().user, threading.Event(), []

    def work():
        try:
            while not stop.wait(0.002):
                places.store(user, f"{time.monotonic_ns()}.bin", os.urandom(20_000))
                if File.objects.count() > 8:
                    File.objects.order_by("pk").first().delete()
        except BaseException as error:
            problems.append(error)
        finally:
            connections.close_all()

    workers = [threading.Thread(target=work) for _number in range(2)]
    for worker in workers:
        worker.start()
    try:
        portable, native = places.archive(portable=True), places.archive()
    finally:
        stop.set()
        for worker in workers:
            worker.join()
    assert problems == []
    last = File.objects.latest("pk").pk
    for path in (portable, native):
        members, rows = places.members(path), places.manifest(path)["counts"]["sample_files"]
        gone = vanished(path)
        assert sum(name.startswith("files/") for name in members) + len(gone) == rows
        assert all(line["row_gone"] for line in gone)
    assert "no bytes here" not in places.restore(native, "--no-backup")
    assert File.objects.latest("pk").pk < last
    assert File.objects.count() == rows - len(gone)
    for file in File.objects.all():
        assert in_storage(settings, file).stat().st_size == file.size


@pytest.mark.skipif(sys.platform == "win32", reason="Windows limits no file's size")
def test_a_full_disk_leaves_no_backup(place, settings):
    import resource

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    for options in ([], ["--portable"], ["--sql"]):
        resource.setrlimit(resource.RLIMIT_FSIZE, (12_000, limits[1]))
        try:
            told = refusal(*options)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert "is full" in told or "disk" in told, told
        assert list(settings.BACKUP_FOLDER.iterdir()) == []


def test_a_disk_without_room_is_noticed_first(place, settings, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(create.shutil, "disk_usage", lambda path: usage(1, 1, 200_000))
    told = refusal()
    assert "has 195 KiB left" in told
    assert shell.manage("backup", "--output") in told
    assert list(settings.BACKUP_FOLDER.iterdir()) == []
    if connection.vendor == "postgresql":
        # What rows only claim takes no room.
        for file in File.objects.all():
            in_storage(settings, file).unlink()
        run()


def test_a_folder_that_cannot_be_written_is_named(db, settings, tmp_path):
    settings.BACKUP_FOLDER = tmp_path / "file" / "backups"
    (tmp_path / "file").touch()
    assert f"Camp cannot write to {settings.BACKUP_FOLDER}" in refusal()
    with pytest.raises(CommandError, match=r"Camp cannot write to .*--no-backup"):
        backup.safety_copy(lambda line: None)


def test_an_interrupted_backup_leaves_nothing(db, own_folder, monkeypatch):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(create, "pack_files", interrupted)
    with pytest.raises(CommandError, match="Interrupted") as refused:
        run()
    assert refused.value.returncode == 130
    assert list(own_folder.iterdir()) == []


@pytest.mark.fault
@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows cannot fork")
def test_what_a_killed_backup_left_is_removed_by_the_next(place, settings, monkeypatch):
    connection.close()
    child = os.fork()
    if not child:
        create.pack_files = lambda *arguments: os.kill(os.getpid(), signal.SIGKILL)
        run()
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    left = {path.suffix for path in settings.BACKUP_FOLDER.iterdir()}
    assert left == ({".part", ".copying"} if connection.vendor == "sqlite" else {".part"})
    assert backup.last_backup() is None
    run("--no-files")
    assert made(settings).suffix == ".tar"


def test_without_a_database_there_is_nothing_to_back_up(monkeypatch):
    monkeypatch.setattr(server, "database_exists", lambda: False)
    assert backup.safety_copy(lambda line: None) is None
    assert "nothing to back up" in refusal()


def test_without_a_safety_copy_one_goes_on_only_by_saying_so(monkeypatch):
    def away():
        raise DatabaseError("no route to host")

    monkeypatch.setattr(server, "database_exists", away)
    with pytest.raises(CommandError, match=r"no route to host\. .*--no-backup"):
        backup.safety_copy(lambda line: None)


@pytest.mark.sqlite
def test_a_damaged_database_is_not_backed_up(place, settings):
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        cursor.execute("SELECT rootpage FROM sqlite_master WHERE name = 'sample_files_path'")
        [page] = cursor.fetchone()
        cursor.execute("PRAGMA page_size")
        [size] = cursor.fetchone()
    connection.close()
    with open(connection.settings_dict["NAME"], "r+b") as stream:
        stream.seek((page - 1) * size)
        stream.write(b"\xff" * size)
    assert "The database is damaged" in refusal()
    assert list(settings.BACKUP_FOLDER.iterdir()) == []


@pytest.mark.postgresql
def test_tools_older_than_the_server_are_refused_first(db, own_folder, monkeypatch):
    monkeypatch.setattr(server, "server_version", lambda: 99)
    for options in ([], ["--sql"]):
        assert "pg_dump of PostgreSQL 99 or newer is needed" in refusal(*options)
    assert list(own_folder.iterdir()) == []
    run("--portable")


@pytest.mark.postgresql
def test_a_pg_dump_that_fails_says_why_and_leaves_nothing(db, own_folder, monkeypatch):
    environment = server.program_environment() | {"PGHOST": "/nowhere", "PGPASSWORD": "hidden"}
    commands, popen = [], subprocess.Popen

    def noting(command, **options):
        commands.append(command)
        return popen(command, **options)

    monkeypatch.setattr(subprocess, "Popen", noting)
    monkeypatch.setattr(snapshot.server, "program_environment", lambda: environment)
    for options in ([], ["--sql"]):
        told = refusal(*options)
        assert re.match(r"pg_dump failed \(.*/nowhere.*\): no backup was made\.", told)
        assert "pg_dump" in str(commands[-1])
    assert "hidden" not in f"{told} {commands}"
    assert list(own_folder.iterdir()) == []


@pytest.mark.postgresql
@pytest.mark.parametrize("shape", ["loose", "uuids"])
def test_a_database_of_the_old_backend_is_backed_up_as_it_is(old, shape, settings, tmp_path):
    settings.BACKUP_FOLDER = tmp_path / "backups"
    settings.LOCAL_STORAGE_PATH = tmp_path / "uploads"
    contents = getattr(old_backend, shape)(old, settings.LOCAL_STORAGE_PATH)
    with server.connected_to(old.name):
        told = run()
        path = made(settings)
        counts = server.row_counts()
    members = places.members(path)
    stored = [content for name, content in members.items() if name.startswith("files/")]
    assert sorted(stored) == sorted(contents.values())
    assert places.manifest(path)["counts"] == counts
    assert places.manifest(path)["migrations"] == {}
    assert "bytes of" not in told
