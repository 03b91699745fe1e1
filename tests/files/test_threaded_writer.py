"""Bytes of large files: handed round between threads, and written past the system's cache."""

import errno
import gc
import hashlib
import mmap
import os
import tempfile
import time
import weakref

import pytest

from camp.fs import fanout, threaded_writer

PAGE = mmap.PAGESIZE
FLAGS = os.O_CREAT | os.O_APPEND
CONTENT = os.urandom(3 * fanout.BLOCK + 1000)


def takes_direct_writes():
    """Return whether the folder of temporary files does: not every file system can."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            os.close(os.open(f"{folder}/probe", os.O_WRONLY | os.O_CREAT | os.O_DIRECT))
    except (AttributeError, OSError):
        return False
    return True


direct_only = pytest.mark.skipif(
    not takes_direct_writes(), reason="nothing goes past the cache of this system"
)


def poured(path, content, *, start=0, piece=128 * 2**10):
    """Pour bytes behind the `start` that a file has by now, in two threads; returns their hash."""
    checksum = hashlib.sha256()
    sink = threaded_writer.Sink(path, FLAGS, start)
    taking = fanout.Workers([sink.put, checksum.update], start)
    for at in range(0, len(content), piece):
        taking.put(content[at : at + piece])
    taking.end()
    sink.close(sync=True)
    assert sink.written == start + len(content)
    return checksum.hexdigest()


def modes_of_writes(monkeypatch):
    """Return a list that gets (whether past the cache, bytes) of each write."""
    import fcntl

    found, write = [], os.write

    def watch(descriptor, data):
        flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
        found.append((bool(flags & os.O_DIRECT), len(data)))
        return write(descriptor, data)

    monkeypatch.setattr(threaded_writer.os, "write", watch)
    return found


@pytest.mark.parametrize("start", [0, 1, 1000, PAGE - 1, PAGE, PAGE + 1])
@pytest.mark.parametrize("size", [1, PAGE, len(CONTENT) - 1, len(CONTENT)])
@pytest.mark.parametrize("piece", [100_000, 128 * 2**10, len(CONTENT)])
def test_every_byte_is_written_and_hashed_once(tmp_path, start, size, piece):
    path = tmp_path / "part"
    path.write_bytes(b"s" * start)
    content = CONTENT[:size]
    checksum = poured(path, content, start=start, piece=piece)
    assert path.read_bytes() == b"s" * start + content
    assert checksum == hashlib.sha256(content).hexdigest()


@direct_only
def test_whole_pages_go_past_the_cache(tmp_path, monkeypatch):
    path = tmp_path / "part"
    path.write_bytes(b"s" * 1000)
    writes = modes_of_writes(monkeypatch)
    poured(path, CONTENT, start=1000)
    assert writes[0] == (False, PAGE - 1000)
    assert [direct for direct, _size in writes[1:-1]] == [True] * (len(writes) - 2)
    assert writes[-1] == (False, (1000 + len(CONTENT)) % PAGE)


@direct_only
@pytest.mark.parametrize("refuses", ["to open", "to write"])
@pytest.mark.parametrize("why", [errno.EINVAL, errno.EOPNOTSUPP])
def test_a_file_system_without_such_a_way_gets_the_bytes_as_usual(
    tmp_path, monkeypatch, refuses, why
):
    import fcntl

    control, write = fcntl.fcntl, os.write

    def refuse_flag(descriptor, command, value=0):
        if value & os.O_DIRECT:
            raise OSError(why, os.strerror(why))
        return control(descriptor, command, value)

    def refuse_bytes(descriptor, data):
        if control(descriptor, fcntl.F_GETFL) & os.O_DIRECT:
            raise OSError(why, os.strerror(why))
        return write(descriptor, data)

    if refuses == "to open":
        monkeypatch.setattr(fcntl, "fcntl", refuse_flag)
    else:
        monkeypatch.setattr(threaded_writer.os, "write", refuse_bytes)
    poured(tmp_path / "part", CONTENT)
    assert (tmp_path / "part").read_bytes() == CONTENT


def test_a_full_disk_is_told_and_what_was_written_counts(tmp_path, monkeypatch):
    room, write = 2 * fanout.BLOCK, os.write

    def fill(descriptor, data):
        nonlocal room
        if not room:
            raise OSError(errno.ENOSPC, "No space left on device")
        count = write(descriptor, data[:room])
        room -= count
        return count

    monkeypatch.setattr(threaded_writer.os, "write", fill)
    path = tmp_path / "part"
    sink = threaded_writer.Sink(path, FLAGS)
    taking = fanout.Workers([sink.put], 0)
    with pytest.raises(OSError, match="No space"):  # noqa: PT012 - sooner or later
        taking.put(CONTENT * 3)
        taking.end()
    with pytest.raises(OSError, match="No space"):
        taking.end()
    taking.end()
    sink.close()
    assert path.read_bytes() == CONTENT[: sink.written]
    assert sink.written == 2 * fanout.BLOCK


def test_who_sends_slowly_is_written_soon(tmp_path):
    path = tmp_path / "part"
    sink = threaded_writer.Sink(path, FLAGS)
    taking = fanout.Workers([sink.put], 0)
    for piece in range(1, 4):
        time.sleep(fanout.PATIENCE + 0.01)
        taking.put(b"x" * 100)
        deadline = time.monotonic() + 10
        while path.stat().st_size < 100 * piece and time.monotonic() < deadline:
            time.sleep(0.01)
        assert path.stat().st_size == 100 * piece
    taking.end()
    sink.close()


def test_memory_goes_at_the_end_without_a_collection():
    blocks = weakref.WeakSet()

    class Watched(fanout.Block):
        def __init__(self):
            super().__init__()
            blocks.add(self)

    gc.collect()
    gc.disable()
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(fanout, "Block", Watched)
            taking = fanout.Workers([len, bool], 0)
        taking.put(CONTENT)
        assert len(blocks) == fanout.BLOCKS + fanout.MORE
        taking.end()
        assert not blocks
    finally:
        gc.enable()


def test_many_at_once_share_what_is_spare(monkeypatch):
    monkeypatch.setattr(fanout, "spare", fanout.threading.BoundedSemaphore(3))
    several = [fanout.Workers([len], 0) for _ in range(4)]
    assert [each._free.qsize() - fanout.BLOCKS for each in several] == [2, 1, 0, 0]
    for each in several:
        each.put(CONTENT)
        each.end()
    again = fanout.Workers([len], 0)
    assert again._free.qsize() == fanout.BLOCKS + fanout.MORE
    again.end()
