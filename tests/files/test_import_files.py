"""Bytes of the old backend: which of them are whose, and how they come in."""

import io
import os
import sys

import pytest
from django.core.management import CommandError, call_command

from camp.operations.console import Progress
from camp.operations.takeover import import_files
from camp.operations.takeover.import_files import (
    DAMAGED,
    MISSING,
    OUTSIDE,
    UNREADABLE,
    UNSURE,
    Journal,
    OldFile,
    OldFolder,
)
from files.models import File
from files.storage import backend, staging
from tests.files.conftest import stored


@pytest.fixture
def uploads(settings):
    """The old backend's folder, on the volume of the storage so that links can be made."""
    folder = settings.LOCAL_STORAGE_PATH.with_name("backup") / "uploads"
    folder.mkdir(parents=True)
    return folder


def put(folder, path, content=b"hello"):
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return file


def found(folder, path, size=5):
    """Return the Source of one row."""
    return OldFolder(folder).locate([OldFile("1", path, size)])["1"]


@pytest.mark.parametrize(
    "path",
    [
        "2024/a.txt",
        "./2024/a.txt",
        "/2024/a.txt",
        "uploads/2024/a.txt",
        "../uploads/2024/a.txt",
        "/srv/app/uploads/2024/a.txt",
        "{folder}/2024/a.txt",
        "uploads\\2024\\a.txt",
        "C:\\app\\uploads\\2024\\a.txt",
        "file:///srv/app/uploads/2024/a.txt",
        "https://old.example.org/uploads/2024/a.txt?token=x",
    ],
)
def test_old_paths_are_taken_at_their_word(uploads, path):
    file = put(uploads, "2024/a.txt")
    assert found(uploads, path.format(folder=uploads)).path == file
    # Whatever else there is may be another's.
    put(uploads, "a.txt", b"12345678")
    source = found(uploads, path.format(folder=uploads), size=8)
    assert (source.state, source.path, source.found) == (DAMAGED, None, 5)
    assert found(uploads, path.format(folder=uploads), size=None).path == file


@pytest.mark.parametrize("path", ["/srv/storage/2024/a.txt", "storage/a.txt", "data/x/2024/a.txt"])
def test_an_end_that_fits_must_have_the_size(uploads, path):
    file = put(uploads, "2024/a.txt")
    other = put(uploads, "a.txt")
    assert found(uploads, path).path in (file, other)
    assert found(uploads, path, size=6).state == MISSING
    assert found(uploads, path, size=None).state == MISSING


def test_bytes_that_two_rows_may_mean_are_nobodys(uploads):
    put(uploads, "report.pdf")
    rows = [OldFile("1", "anna/report.pdf", 5), OldFile("2", "ben/report.pdf", 5)]
    assert {source.state for source in OldFolder(uploads).locate(rows).values()} == {UNSURE}


def test_a_guess_does_not_take_what_another_row_names(uploads):
    file = put(uploads, "report.pdf")
    rows = [OldFile("1", "anna/report.pdf", 5), OldFile("2", "report.pdf", 5)]
    sources = OldFolder(uploads).locate(rows)
    assert sources["1"].state == UNSURE
    assert sources["2"].path == file


def test_rows_may_share_bytes(uploads):
    file = put(uploads, "a.txt")
    rows = [OldFile("1", "a.txt", 5), OldFile("2", "a.txt", 5)]
    assert {source.path for source in OldFolder(uploads).locate(rows).values()} == {file}


@pytest.mark.parametrize(
    "path", ["", ".", "..", "/", "../secret.txt", "x/../../secret.txt", "a\0b"]
)
def test_nothing_outside_is_found(uploads, path):
    put(uploads.parent, "secret.txt")
    assert found(uploads, path).path is None


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_links_out_of_the_folder_are_not_followed(uploads, tmp_path):
    secret = put(tmp_path, "secret.txt")
    inside = put(uploads, "inside.txt")
    (uploads / "link.txt").symlink_to(secret)
    (uploads / "folder").symlink_to(tmp_path)
    (uploads / "fine.txt").symlink_to(inside)
    os.mkfifo(uploads / "pipe")
    assert found(uploads, "link.txt").state == OUTSIDE
    assert found(uploads, "folder/secret.txt").state == OUTSIDE
    assert found(uploads, "fine.txt").path == inside
    assert found(uploads, "pipe").state == MISSING
    (uploads.parent / "shortcut").symlink_to(uploads)
    assert found(uploads.parent / "shortcut", "inside.txt").path == inside


