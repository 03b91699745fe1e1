"""Write a stream of bytes to a file in a thread, while the caller reads and hashes more.

Reading, hashing and writing release Python's global lock, so they overlap on two cores. One
thread is enough: hashing in a second one was no faster (both 1.9 GB/s, without a thread 1.0).
"""

import contextlib
import errno
import hashlib
import mmap
import os
import queue
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows, which has no O_DIRECT either
    fcntl = None  # type: ignore[assignment]

BLOCK_SIZE = 512 * 2**10  # bytes
BLOCKS = 2  # of one writer: one is filled while the other is written
# Bytes from which a thread is worth its start. Fewer are written as they come, through the page
# cache, which is faster for small files.
THREAD_FROM = 4 * 2**20
# Seconds until a block that is not full is written too: a slow sender loses only a moment's
# bytes when the server is killed, or when another request takes the upload over.
MAX_DELAY = 0.1
# Bytes after which the kernel is told to begin writing: the final fsync then has little left.
WRITE_BACK_EVERY = 16 * 2**20
# Errors of file systems that do not support O_DIRECT, or only with larger pages.
NO_DIRECT_IO = {errno.EINVAL, errno.EOPNOTSUPP}


class AppendedFile:
    """A file that is appended to, if possible past the page cache (Linux's O_DIRECT).

    For a large file, finding room in the page cache takes more processor time than hashing.
    `size` is the number of bytes in the file, also after an error.
    """

    def __init__(self, path: Path, flags: int, size: int) -> None:
        """Open `path`, with `flags` beside O_WRONLY; it has `size` bytes. Raises OSError."""
        flags |= os.O_WRONLY | getattr(os, "O_BINARY", 0)
        self._descriptor: int | None = os.open(path, flags, 0o600)
        self._written_back = self.size = size
        self._supports_direct = hasattr(os, "O_DIRECT")
        self._is_direct = False

    def write(self, view: memoryview, *, direct: bool) -> None:
        """Append all of `view`; raises OSError.

        With `direct`, whole pages bypass the page cache. Their memory must then begin at the
        same offset within a page as they do in the file.
        """
        descriptor = self._descriptor
        if descriptor is None:
            raise ValueError("The file is closed.")
        while view:
            part, is_direct = self._next_part(view, direct and self._supports_direct)
            try:
                self._set_direct(descriptor, is_direct)
                count = os.write(descriptor, part)
            except OSError as error:
                if not is_direct or error.errno not in NO_DIRECT_IO:
                    raise
                self._supports_direct = False
                continue
            self.size += count
            view = view[count:]
        if self.size - self._written_back >= WRITE_BACK_EVERY:
            self._write_back(descriptor)

    def close(self, *, sync: bool = False) -> None:
        """Close the file, with `sync` once it is on the disk; raises OSError.

        Does nothing the second time.
        """
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

    def _next_part(self, view: memoryview, direct: bool) -> tuple[memoryview, bool]:
        """Return what to write next of `view`, and whether directly: only whole pages are."""
        if not direct:
            return view, False
        if before_page := -self.size % mmap.PAGESIZE:
            return view[:before_page], False
        whole_pages = len(view) - len(view) % mmap.PAGESIZE
        return (view[:whole_pages], True) if whole_pages else (view, False)

    def _set_direct(self, descriptor: int, direct: bool) -> None:
        if sys.platform == "linux" and direct != self._is_direct:
            flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
            fcntl.fcntl(descriptor, fcntl.F_SETFL, flags ^ os.O_DIRECT)
            self._is_direct = direct

    def _write_back(self, descriptor: int) -> None:
        """Have Linux write dirty pages without waiting, and free those that are clean."""
        self._written_back = self.size
        if sys.platform == "linux":
            with contextlib.suppress(OSError):
                os.posix_fadvise(descriptor, 0, self.size, os.POSIX_FADV_DONTNEED)


