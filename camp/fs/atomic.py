"""A file that has its name only once it is whole: `<name>.part` until then.

Whoever writes one holds a lock on it, which goes with the process however that ends. So
what a killed process left can be told from what another one is just writing.
"""

import contextlib
import os
import time
from pathlib import Path

from camp.fs.locks import try_lock

SUFFIX = ".part"
# Where a file system knows no locks, a part that nobody wrote to for so long is stale.
STALE_SECONDS = 24 * 3600
FLAGS = os.O_RDWR | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


class Part:
    """The file `path` while it is being made; `descriptor` is where to write.

    As a context manager it finishes, or discards where there was an exception. Raises
    FileExistsError where the file, or a part of it, is there already.
    """

    def __init__(self, path):
        self.path = Path(path)
        self.part = self.path.with_name(self.path.name + SUFFIX)
        self.finished = False
        refuse_existing(self.path)
        while True:
            self.descriptor = os.open(self.part, FLAGS | os.O_CREAT | os.O_EXCL, 0o600)
            # Between both lines another process may have taken it for a stale one.
            if _lock(self.descriptor) is not False and _is_at(self.descriptor, self.part):
                return
            os.close(self.descriptor)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        try:
            if kind is None:
                self.finish()
        finally:
            self.discard()

    def write(self, data):
        """Write all of some bytes."""
        left = memoryview(data)
        while left:
            left = left[os.write(self.descriptor, left) :]

    def finish(self):
        """Give the file its name; on return it survives a power cut."""
        os.fsync(self.descriptor)
        self._close()
        refuse_existing(self.path)
        os.rename(self.part, self.path)
        self.finished = True
        sync_folder(self.path.parent)

    def discard(self):
        """Remove what is there of it, unless it is finished."""
        if self.finished:
            return
        self._close()
        with contextlib.suppress(OSError):
            self.part.unlink()

    def _close(self):
        descriptor, self.descriptor = self.descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def remove_stale(folder, pattern="*"):
    """Remove the parts in `folder` that nobody is writing; `pattern` is a glob for their names."""
    for part in Path(folder).glob(pattern + SUFFIX):
        with contextlib.suppress(OSError):
            _remove_unless_locked(part)


def _remove_unless_locked(part):
    descriptor = os.open(part, FLAGS)
    try:
        locked = _lock(descriptor)
        if locked is None and os.fstat(descriptor).st_mtime > time.time() - STALE_SECONDS:
            return
        if os.name != "nt" and locked is not False:
            part.unlink()
    finally:
        os.close(descriptor)
    if os.name == "nt":
        part.unlink()  # refused by Windows while somebody has it open


def _lock(descriptor):
    """Return whether the lock was free and is ours now; None where there are no locks.

    Windows needs none: it removes no file that is open.
    """
    return True if os.name == "nt" else try_lock(descriptor)


def _is_at(descriptor, path):
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def refuse_existing(path):
    """Raise FileExistsError where there is something at `path`."""
    if os.path.lexists(path):
        raise FileExistsError(f"{path} exists")


def sync_folder(folder):
    """Put a folder's entries on the disk; Windows has no way to, and needs none."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
