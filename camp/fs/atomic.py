"""Files that appear under their name only once they are complete and on the disk."""

import contextlib
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from camp.fs.locks import try_lock
from camp.fs.ownership import chown_to_folder_owner

SUFFIX = ".part"
# Without file locks, a part file is stale after this long without a write.
STALE_SECONDS = 24 * 3600
BUFFER = 2**20  # bytes
FLAGS = os.O_RDWR | getattr(os, "O_BINARY", 0)


class AtomicFile:
    """Writes `<path>.part`, and renames it to `path` on success.

    As a context manager it finishes, or discards after an exception. `stream` is the binary
    stream to write to. The part file is locked while its process lives, which is how
    `remove_stale` recognises the leftovers of a killed one. Raises FileExistsError where
    `path` or its part file exists.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.part = self.path.with_name(self.path.name + SUFFIX)
        self.finished = False
        refuse_existing(self.path)
        while True:
            descriptor = os.open(self.part, FLAGS | os.O_CREAT | os.O_EXCL, 0o600)
            # Before it was locked, another process may have removed it as stale.
            if _lock(descriptor) is not False and _is_at(descriptor, self.part):
                break
            os.close(descriptor)
        self.stream = open(descriptor, "wb", BUFFER)  # noqa: SIM115

    def __enter__(self) -> "AtomicFile":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_details: object) -> None:
        try:
            if kind is None:
                self.finish()
        finally:
            self.discard()

    def finish(self) -> None:
        """Give the file its name; on return it survives a power cut."""
        self.stream.flush()
        os.fsync(self.stream.fileno())
        self.stream.close()
        refuse_existing(self.path)
        os.rename(self.part, self.path)
        self.finished = True
        sync_folder(self.path.parent)

    def discard(self) -> None:
        """Remove the part file; does nothing after `finish`."""
        if self.finished:
            return
        with contextlib.suppress(OSError):  # such as a full disk, at the last flush
            self.stream.close()
        with contextlib.suppress(OSError):
            self.part.unlink()


def replace_file(
    path: Path | str, data: bytes, *, mode: int = 0o600, owner: os.stat_result | None = None
) -> None:
    """Atomically create or replace a small file with the bytes `data`; raises OSError.

    On return the new content survives a power cut. What root writes is given to `owner`, an
    os.stat_result, or else to the owner of the folder.
    """
    path = Path(path)
    with _draft(path, data, mode, owner) as draft:
        os.replace(draft, path)
    sync_folder(path.parent)


def create_file(path: Path | str, data: bytes) -> None:
    """Atomically create a small file that only its owner can read, and keep an existing one.

    Of several processes that do so at once, one wins. Raises OSError.
    """
    path = Path(path)
    with _draft(path, data, 0o600, None) as draft:
        try:
            os.link(draft, path)  # unlike a rename, it replaces nothing
        except FileExistsError:
            return
        except OSError:  # a file system without hard links
            os.replace(draft, path)
    sync_folder(path.parent)


@contextlib.contextmanager
def _draft(path: Path, data: bytes, mode: int, owner: os.stat_result | None) -> Iterator[str]:
    """Yield a file beside `path` with `data` on the disk; it is removed at the end."""
    descriptor, draft = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with open(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(draft, mode)
        if owner and os.name != "nt" and os.geteuid() == 0:
            os.chown(draft, owner.st_uid, owner.st_gid)
        else:
            chown_to_folder_owner(draft)
        yield draft
    finally:
        with contextlib.suppress(OSError):
            os.unlink(draft)


def remove_stale(folder: Path | str, pattern: str = "*") -> None:
    """Remove part files in `folder` whose writer is gone; `pattern` is a glob for their names."""
    for part in Path(folder).glob(pattern + SUFFIX):
        with contextlib.suppress(OSError):
            _remove_unless_locked(part)


def _remove_unless_locked(part: Path) -> None:
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
        part.unlink()  # Windows refuses while a process has it open


def _lock(descriptor: int) -> bool | None:
    """Return whether the lock was free and is ours now; None where there are no locks.

    Windows needs none: it removes no file that is open.
    """
    return True if os.name == "nt" else try_lock(descriptor)


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def refuse_existing(path: Path | str) -> None:
    """Raise FileExistsError where there is something at `path`."""
    if os.path.lexists(path):
        raise FileExistsError(f"{path} exists")


def sync_folder(folder: Path | str) -> None:
    """Flush a folder's entries to the disk; not possible on Windows, nor needed there."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
