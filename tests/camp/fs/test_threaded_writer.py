"""Writing in a thread, past the page cache where the file system can."""

import contextlib
import errno
import gc
import hashlib
import mmap
import os
import tempfile
import time
import weakref

import pytest

from camp.fs import threaded_writer
from camp.fs.threaded_writer import BLOCK_SIZE, ThreadedWriter

PAGE = mmap.PAGESIZE
FLAGS = os.O_CREAT | os.O_APPEND
CONTENT = os.urandom(3 * BLOCK_SIZE + 1000)


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


@pytest.fixture(autouse=True)
def threads_at_once(monkeypatch):
    """Start the thread with the first block."""
    monkeypatch.setattr(threaded_writer, "THREAD_FROM", 0)


def write_all(path, content, *, start=0, piece=128 * 2**10):
    """Append bytes to a file of `start` bytes; returns their hash."""
    writer = ThreadedWriter(path, FLAGS, size=start, sha256=hashlib.sha256())
    for at in range(0, len(content), piece):
        writer.write(content[at : at + piece])
    size, checksum = writer.finish()
    assert size == start + len(content)
    return checksum


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
    checksum = write_all(path, content, start=start, piece=piece)
    assert path.read_bytes() == b"s" * start + content
    assert checksum == hashlib.sha256(content).hexdigest()


@direct_only
def test_whole_pages_go_past_the_cache(tmp_path, monkeypatch):
    path = tmp_path / "part"
    path.write_bytes(b"s" * 1000)
    writes = modes_of_writes(monkeypatch)
    write_all(path, CONTENT, start=1000)
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
    write_all(tmp_path / "part", CONTENT)
    assert (tmp_path / "part").read_bytes() == CONTENT


@pytest.mark.parametrize("thread_from", [0, 2**30])
def test_a_full_disk_is_told_and_what_was_written_counts(tmp_path, monkeypatch, thread_from):
    monkeypatch.setattr(threaded_writer, "THREAD_FROM", thread_from)
    room, write = 2 * BLOCK_SIZE, os.write

    def fill(descriptor, data):
        nonlocal room
        if not room:
            raise OSError(errno.ENOSPC, "No space left on device")
        count = write(descriptor, data[:room])
        room -= count
        return count

    monkeypatch.setattr(threaded_writer.os, "write", fill)
    path = tmp_path / "part"
    writer = ThreadedWriter(path, FLAGS)
    with pytest.raises(OSError, match="No space"):  # noqa: PT012 - sooner or later
        writer.write(CONTENT * 3)
        writer.flush()
    for refused in (writer.flush, writer.finish, lambda: writer.write(b"more")):
        with pytest.raises(OSError, match="No space"):
            refused()
    writer.close()
    writer.close()
    assert path.read_bytes() == CONTENT[: writer.size]
    assert writer.size == 2 * BLOCK_SIZE


def test_nothing_is_written_once_the_guard_refuses(tmp_path):
    @contextlib.contextmanager
    def guard():
        if (tmp_path / "part").stat().st_size:
            raise PermissionError
        yield

    writer = ThreadedWriter(tmp_path / "part", FLAGS, guard=guard)
    with pytest.raises(PermissionError):  # noqa: PT012 - sooner or later
        writer.write(CONTENT)
        writer.flush()
    writer.close()
    assert (tmp_path / "part").read_bytes() == CONTENT[:BLOCK_SIZE]


@pytest.mark.parametrize("thread_from", [0, 2**30])
def test_slow_bytes_are_written_soon(tmp_path, monkeypatch, thread_from):
    monkeypatch.setattr(threaded_writer, "THREAD_FROM", thread_from)
    path = tmp_path / "part"
    writer = ThreadedWriter(path, FLAGS)
    for piece in range(1, 4):
        time.sleep(threaded_writer.MAX_DELAY + 0.01)
        writer.write(b"x" * 100)
        deadline = time.monotonic() + 10
        while path.stat().st_size < 100 * piece and time.monotonic() < deadline:
            time.sleep(0.01)
        assert path.stat().st_size == 100 * piece
    writer.finish()


def test_a_closed_writer_drops_what_waits(tmp_path):
    writer = ThreadedWriter(tmp_path / "part", FLAGS)
    writer.write(b"waits")
    writer.close()
    assert (tmp_path / "part").read_bytes() == b""
    with pytest.raises(OSError, match="descriptor"):
        writer.write(b"more")


def test_memory_is_freed_at_the_end_without_a_collection(tmp_path, monkeypatch):
    blocks = weakref.WeakSet()

    class Watched(mmap.mmap):
        def __new__(cls, *args):
            block = super().__new__(cls, *args)
            blocks.add(block)
            return block

    monkeypatch.setattr(threaded_writer.mmap, "mmap", Watched)
    gc.collect()
    gc.disable()
    try:
        writer = ThreadedWriter(tmp_path / "part", FLAGS)
        writer.write(CONTENT * 3)
        assert len(blocks) == threaded_writer.BLOCKS
        writer.flush()
        assert not blocks
    finally:
        gc.enable()
        writer.close()
