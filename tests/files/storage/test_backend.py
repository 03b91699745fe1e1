"""Bytes on their way in, and where they stay."""

import errno
import hashlib
import os
import stat
import threading

import pytest

from camp.fs import threaded_writer
from files.storage import backend, staging
from tests.files.conftest import place, stage, stored

LARGE = os.urandom(2**20)


def large(staged):
    """Write more than a thread is started for."""
    for _ in range(threaded_writer.THREAD_FROM // len(LARGE) + 2):
        staged.write(LARGE)
    return staged


def workers():
    return [thread for thread in threading.enumerate() if thread.name == "file-writer"]


@pytest.mark.parametrize("chunks", [[], [b""], [b"one"], [b"one", b"two"], [LARGE] * 12])
def test_bytes_are_counted_hashed_and_kept(chunks):
    staged = staging.StagedBytes()
    for chunk in chunks:
        staged.write(chunk)
    staged.finish()
    path = staging.keep(staged)
    whole = b"".join(chunks)
    assert (staged.size, staged.sha256) == (len(whole), hashlib.sha256(whole).hexdigest())
    assert stored() == {path: whole}
    assert backend.OPAQUE.fullmatch(path)
    with backend.open(path) as kept:
        assert kept.read() == whole
    assert not workers()


@pytest.mark.folder
@pytest.mark.skipif(os.name != "posix", reason="Windows has no such rights")
def test_only_the_owner_reads_them(settings):
    staged = stage()
    staged.finish()
    assert stat.S_IMODE(staged.path.stat().st_mode) == 0o600
    path = settings.LOCAL_STORAGE_PATH / staging.keep(staged)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for folder in (path.parent, path.parent.parent, settings.UPLOAD_STAGING):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("write", [lambda staged: None, large])
def test_discarded_bytes_are_gone(write):
    staged = stage()
    write(staged)
    staged.discard()
    staged.discard()
    assert stored() == {}
    assert not workers()


def test_kept_bytes_are_not_discarded():
    staged = stage()
    staged.finish()
    path = staging.keep(staged)
    staged.discard()
    assert backend.exists(path)


@pytest.mark.parametrize("size", [1, 64 * 2**20])
def test_a_full_disk_is_told_and_leaves_nothing(monkeypatch, size):
    def full(descriptor, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    staged = staging.StagedBytes()
    if size > threaded_writer.THREAD_FROM:
        large(staged)  # the thread meets the error
    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space"):
        large(staged).finish()
    staged.discard()
    assert stored() == {}
    assert not workers()


def test_an_error_on_the_last_bytes_is_told(monkeypatch):
    staged = large(staging.StagedBytes())
    monkeypatch.setattr(os, "write", lambda *_: 1 / 0)
    staged.write(b"last")
    with pytest.raises(ZeroDivisionError):
        staged.finish()
    staged.discard()
    assert stored() == {}


def test_short_writes_are_completed(monkeypatch):
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:1000]))
    staged = stage(LARGE)
    staged.finish()
    assert list(stored().values()) == [LARGE]


@pytest.mark.folder
def test_bytes_are_on_the_disk_before_they_have_their_name(monkeypatch):
    steps = []
    fsync, replace = os.fsync, os.replace

    def sync(descriptor):
        steps.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "bytes")
        fsync(descriptor)

    def rename(*paths):
        steps.append("rename")
        replace(*paths)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(os, "replace", rename)
    staged = stage()
    staged.finish()
    staging.keep(staged)
    assert steps[:2] == ["bytes", "rename"]
    assert set(steps[2:]) == ({"folder"} if os.name == "posix" else set())


def test_what_goes_wrong_beside_the_caller_is_told_in_the_end(monkeypatch):
    def broken(descriptor):
        raise OSError(errno.EIO, "Input/output error")

    staged = stage(b"small")
    monkeypatch.setattr(os, "fsync", broken)
    staged.finish_in_background()
    with pytest.raises(OSError, match="Input/output"):
        staged.finish()
    staged.discard()
    assert stored() == {}


def test_files_that_come_together_share_a_folder():
    several = [stage(str(number).encode()) for number in range(5)]
    for staged in several:
        staged.finish_in_background()
    for staged in several:
        staged.finish()
    paths = staging.keep_all(several)
    assert sorted(stored()) == sorted(paths)
    if not backend.object_store():  # to sync one folder is enough
        assert len({path.rpartition("/")[0] for path in paths}) == 1
    assert [stored()[path] for path in paths] == [b"0", b"1", b"2", b"3", b"4"]


def test_a_failed_move_keeps_nothing(monkeypatch):
    first, second = stage(b"1"), stage(b"2")
    for staged in (first, second):
        staged.finish()
    second.path.unlink()
    with pytest.raises(FileNotFoundError):
        staging.keep_all([first, second])
    first.discard()
    assert stored() == {}


ODD = ["", ".", "..", "../outside", "a/../../outside", "/etc/hostname", "C:\\x", "..\\outside",
       "\\\\host\\share", ".staging/x.part", "a\x00b", "x" * 5000]  # fmt: skip


@pytest.mark.parametrize("path", ODD)
def test_paths_of_old_rows_never_lead_out(settings, path):
    settings.LOCAL_STORAGE_PATH.mkdir()
    outside = settings.LOCAL_STORAGE_PATH.parent / "outside"
    outside.write_bytes(b"secret")
    with pytest.raises(OSError):  # noqa: PT011 - any is fine: the caller asks for OSError
        backend.open(path)
    assert not backend.exists(path)
    backend.remove(path)
    assert outside.exists()


def test_paths_of_the_old_backend_work():
    place("uploads/報告.pdf", b"old")
    with backend.open("uploads/報告.pdf") as old:
        assert old.read() == b"old"
    backend.remove("uploads/報告.pdf")
    assert not backend.exists("uploads/報告.pdf")


@pytest.mark.folder
def test_a_failing_removal_is_logged(caplog, monkeypatch):
    staged = stage()
    staged.finish()
    path = staging.keep(staged)

    def refuse(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "remove", refuse)
    backend.remove(path)
    assert "Permission denied" in caplog.text


def test_free_bytes_are_known_before_the_storage_exists(settings):
    assert not settings.LOCAL_STORAGE_PATH.exists()
    assert backend.free_bytes() > 0
