"""Stored bytes by their storage path, in a folder or an object store.

No database here. How bytes get there is in `files.storage.staging`.
"""

import contextlib
import errno
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

from camp.storage.object_store import object_store
from files.storage import s3

logger = logging.getLogger(__name__)

# What systems say of a path at which there can be no file.
NO_FILE = {errno.EISDIR, errno.ENOTDIR, errno.ENAMETOOLONG, errno.EINVAL, errno.ELOOP}
OPAQUE = re.compile(r"[0-9a-f]{2}/[0-9a-f]{2}/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# An object store dates an object by the start of its upload, and its row comes after the
# uploads of all files of a form: for that long the sweep leaves it alone.
LONGEST_UPLOAD = timedelta(days=2)
BLOCK_SIZE = 64 * 2**10  # bytes that are read at once


def new_path():
    """Return an unused storage path: opaque, and spread over folders."""
    name = str(uuid.uuid4())
    return f"{name[:2]}/{name[2:4]}/{name}"


def checked_path(path):
    """Return a storage path that stays within the storage, else raise SuspiciousFileOperation.

    Rows of an old database may hold anything.
    """
    if OPAQUE.fullmatch(path):
        return path
    parts = PurePosixPath(path).parts
    strange = not parts or ".." in PureWindowsPath(path).parts or parts[0].startswith(".")
    if strange or PureWindowsPath(path).anchor or PurePosixPath(path).is_absolute():
        raise SuspiciousFileOperation("A storage path leads out of the storage.")
    return path


def open(path):
    """Return the stored bytes as a Django File; raises FileNotFoundError, OSError."""
    try:
        return storages["default"].open(checked_path(path), "rb")
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
    while length and (block := stored.read(min(length, BLOCK_SIZE))):
        length -= len(block)
        yield block


def read_start(path, length):
    """Return the first bytes at a storage path; raises FileNotFoundError, OSError."""
    with open(path) as stored:
        return b"".join(blocks(stored, 0, min(length, stored.size)))


def exists(path):
    """Return whether there are bytes at a storage path.

    Raises OSError if an object store does not answer.
    """
    try:
        return storages["default"].exists(checked_path(path))
    except (SuspiciousFileOperation, ValueError):
        return False


def exist(paths):
    """Return what `exists` does for each of several storage paths; raises OSError."""
    return s3.map_at_once(exists, paths) if object_store() else [exists(path) for path in paths]


def size(path):
    """Return how many bytes are at a storage path, or None if they cannot be read."""
    try:
        return storages["default"].size(checked_path(path))
    except (SuspiciousFileOperation, ValueError, OSError):
        return None


def sizes(paths):
    """Return what `size` does for each of several storage paths."""
    return s3.map_at_once(size, paths) if object_store() else [size(path) for path in paths]


def set_time(path, moment):
    """Date bytes in a folder: nginx makes Last-Modified and ETag of that. Never raises."""
    if not object_store():
        with contextlib.suppress(OSError, ValueError, SuspiciousFileOperation):
            seconds = moment.timestamp()
            os.utime(Path(settings.LOCAL_STORAGE_PATH) / checked_path(path), (seconds, seconds))


def remove(path):
    """Remove stored bytes, which may be missing; a failure is logged, not raised."""
    try:
        storages["default"].delete(checked_path(path))
    except (SuspiciousFileOperation, ValueError):
        logger.warning("A row named bytes outside the storage: nothing was removed.")
    except OSError as error:
        logger.error("Stored bytes could not be removed (%s): %s", path, error.strerror)


def list_paths(before, must_stop=None):
    """Yield the storage paths of all bytes that have not changed since `before`.

    Paths of another form than Camp's are left out. In an object store the objects of the last
    LONGEST_UPLOAD count as changed. It ends early once `must_stop()` is true. Raises OSError.
    """
    if store := object_store():
        for path, _size, modified in store.listed():
            if must_stop and must_stop():
                return
            if OPAQUE.fullmatch(path) and modified < before - LONGEST_UPLOAD:
                yield path
        return
    for entry in files_below(Path(settings.LOCAL_STORAGE_PATH), depth=2):
        if must_stop and must_stop():
            return
        path = "/".join(Path(entry.path).parts[-3:])
        if OPAQUE.fullmatch(path) and modified_at(entry) < before.timestamp():
            yield path


def abort_uploads(before):
    """Have an object store drop the parts of uploads that began before a time.

    A failure is logged, not raised: not every server can list them.
    """
    if store := object_store():
        try:
            store.stop_uploads(before)
        except OSError as error:
            logger.warning("Unfinished uploads cannot be removed: %s", error.strerror)


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


def modified_at(entry):
    """Return when a file was last modified, in seconds of the epoch; never, if it is gone."""
    try:
        return entry.stat(follow_symlinks=False).st_mtime
    except FileNotFoundError:
        return math.inf


def free_bytes():
    """Return how many bytes are free on the volume of the storage."""
    folder = Path(settings.LOCAL_STORAGE_PATH)
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free
