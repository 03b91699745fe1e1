"""Bytes: how they come in safely, and where they are.

No database here. Bytes arrive in a staging folder under a name of their own and are
renamed into the storage once they are whole and on the disk, so whatever lies under
`ab/cd/` is complete at any moment, a power cut included. Where an object store keeps
them they are uploaded instead: see `files.storage.s3`.
"""

import contextlib
import errno
import hashlib
import logging
import math
import os
import re
import shutil
import uuid
from datetime import timedelta
from pathlib import Path, PurePosixPath, PureWindowsPath

from django.conf import settings
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.storage import storages

from camp.fs.threaded_writer import Sink, Takers, pool
from camp.storage.backend import object_store
from files.storage import s3

logger = logging.getLogger(__name__)

# What systems say of a path at which no file can be.
NO_FILE = {errno.EISDIR, errno.ENOTDIR, errno.ENAMETOOLONG, errno.EINVAL, errno.ELOOP}
PART_SUFFIX = ".part"
OPAQUE = re.compile(r"[0-9a-f]{2}/[0-9a-f]{2}/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# A file of up to so many bytes waits in memory until all of it is here.
HELD = 256 * 2**10
# An object is as old as the beginning of its upload, and waits for the others of its form to
# get a row: in an object store that may take so long.
UPLOADING = timedelta(days=2)
# What readers take at once, in bytes.
BLOCK = 64 * 2**10


class Staged:
    """The bytes of one file on their way in: written, counted and hashed as they come.

    A small file waits in memory until it is finished, so that many can be written at the
    same time. `size` (bytes) and `sha256` (hex) are right after `end` or `finish`. `write`,
    `end` and `finish` may raise OSError: the disk is full or broken; `discard` it then.
    """

    def __init__(self):
        self.path = Path(settings.UPLOAD_STAGING) / f"{uuid.uuid4()}{PART_SUFFIX}"
        self._hash = hashlib.sha256()
        self._takers = Takers(self._put, self._hash.update)
        self._few = []
        self._sink = self._finishing = None
        self.size = 0
        self.kept = False

    @property
    def sha256(self):
        """The checksum of all bytes so far, in hex."""
        return self._hash.hexdigest()

    def write(self, chunk):
        """Take the next bytes; waits while the disk is behind."""
        self.size += len(chunk)
        self._takers.put(chunk)

    def end(self):
        """Say that all bytes came."""
        self._takers.end()

    def finish(self):
        """Return once the bytes are on the disk."""
        if self._finishing is None:
            self._finish()
        else:
            self._finishing.result()

    def finish_soon(self):
        """Begin to do so beside the caller, `finish` tells the outcome; returns the Future."""
        self._finishing = pool.submit(self._finish)
        return self._finishing

    def touch(self):
        """Show the sweep that somebody still wants the bytes; never raises."""
        with contextlib.suppress(OSError):
            os.utime(self.path)

    def discard(self):
        """Remove the bytes, unless they are kept already; never raises."""
        if self.kept:
            return
        self._takers.stop()
        with contextlib.suppress(Exception):
            if self._finishing is not None and not self._finishing.cancel():
                self._finishing.exception()
            self.end()
        try:
            if self._sink is not None:
                self._sink.close()
            self.path.unlink(missing_ok=True)
        except OSError as error:
            # The sweep gets it later.
            logger.warning("A staged upload stays behind: %s", error.strerror)

    def _put(self, chunk):
        if self._sink is not None:
            self._sink.put(chunk)
            return
        self._few.append(chunk)
        if sum(map(len, self._few)) > HELD:
            self._open()

    def _open(self):
        make_folders(self.path.parent)
        self._sink = Sink(self.path, os.O_CREAT | os.O_EXCL)
        few, self._few = self._few, []
        for chunk in few:
            self._sink.put(chunk)

    def _finish(self):
        self.end()
        if self._sink is None:
            self._open()
        self._sink.close(sync=True)


def keep(staged):
    """Move finished bytes into the storage; returns their storage path.

    On return the move survives a power cut. Raises OSError, and then nothing is kept.
    """
    [path] = keep_all([staged])
    return path


def keep_all(several):
    """Do as `keep` for several at once, with one round of syncing; returns their paths."""
    if not several:
        return []
    if store := object_store():
        places = [(staged, new_path()) for staged in several]
        s3.keep_all(store, places)
        return [path for _staged, path in places]
    root = Path(settings.LOCAL_STORAGE_PATH)
    # One folder for all: each more would have to be synced too.
    place = new_path().rpartition("/")[0]
    folder = root / place
    paths = []
    try:
        make_folders(folder)
        for staged in several:
            path = f"{place}/{staged.path.stem}"
            # The sweep goes by the time: the bytes are as old as their place.
            staged.touch()
            os.replace(staged.path, root / path)
            staged.kept = True
            paths.append(path)
        for changed_folder in (folder, folder.parent, root):
            sync_folder(changed_folder)
    except BaseException:
        for path in paths:
            remove(path)
        raise
    return paths


def new_path():
    """Return a storage path that nothing has: opaque, and spread over folders."""
    name = str(uuid.uuid4())
    return f"{name[:2]}/{name[2:4]}/{name}"


def move_in(source, path, sha256=""):
    """Move synced bytes of the staging folder to a storage path; raises OSError.

    On return the move survives a power cut.
    """
    if store := object_store():
        s3.move_in(store, source, own(path), sha256)
        return
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


def blocks(stored, start, length):
    """Yield `length` bytes of an open file from `start` on, in blocks; raises OSError."""
    stored.seek(start)
    if hasattr(stored.file, "until"):
        stored.file.until = start + length
    while length and (block := stored.read(min(length, BLOCK))):
        length -= len(block)
        yield block


def beginning(path, length):
    """Return the first bytes at a storage path; raises FileNotFoundError, OSError."""
    with open(path) as stored:
        return b"".join(blocks(stored, 0, min(length, stored.size)))


@contextlib.contextmanager
def local_copy(path):
    """Yield the Path of a file on this machine with the bytes at a storage path.

    Where an object store keeps them it is a copy, which goes again. Raises
    FileNotFoundError, OSError.
    """
    if not object_store():
        yield Path(settings.LOCAL_STORAGE_PATH) / own(path)
        return
    copy = Staged()
    try:
        with open(path) as stored:
            for block in blocks(stored, 0, stored.size):
                copy.write(block)
        copy.finish()
        yield copy.path
    finally:
        copy.discard()


def exists(path):
    """Return whether there are bytes at a storage path.

    Raises OSError where an object store does not tell.
    """
    try:
        return storages["default"].exists(own(path))
    except (SuspiciousFileOperation, ValueError):
        return False


def each_exists(paths):
    """Return what `exists` does for each of several storage paths; raises OSError."""
    paths = list(paths)
    return s3.each(exists, paths) if object_store() else [exists(path) for path in paths]


def sizes(paths):
    """Return what `size` does for each of several storage paths."""
    return s3.each(size, paths) if object_store() else [size(path) for path in paths]


def size(path):
    """Return how many bytes are at a storage path, or None if there are none to be had."""
    try:
        return storages["default"].size(own(path))
    except (SuspiciousFileOperation, ValueError, OSError):
        return None


def set_time(path, moment):
    """Date bytes in a folder: nginx makes Last-Modified and ETag of that. Never raises."""
    if not object_store():
        with contextlib.suppress(OSError, ValueError, SuspiciousFileOperation):
            seconds = moment.timestamp()
            os.utime(Path(settings.LOCAL_STORAGE_PATH) / own(path), (seconds, seconds))


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

    Only those of Camp's own form: whatever else lies there is none of its business. In an
    object store those of the last UPLOADING count as changed. Raises OSError.
    """
    if store := object_store():
        for path, _size, modified in store.listed():
            if OPAQUE.fullmatch(path) and modified < before - UPLOADING:
                yield path
        return
    for entry in files_below(Path(settings.LOCAL_STORAGE_PATH), depth=2):
        path = "/".join(Path(entry.path).parts[-3:])
        if OPAQUE.fullmatch(path) and changed(entry) < before.timestamp():
            yield path


def stop_uploads(before):
    """Have an object store forget the parts of uploads that began before a time.

    A failure is logged, not raised: some servers cannot tell.
    """
    if store := object_store():
        try:
            store.stop_uploads(before)
        except OSError as error:
            logger.warning("Unfinished uploads cannot be removed: %s", error.strerror)


def staged_parts(before):
    """Yield the paths of staged bytes that nobody wrote to since `before`.

    A folder among them is the work folder of a restore that was killed: while one runs, no
    sweep does.
    """
    with contextlib.suppress(FileNotFoundError), os.scandir(settings.UPLOAD_STAGING) as entries:
        for entry in entries:
            if entry.name.endswith(PART_SUFFIX) and changed(entry) < before.timestamp():
                yield entry.path


def remove_staged(path):
    """Remove staged bytes that `staged_parts` found; a failure is logged, not raised."""
    try:
        if os.path.isdir(path):
            shutil.rmtree(path)
        else:
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
    """Return how many bytes are left on the volume to which uploads come."""
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
