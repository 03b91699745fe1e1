"""Packing: members one after the other, hashed and written while the next is being read."""

import contextlib
import errno
import io
import os
import stat
import tempfile

from camp.fs.atomic import Part
from camp.operations.backup.archive import pipeline
from camp.operations.backup.archive.format import END, SUMS, header, padding, sums_line
from camp.operations.console import Silent

# What systems say of a path at which no file can be.
NO_FILE = {errno.EISDIR, errno.ENOTDIR, errno.ENAMETOOLONG, errno.EINVAL, errno.ELOOP, errno.ENXIO}
READ_FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
# Opening a pipe would wait for somebody to write to it.
READ_FLAGS |= getattr(os, "O_NONBLOCK", 0)
# The list of checksums is kept in memory up to so many bytes.
SUMS_IN_MEMORY = 2**20


class Writer:
    """An archive in the making; the file `path` is there once `close` returned.

    `mtime` is the time of all members, in seconds of the epoch. As a context manager it
    closes, or aborts where there was an exception. Any method may raise OSError: the disk
    is full, or broken; the archive must be aborted then.
    """

    def __init__(self, path, mtime):
        self._part = Part(path)
        self.path = self._part.path
        self._mtime = int(mtime)
        self._sums = tempfile.SpooledTemporaryFile(SUMS_IN_MEMORY, dir=self._part.path.parent)  # noqa: SIM115
        self._sink = pipeline.Sink(self._part.descriptor)
        self._pipeline = pipeline.Pipeline(pipeline.Hashing(self._hashed), self._write)
        self._chunk = self._pipeline.take()
        self._position = 0
        # (position, header) of members whose size was known only after their bytes
        self._late = []

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        if kind is None:
            self.close()
        else:
            self.abort()

    def add_bytes(self, name, data):
        """Add a member from memory."""
        self._begin(name, len(data))
        self._put(data)
        self._end(name, len(data))

    def add_file(self, name, source, on_hash=None, progress=None):
        """Add the file `source` as it is now; returns its size.

        `on_hash(size, SHA-256 in hex)` is called later, in another thread. Raises
        FileNotFoundError where there is no file, before anything of it was written.
        A file that shrinks meanwhile is filled up with zeros.
        """
        with _opened(source) as stream:
            size = os.fstat(stream.fileno()).st_size
            return self.add_sized(name, stream, size, on_hash, progress, source)

    def add_sized(self, name, stream, size, on_hash=None, progress=None, source=None):
        """Do as `add_file` for the `size` bytes of an unbuffered stream; returns the size."""
        progress = progress or Silent()
        self._begin(name, size)
        left = size
        while left:
            room = self._room()
            count = _read(stream, room[:left], source)
            if not count:
                break
            self._used(count)
            left -= count
            progress.add(count)
        while left:
            left -= self._put(bytes(min(left, pipeline.SIZE)))
        self._end(name, size, on_hash)
        return size

    def add_stream(self, name, stream, progress=None):
        """Add what a binary stream gives until its end; returns the size."""
        with self.member(name) as member:
            while data := stream.read(pipeline.SIZE):
                member.write(data)
                if progress:
                    progress.add(len(data))
        return member.size

    @contextlib.contextmanager
    def member(self, name):
        """Yield a stream whose `write` takes the bytes of a member of unknown size."""
        position = self._position
        self._begin(name, 0)
        stream = _Stream(self._put)
        yield stream
        self._late.append((position, header(name, stream.size, self._mtime)))
        self._end(name, stream.size)

    def settle(self):
        """Return once `on_hash` was called for all members so far."""
        self._pipeline.give(self._chunk)
        self._pipeline.settle()
        self._chunk = self._pipeline.take()

    def close(self):
        """Write the checksums and give the archive its name; it is on the disk then."""
        try:
            self._finish()
        except BaseException:
            self.abort()
            raise

    def abort(self):
        """Remove everything; never raises. Does nothing to an archive that was closed."""
        self._pipeline.stop()
        self._sums.close()
        self._part.discard()

    def _finish(self):
        # The list needs the checksums of all members: they are complete after the pipeline.
        self._pipeline.give(self._chunk)
        self._pipeline.end()
        size = self._sums.tell()
        self._sums.seek(0)
        self._sink.write(memoryview(header(SUMS, size, self._mtime)))
        while data := self._sums.read(pipeline.SIZE):
            self._sink.write(memoryview(data))
        self._sink.write(memoryview(bytes(padding(size)) + END))
        for position, late in self._late:
            os.lseek(self._part.descriptor, position, os.SEEK_SET)
            self._sink.write(memoryview(late))
        self._sums.close()
        self._part.finish()

    def _begin(self, name, size):
        self._put(header(name, size, self._mtime), hashed=False)

    def _end(self, name, size, on_hash=None):
        self._chunk.parts.append((0, 0, (name, size, on_hash), True))
        self._put(bytes(padding(size)), hashed=False)

    def _put(self, data, hashed=True):
        """Take bytes; returns how many."""
        view = memoryview(data)
        while view:
            room = self._room()
            count = min(len(room), len(view))
            room[:count] = view[:count]
            self._used(count, hashed)
            view = view[count:]
        return len(data)

    def _room(self):
        """Return what is free of the present chunk, which is something."""
        if not self._chunk.room:
            full, self._chunk = self._chunk, None
            self._pipeline.give(full)
            self._chunk = self._pipeline.take()
        return self._chunk.view[self._chunk.used :]

    def _used(self, count, hashed=True):
        chunk = self._chunk
        if hashed:
            chunk.parts.append((chunk.used, chunk.used + count, None, False))
        chunk.used += count
        self._position += count

    def _write(self, chunk):
        self._sink.write(chunk.view[: chunk.used])

    def _hashed(self, member, digest):
        name, size, on_hash = member
        self._sums.write(sums_line(digest, name))
        if on_hash:
            on_hash(size, digest)


class _Stream:
    """What `Writer.member` yields."""

    def __init__(self, put):
        self._put = put
        self.size = 0

    def write(self, data):
        """Take bytes; returns how many."""
        self.size += len(data)
        return self._put(data)


def _read(stream, room, path):
    """Fill `room` from a file; returns how many bytes. An OSError names the file."""
    try:
        return stream.readinto(room)
    except OSError as error:
        if path is None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


def _opened(path):
    """Return a file opened for unbuffered reading; raises FileNotFoundError if it is none."""
    try:
        descriptor = os.open(path, READ_FLAGS)
    except FileNotFoundError:
        raise
    except (OSError, ValueError) as error:
        if isinstance(error, ValueError) or error.errno in NO_FILE:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path)) from error
        raise
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return io.FileIO(descriptor)
    os.close(descriptor)
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