def test_names_in_another_composition_are_found(uploads):
    file = put(uploads, "ガイド.pdf")  # decomposed
    assert found(uploads, "ガイド.pdf").path == file


def bring(uploads, rows, file, *, link=False):
    journal = Journal(file)
    sources = OldFolder(uploads).locate(rows)
    failed = import_files.import_bytes(rows, sources, journal, link=link, progress=Progress(None))
    return journal, failed


@pytest.mark.parametrize("link", [False, True])
def test_bytes_come_in_whole_and_the_old_ones_stay(uploads, tmp_path, link):
    contents = {"a.txt": b"", "b.bin": b"x" * 3_000_000, "sub/c.txt": b"hello"}
    for path, content in contents.items():
        put(uploads, path, content)
    rows = [OldFile(path, path, len(content)) for path, content in contents.items()]
    journal, failed = bring(uploads, rows, tmp_path / "journal", link=link)
    assert failed == {}
    for row in rows:
        kept = journal.find(row)
        assert backend.OPAQUE.fullmatch(kept.path)
        assert stored()[kept.path] == contents[row.path] == (uploads / row.path).read_bytes()
        assert kept.sha256 == import_files.hashlib.sha256(contents[row.path]).hexdigest()
        if link:
            assert (uploads / row.path).stat().st_nlink == 2
    assert len(stored()) == 3


def test_where_no_link_is_possible_a_copy_is_made(uploads, tmp_path, monkeypatch):
    put(uploads, "a.txt")
    monkeypatch.setattr(
        os, "link", lambda *paths: (_ for _ in ()).throw(OSError(18, "other volume"))
    )
    journal, _failed = bring(uploads, [OldFile("1", "a.txt", 5)], tmp_path / "journal", link=True)
    assert [*stored().values()] == [b"hello"]
    assert (uploads / "a.txt").stat().st_nlink == 1
    assert journal.imported["1"].size == 5


def test_a_second_try_uses_what_the_first_brought(uploads, tmp_path, monkeypatch):
    for name in ("a.txt", "b.txt", "c.txt"):
        put(uploads, name, name.encode())
    rows = [OldFile(name, name, 5) for name in ("a.txt", "b.txt", "c.txt")]
    monkeypatch.setattr(import_files, "BATCH_FILES", 1)
    real, calls = import_files.stage_file, []

    def failing(source, *arguments):
        calls.append(source.name)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(source, *arguments)

    monkeypatch.setattr(import_files, "stage_file", failing)
    with pytest.raises(KeyboardInterrupt):
        bring(uploads, rows, tmp_path / "journal")
    with (tmp_path / "journal").open("a") as stream:
        stream.write('["c.txt", "c.t')  # cut short
    journal, _failed = bring(uploads, rows, tmp_path / "journal")
    assert calls == ["a.txt", "b.txt", "c.txt", "c.txt"]
    assert sorted(stored().values()) == [b"a.txt", b"b.txt", b"c.txt"]
    backend.remove(journal.imported["a.txt"].path)
    assert journal.find(rows[0]) is None


@pytest.mark.parametrize("link", [False, True])
def test_a_full_disk_leaves_no_part_behind(uploads, tmp_path, monkeypatch, link):
    put(uploads, "a.txt")

    def full(several):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(staging, "keep_all", full)
    with pytest.raises(OSError, match="No space"):
        bring(uploads, [OldFile("1", "a.txt", 5)], tmp_path / "journal", link=link)
    assert stored() == {}


def test_a_file_that_cannot_be_read_stops_nobody(uploads, tmp_path, monkeypatch):
    put(uploads, "a.txt")
    put(uploads, "b.txt")
    real = import_files.open_regular

    def unreadable(path):
        if path.name == "a.txt":
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(import_files, "open_regular", unreadable)
    rows = [OldFile("1", "a.txt", 5), OldFile("2", "b.txt", 5)]
    journal, failed = bring(uploads, rows, tmp_path / "journal")
    assert [*failed] == ["1"]
    assert [*journal.imported] == ["2"]
    assert [*stored().values()] == [b"hello"]


@pytest.fixture
def left(owner, keep, uploads, settings, tmp_path):
    """A database that was taken over without the bytes: a row of Camp's, two of the old kind."""
    settings.CAMP_DATA_DIR = tmp_path / "var"
    put(uploads, "1.txt", b"one")
    keep("camps.txt")
    for number in (1, 2):
        File.objects.create(
            user=owner, filename=f"{number}.txt", size=3, storage_path=f"uploads/{number}.txt"
        )
    return uploads


