"""How bytes are written, hashed and synced beside the thread that reads them.

All of that releases Python's lock. No database here.
"""

import contextlib
import errno
import mmap
import os
from concurrent.futures import ThreadPoolExecutor

from camp.fs.fanout import Workers

try:
    import fcntl
except ImportError:  # Windows, where nothing is written past the cache
    fcntl = None

# So few bytes are not worth threads of their own.
THREADS_FROM = 4 * 2**20
# So often the disk is told to begin: the final fsync then waits for the last bytes only.
WRITE_BACK_EVERY = 16 * 2**20
# What file systems say that have no way past the cache, or want larger pages.
NOT_DIRECT = {errno.EINVAL, errno.EOPNOTSUPP}
# Files of a form that are brought to the disk at once: a disk syncs several in the time of one.
SYNCING = 8

pool = ThreadPoolExecutor(SYNCING, thread_name_prefix="upload-sync")


class Takers:
    """Functions that each get all bytes in their order, in threads once it is worth it.

    What they get is bytes, or a memoryview that is good until they return. The first byte
    goes to `start` in its file.
    """

    def __init__(self, *takes, start=0):
        self._takes = takes
        self._workers = None
        self._start, self._size = start, 0

    def put(self, chunk):
        """Give them a chunk; waits for the slowest. Raises what one of them met."""
        if self._workers is None and self._size + len(chunk) > THREADS_FROM:
            self._workers = Workers(self._takes, self._start + self._size)
        self._size += len(chunk)
        for take in self._takes if self._workers is None else [self._workers.put]:
            take(chunk)

    def end(self):
        """Return once all chunks are taken; raises what one of the threads met."""
        if self._workers is not None:
            self._workers.end()

    def stop(self):
        """Let the chunks that still wait go."""
        if self._workers is not None:
            self._workers.stop()


class Sink:
    """An open file that is written from where it ends; `written` counts the bytes (`start` on).

    From memory that `Workers` hand over, whole pages go past the system's cache where it can
    be had so (Linux's O_DIRECT). To find room there for each page of a large file, only for it
    to be written out and dropped, takes more of the processor than to hash it.
    """

    def __init__(self, path, flags, start=0):
        """Open `path`, with `flags` beside O_WRONLY; raises OSError."""
        flags |= os.O_WRONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
        self._descriptor = os.open(path, flags, 0o600)
        self._written_back = self.written = start
        self._can_be_direct, self._direct = hasattr(os, "O_DIRECT"), False

    def put(self, chunk):
        """Write all of a chunk; raises OSError, and `written` is right even then."""
        left = memoryview(chunk)
        in_pages = isinstance(left.obj, mmap.mmap)
        while left:
            count = self._write_in_pages(left) if in_pages else os.write(self._descriptor, left)
            self.written += count
            left = left[count:]
        if self.written - self._written_back >= WRITE_BACK_EVERY:
            self._write_back(self._descriptor)

    def _write_in_pages(self, view):
        """Write up to the next page, or whole pages, or what is less; returns how many bytes."""
        rest = len(view) % mmap.PAGESIZE
        if missing := -self.written % mmap.PAGESIZE:
            view = view[:missing]
        elif self._can_be_direct and len(view) > rest:
            view = view[: len(view) - rest]
            try:
                self._past_the_cache(True)
                return os.write(self._descriptor, view)
            except OSError as error:
                if error.errno not in NOT_DIRECT:
                    raise
                self._can_be_direct = False
        self._past_the_cache(False)
        return os.write(self._descriptor, view)

    def _past_the_cache(self, direct):
        """Have the next bytes written directly, or not."""
        if direct != self._direct:
            flags = fcntl.fcntl(self._descriptor, fcntl.F_GETFL)
            fcntl.fcntl(self._descriptor, fcntl.F_SETFL, flags ^ os.O_DIRECT)
            self._direct = direct

    def close(self, *, sync=False):
        """Close it once; the disk is told to begin, or with `sync` waited for. Raises OSError."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is None:
            return
        try:
            if sync:
                os.fsync(descriptor)
            else:
                self._write_back(descriptor)
        finally:
            os.close(descriptor)

    def _write_back(self, descriptor):
        """Have Linux write what is dirty without waiting for it; elsewhere do nothing.

        It also lets go of what is written by now: new bytes that come into memory which is
        in use already cost a third of the time.
        """
        self._written_back = self.written
        if hasattr(os, "posix_fadvise"):
            with contextlib.suppress(OSError):
                os.posix_fadvise(descriptor, 0, self.written, os.POSIX_FADV_DONTNEED)
