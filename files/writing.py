"""How bytes are written, hashed and synced beside the thread that reads them.

All of that releases Python's lock. No database here.
"""

import contextlib
import os
from concurrent.futures import ThreadPoolExecutor

from files.workers import Worker

# So few bytes are not worth threads of their own.
THREADS_FROM = 4 * 2**20
# So often the disk is told to begin: the final fsync then waits for the last bytes only.
WRITE_BACK_EVERY = 16 * 2**20
# Files of a form that are brought to the disk at once: a disk syncs several in the time of one.
SYNCING = 8

pool = ThreadPoolExecutor(SYNCING, thread_name_prefix="upload-sync")


class Takers:
    """Functions that each get all chunks in their order, in threads once it is worth it."""

    def __init__(self, *takes):
        self._takes = takes
        self._workers = []
        self._size = 0

    def put(self, chunk):
        """Give them a chunk; waits for the slowest. Raises what one of them met."""
        self._size += len(chunk)
        if not self._workers and self._size > THREADS_FROM:
            self._workers = [Worker(take) for take in self._takes]
            self._takes = [worker.put for worker in self._workers]
        for take in self._takes:
            take(chunk)

    def end(self):
        """Return once all chunks are taken; raises what one of the threads met."""
        with contextlib.ExitStack() as stack:
            for worker in self._workers:
                stack.callback(worker.end)

    def stop(self):
        """Let the chunks that still wait go."""
        for worker in self._workers:
            worker.stop()


class Sink:
    """An open file that is written from where it ends; `written` counts the bytes (`start` on)."""

    def __init__(self, path, flags, start=0):
        """Open `path`, with `flags` beside O_WRONLY; raises OSError."""
        flags |= os.O_WRONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
        self._descriptor = os.open(path, flags, 0o600)
        self._written_back = self.written = start

    def put(self, chunk):
        """Write all of a chunk; raises OSError, and `written` is right even then."""
        left = memoryview(chunk)
        while left:
            count = os.write(self._descriptor, left)
            self.written += count
            left = left[count:]
        if self.written - self._written_back >= WRITE_BACK_EVERY:
            self._write_back(self._descriptor)

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