def takeover(*arguments):
    output = io.StringIO()
    call_command("takeover", *map(str, arguments), stdout=output)
    return output.getvalue()


def test_bytes_can_come_later(left, tmp_path, client, owner):
    listed = tmp_path / "missing.csv"
    told = takeover("--uploads", left, "--missing", listed)
    assert "1 found" in told
    assert "1 missing" in told
    assert "uploads/2.txt" in listed.read_text(encoding="utf-8-sig")
    assert len(stored()) == 1
    assert "1 file has its bytes" in takeover("--uploads", left, "--apply")
    one = File.objects.get(filename="1.txt")
    assert backend.OPAQUE.fullmatch(one.storage_path)
    client.force_login(owner)
    assert client.get(f"/files/{one.pk}/download/").getvalue() == b"one"
    assert File.objects.get(filename="2.txt").storage_path == "uploads/2.txt"
    assert "0 files have their bytes" in takeover("--uploads", left, "--apply")
    put(left, "2.txt", b"two")
    assert "1 file has its bytes" in takeover("--uploads", left, "--apply")
    assert len(stored()) == 3


@pytest.mark.parametrize("there", [b"", b"sh", b"longer than it was"])
def test_bytes_of_another_size_stay_out_until_the_right_ones_come(
    left, tmp_path, client, owner, there
):
    put(left, "1.txt", there)
    listed = tmp_path / "missing.csv"
    told = takeover("--uploads", left, "--missing", listed)
    assert "1 damaged" in told
    assert f"({len(there)} of 3 bytes)" in told
    assert f"uploads/1.txt,damaged,{len(there)}" in listed.read_text(encoding="utf-8-sig")
    listed.unlink()
    assert "0 files have their bytes" in takeover("--uploads", left, "--missing", listed, "--apply")
    assert "damaged" in listed.read_text(encoding="utf-8-sig")
    one = File.objects.get(filename="1.txt")
    assert (one.size, one.storage_path) == (3, "uploads/1.txt")
    client.force_login(owner)
    page = client.get("/files/", headers={"accept-language": "en"}).content.decode()
    assert page.count("Content missing") == 2
    page = client.get(f"/files/{one.pk}/", headers={"accept-language": "en"}).content.decode()
    assert "missing or damaged in the old backend" in page
    assert client.get(f"/files/{one.pk}/download/").status_code == 404
    put(left, "1.txt", b"one")
    assert "1 file has its bytes" in takeover("--uploads", left, "--apply")
    assert client.get(f"/files/{one.pk}/download/").getvalue() == b"one"
    assert client.get("/files/").content.decode().count("badge--danger") == 1


def test_bytes_of_another_size_come_in_if_asked_for(left, client, owner):
    put(left, "1.txt", b"other")
    assert "1 file has its bytes" in takeover("--uploads", left, "--any-size", "--apply")
    one = File.objects.get(filename="1.txt")
    assert one.size == 5
    client.force_login(owner)
    assert client.get(f"/files/{one.pk}/download/").getvalue() == b"other"


def test_bytes_that_grow_while_they_come_in_stay_out(uploads, tmp_path, monkeypatch):
    put(uploads, "a.txt")
    real = import_files.open_regular

    def growing(path):
        put(uploads, "a.txt", b"hello and more")
        return real(path)

    monkeypatch.setattr(import_files, "open_regular", growing)
    journal, failed = bring(uploads, [OldFile("1", "a.txt", 5)], tmp_path / "journal")
    assert failed["1"].found == 14
    assert journal.imported == stored() == {}


def test_what_is_no_file_or_cannot_be_read_is_told(uploads, tmp_path, monkeypatch):
    (uploads / "folder").mkdir()
    closed = put(uploads, "closed.txt")
    real = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: path != closed and real(path, mode))
    assert found(uploads, "folder").state == MISSING
    assert found(uploads, "closed.txt").state == UNREADABLE


def test_a_folder_that_is_none_is_refused(left):
    for wrong in (left / "nothing", left / "1.txt"):
        with pytest.raises(CommandError, match="cannot be read"):
            takeover("--uploads", wrong)


@pytest.mark.sqlite
def test_sqlite_holds_nothing_to_take_over(db):
    assert "the old backend used PostgreSQL only" in takeover()