class ThreadedWriter:
    """Append a stream to a file, and hash it; at most one megabyte of it is in memory.

    Once a write has failed, every further call but `close` raises that error.
    """

    def __init__(
        self,
        path: Path,
        flags: int,
        *,
        size: int = 0,
        sha256: "hashlib._Hash | None" = None,
        guard: Callable[[], contextlib.AbstractContextManager[None]] = contextlib.nullcontext,
    ) -> None:
        """Open `path`, which has `size` bytes, with `flags` beside O_WRONLY; raises OSError.

        `sha256`, a hash of what it has by now, goes on with what is written. Each write happens
        within a `guard()`, which may raise to forbid it.
        """
        self._file = AppendedFile(path, flags, size)
        self._sha256, self._guard = sha256, guard
        self._start = self._received = size
        self._free: queue.SimpleQueue[memoryview] = queue.SimpleQueue()
        self._full: queue.SimpleQueue[memoryview | None] = queue.SimpleQueue()
        self._blocks = 0
        self._block: memoryview | None = None
        self._begin = self._end = 0  # of the bytes in the block
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None
        self._passed_on = time.monotonic()

    @property
    def size(self) -> int:
        """The bytes in the file; after `flush` all that were written."""
        return self._file.size

    def write(self, chunk: bytes) -> None:
        """Take the next bytes; waits while the disk is behind. Raises OSError."""
        self._raise_error()
        if self._sha256 is not None:
            self._sha256.update(chunk)
        left = memoryview(chunk)
        if self._thread is None and self._received - self._start + len(left) <= THREAD_FROM:
            self._received += len(left)
            self._write(left, direct=False)
            self._raise_error()
            return
        while left:
            if self._block is None:
                self._block = self._free_block()
                # Aligned as in the file, for direct writes.
                self._begin = self._end = self._received % mmap.PAGESIZE
            count = min(len(left), BLOCK_SIZE - self._end)
            self._block[self._end : self._end + count] = left[:count]
            self._end += count
            self._received += count
            left = left[count:]
            if self._end == BLOCK_SIZE or time.monotonic() - self._passed_on > MAX_DELAY:
                self._pass_on(self._block)

    def flush(self) -> None:
        """Return once the file has all bytes, though perhaps not the disk. Raises OSError."""
        if self._block is not None and self._error is None:
            self._pass_on(self._block)
        self._end_thread()
        self._raise_error()

    def finish(self) -> tuple[int, str]:
        """Sync and close the file; returns its size and SHA-256 in hex. Raises OSError."""
        self.flush()
        self._file.close(sync=True)
        return self.size, self._sha256.hexdigest() if self._sha256 else ""

    def close(self) -> None:
        """Close the file without the bytes that still wait; raises OSError."""
        self._error = self._error or OSError(errno.EBADF, os.strerror(errno.EBADF))
        self._end_thread()
        self._file.close()

    def _free_block(self) -> memoryview:
        if self._blocks < BLOCKS and self._free.empty():
            self._blocks += 1
            return memoryview(mmap.mmap(-1, BLOCK_SIZE))
        return self._free.get()

    def _pass_on(self, block: memoryview) -> None:
        """Have the thread write the block."""
        self._block, self._passed_on = None, time.monotonic()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="file-writer", daemon=True)
            self._thread.start()
        self._full.put(block[self._begin : self._end])
        self._raise_error()

    def _run(self) -> None:
        while (filled := self._full.get()) is not None:
            # Blocks go round after an error too: `write` may wait for one.
            if self._error is None:
                self._write(filled, direct=True)
            self._free.put(memoryview(filled.obj))

    def _write(self, view: memoryview, *, direct: bool) -> None:
        try:
            with self._guard():
                self._file.write(view, direct=direct)
        except BaseException as error:
            self._error = error

    def _end_thread(self) -> None:
        if self._thread is not None:
            self._full.put(None)
            self._thread.join()
            self._thread = None
        self._block, self._blocks, self._free = None, 0, queue.SimpleQueue()

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error
