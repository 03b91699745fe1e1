"""Bytes: how they come in safely, and where they are.

No database here. Bytes arrive in a staging folder under a name of their own and are
renamed into the storage once they are whole and on the disk, so whatever lies under
`ab/cd/` is complete at any moment, a power cut included.
"""

import contextlib
import errno
import hashlib
import logging
import math
import os
import queue
import re
import shutil
import threading
import uuid
from pathlib import Path, PurePosixPath, PureWindowsPath

from django.conf import settings
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.storage import storages

logger = logging.getLogger(__name__)

# What systems say of a path at which no file can be.
NO_FILE = {errno.EISDIR, errno.ENOTDIR, errno.ENAMETOOLONG, errno.EINVAL, errno.ELOOP}
PART_SUFFIX = ".part"
OPAQUE = re.compile(r"[0-9a-f]{2}/[0-9a-f]{2}/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# A file of up to so many bytes is not worth threads.
THREADS_FROM = 4 * 2**20
# Chunks that may wait for a thread; of 256 KiB each they are the memory of an upload.
QUEUE_LENGTH = 24
# So often the disk is told to begin: the final fsync then waits for the last bytes only.
WRITE_BACK_EVERY = 16 * 2**20


class Staged:
    """The bytes of one file on their way in: written, counted and hashed as they come.

    Hashing and writing release Python's lock, so for a large file each runs in a thread
    beside the one that reads the request. `size` (bytes) and `sha256` (hex) are right
    after `end` or `finish`. `write`, `end` and `finish` may raise OSError: the disk is
    full or broken; `discard` it then.
    """

    def __init__(self):
        folder = Path(settings.UPLOAD_STAGING)
        make_folders(folder)
        self.path = folder / f"{uuid.uuid4()}{PART_SUFFIX}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        self._descriptor = os.open(self.path, flags | getattr(os, "O_CLOEXEC", 0), 0o600)
        self._hash = hashlib.sha256()
        self._written_back = 0
        self._written = 0
        self._workers = []
        self._takers = [self._hash.update, self._put]
        self.size = 0
        self.kept = False

    @property
    def sha256(self):
        """The checksum of all bytes so far, in hex."""
        return self._hash.hexdigest()

    def write(self, chunk):
        """Take the next bytes; waits while the disk is behind."""
        self.size += len(chunk)
        if not self._workers and self.size > THREADS_FROM:
            for take in self._takers:
                self._workers.append(Worker(take))
            self._takers = [worker.put for worker in self._workers]
        for take in self._takers:
            take(chunk)

    def end(self):
        """Say that all bytes came; the file is closed, and the disk told to begin."""
        with contextlib.ExitStack() as stack:
            stack.callback(self._close)
            for worker in self._workers:
                stack.callback(worker.end)

    def finish(self):
        """Return once the bytes are on the disk."""
        self.end()
        # Opened anew: a form of 1,000 files may not hold 1,000 descriptors.
        sync(self.path, os.O_RDWR)

    def touch(self):
        """Show the sweep that somebody still wants the bytes; never raises."""
        with contextlib.suppress(OSError):
            os.utime(self.path)

    def discard(self):
        """Remove the bytes, unless they are kept already; never raises."""
        if self.kept:
            return
        for worker in self._workers:
            worker.stop()
        with contextlib.suppress(Exception):
            self.end()
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            # The sweep gets it later.
            logger.warning("A staged upload stays behind: %s", error.strerror)

    def _close(self):
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            self._write_back(descriptor)
            os.close(descriptor)

    def _put(self, chunk):
        left = memoryview(chunk)
        while left:
            left = left[os.write(self._descriptor, left) :]
        self._written += len(chunk)
        if self._written - self._written_back >= WRITE_BACK_EVERY:
            self._write_back(self._descriptor)

    def _write_back(self, descriptor):
        """Have Linux write what is dirty without waiting for it; elsewhere do nothing."""
        start, self._written_back = self._written_back, self._written
        if hasattr(os, "posix_fadvise") and self._written > start:
            with contextlib.suppress(OSError):
                os.posix_fadvise(descriptor, start, self._written - start, os.POSIX_FADV_DONTNEED)


class Worker:
    """A thread that gives chunks to `take` in their order, a few of them behind."""

    def __init__(self, take):
        self._take = take
        self._error = None
        self._ended = False
        self._chunks = queue.Queue(QUEUE_LENGTH)
        self._thread = threading.Thread(target=self._run, name="upload-worker", daemon=True)
        self._thread.start()

    def put(self, chunk):
        """Hand over a chunk; raises what the thread met."""
        if self._error is None:
            self._chunks.put(chunk)
        if self._error is not None:
            raise self._error

    def end(self):
        """Wait for all chunks; raises what the thread met. Any further time does nothing."""
        if self._ended:
            return
        self._ended = True
        self._chunks.put(None)
        self._thread.join()
        if self._error is not None:
            raise self._error

    def stop(self):
        """Let the chunks that still wait go."""
        self._error = self._error or OSError("stopped")

    def _run(self):
        # After an error the queue is emptied all the same: nobody may wait on it for ever.
        while (chunk := self._chunks.get()) is not None:
            if self._error is None:
                try:
                    self._take(chunk)
                except BaseException as error:
                    self._error = error


def keep(staged):
    """Move finished bytes into the storage; returns their storage path.

    On return the move survives a power cut. Raises OSError, and then nothing is kept.
    """
    [path] = keep_all([staged])
    return path


def keep_all(several):
    """Do as `keep` for several at once, with one round of syncing; returns their paths."""
    root = Path(settings.LOCAL_STORAGE_PATH)
    paths, folders = [], {}
    try:
        for staged in several:
            path = new_path()
            target = root / path
            make_folders(target.parent)
            folders |= dict.fromkeys([target.parent, target.parent.parent, root])
            # The sweep goes by the time: the bytes are as old as their place.
            staged.touch()
            os.replace(staged.path, target)
            staged.kept = True
            paths.append(path)
        for folder in folders:
            sync_folder(folder)
    except BaseException:
        for path in paths:
            remove(path)
        raise
    return paths


def new_path():
    """Return a storage path that nothing has: opaque, and spread over folders."""
    name = str(uuid.uuid4())
    return f"{name[:2]}/{name[2:4]}/{name}"


def move_in(source, path):
    """Move synced bytes of the same volume to a storage path; raises OSError.

    On return the move survives a power cut.
    """
    target = Path(settings.LOCAL_STORAGE_PATH) / own(path)
    make_folders(target.parent)
    os.utime(source)  # the sweep goes by the time: the bytes are as old as their place
    os.replace(source, target)
    for folder in (target.parent, target.parent.parent, target.parent.parent.parent):
        sync_folder(folder)


def open(path):
    """Return the stored bytes as a Django File; raises FileNotFoundError, OSError."""
    try:
        return storages["default"].open(own(path), "rb")
    except (SuspiciousFileOperation, ValueError) as error:
        raise FileNotFoundError(path) from error
    except OSError as error:
        if error.errno in NO_FILE:
            raise FileNotFoundError(path) from error
        raise


def exists(path):
    """Return whether there are bytes at a storage path."""
    try:
        return storages["default"].exists(own(path))
    except (SuspiciousFileOperation, ValueError, OSError):
        return False


def size(path):
    """Return how many bytes are at a storage path, or None if there are none to be had."""
    try:
        return storages["default"].size(own(path))
    except (SuspiciousFileOperation, ValueError, OSError):
        return None


def remove(path):
    """Remove stored bytes. That they are missing is fine; a failure is logged, not raised."""
    try:
        storages["default"].delete(own(path))
    except (SuspiciousFileOperation, ValueError):
        logger.warning("A row named bytes outside the storage: nothing was removed.")
    except OSError as error:
        logger.error("Stored bytes could not be removed (%s): %s", path, error.strerror)


def stored_paths(before):
    """Yield the storage paths of all kept bytes that did not change since `before`.

    Only those of Camp's own form: whatever else lies in the folder is none of its business.
    """
    for entry in files_below(Path(settings.LOCAL_STORAGE_PATH), depth=2):
        path = "/".join(Path(entry.path).parts[-3:])
        if OPAQUE.fullmatch(path) and changed(entry) < before.timestamp():
            yield path


def staged_parts(before):
    """Yield the paths of staged bytes that nobody wrote to since `before`."""
    for entry in files_below(Path(settings.UPLOAD_STAGING), depth=0):
        if entry.name.endswith(PART_SUFFIX) and changed(entry) < before.timestamp():
            yield entry.path


def remove_staged(path):
    """Remove staged bytes that `staged_parts` found; a failure is logged, not raised."""
    try:
        Path(path).unlink(missing_ok=True)
    except OSError as error:
        logger.error("Staged bytes could not be removed (%s): %s", path, error.strerror)


def files_below(folder, depth):
    """Yield an os.DirEntry for each file exactly `depth` folders below `folder`."""
    try:
        entries = os.scandir(folder)
    except FileNotFoundError:
        return
    with entries:
        for entry in entries:
            if depth and entry.is_dir(follow_symlinks=False):
                yield from files_below(entry.path, depth - 1)
            elif not depth and entry.is_file(follow_symlinks=False):
                yield entry


def changed(entry):
    """Return when a file was last written to or kept, in seconds of the epoch."""
    try:
        return entry.stat(follow_symlinks=False).st_mtime
    except FileNotFoundError:
        return math.inf


def free_bytes():
    """Return how many bytes the volume of the storage has left."""
    folder = Path(settings.LOCAL_STORAGE_PATH)
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free


def own(path):
    """Return a storage path if it stays within the storage, else raise SuspiciousFileOperation.

    Rows of an old database may hold anything.
    """
    parts = PurePosixPath(path).parts
    strange = not parts or ".." in PureWindowsPath(path).parts or parts[0].startswith(".")
    if strange or PureWindowsPath(path).anchor or PurePosixPath(path).is_absolute():
        raise SuspiciousFileOperation("A storage path leads out of the storage.")
    return path


def make_folders(folder):
    """Make `folder` with whatever is missing above it, for its owner only."""
    missing = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for new in reversed(missing):
        new.mkdir(mode=0o700, exist_ok=True)


def sync_folder(folder):
    """Put a folder's entries on the disk; Windows has no way to, and needs none."""
    if os.name == "posix":
        sync(folder, os.O_RDONLY)


def sync(path, flags):
    """Return once all of `path` is on the disk."""
    descriptor = os.open(path, flags | getattr(os, "O_CLOEXEC", 0))
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
