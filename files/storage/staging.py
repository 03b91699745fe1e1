"""Bytes on their way in: written to a staging folder, then moved into the storage.

No database here. Bytes get their final path only once all of them are on the disk, so what lies
under `ab/cd/` is complete at any moment, also after a power cut. An object store gets them
uploaded instead: see `files.storage.s3`.
"""

import contextlib
import hashlib
import logging
import os
import shutil
import uuid
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

from django.conf import settings

from camp.fs.atomic import sync_folder
from camp.fs.ownership import make_folder
from camp.fs.threaded_writer import ThreadedWriter
from camp.storage.object_store import object_store
from files.storage import backend, s3

logger = logging.getLogger(__name__)

SUFFIX = ".part"
FOLDER_MODE = 0o700
# Files of a form that are synced at the same time: a disk syncs several in the time of one.
SYNCS_AT_ONCE = 8

sync_pool = ThreadPoolExecutor(SYNCS_AT_ONCE, thread_name_prefix="upload-sync")


class StagedBytes:
    """The bytes of one file in staging: written, counted and hashed as they come.

    `size` (bytes) and `sha256` (hex) cover what was written so far. All methods but `touch` and
    `discard` may raise OSError, because the disk is full or broken: `discard` the bytes then.
    """

    def __init__(self) -> None:
        self.path = Path(settings.UPLOAD_STAGING) / f"{uuid.uuid4()}{SUFFIX}"
        make_folder(self.path.parent, FOLDER_MODE)
        self._hash = hashlib.sha256()
        self._writer = ThreadedWriter(self.path, os.O_CREAT | os.O_EXCL, sha256=self._hash)
        self._finishing: Future[tuple[int, str]] | None = None
        self.size = 0
        self.is_kept = False

    @property
    def sha256(self) -> str:
        """The checksum of all bytes so far, in hex."""
        return self._hash.hexdigest()

    def write(self, chunk: bytes) -> None:
        """Take the next bytes; waits while the disk is behind."""
        self.size += len(chunk)
        self._writer.write(chunk)

    def flush(self) -> None:
        """Return once all bytes are written, though perhaps not synced."""
        self._writer.flush()

    def finish(self) -> None:
        """Return once all bytes are on the disk."""
        if self._finishing is None:
            self._writer.finish()
        else:
            self._finishing.result()

    def finish_in_background(self) -> "Future[tuple[int, str]]":
        """Begin to sync in another thread; `finish` then waits for that and raises its error."""
        self._finishing = sync_pool.submit(self._writer.finish)
        return self._finishing

    def touch(self) -> None:
        """Renew the file's time, so that the sweep leaves it alone; never raises."""
        with contextlib.suppress(OSError):
            os.utime(self.path)

    def discard(self) -> None:
        """Remove the bytes, unless they were kept; never raises."""
        if self.is_kept:
            return
        if self._finishing is not None and not self._finishing.cancel():
            self._finishing.exception()
        try:
            self._writer.close()
            self.path.unlink(missing_ok=True)
        except OSError as error:
            # The sweep gets it later.
            logger.warning("A staged upload stays behind: %s", error.strerror)


def keep(staged: StagedBytes) -> str:
    """Move finished bytes into the storage; returns their storage path.

    On return the move survives a power cut. Raises OSError, and then nothing is kept.
    """
    [path] = keep_all([staged])
    return path


def keep_all(several: list[StagedBytes]) -> list[str]:
    """Do as `keep` for several at once, syncing each folder once; returns their paths."""
    if not several:
        return []
    if store := object_store():
        pairs = [(staged, backend.new_path()) for staged in several]
        s3.upload_all(store, pairs)
        return [path for _staged, path in pairs]
    root = Path(settings.LOCAL_STORAGE_PATH)
    # One folder for all: every other would have to be synced too.
    folder_path = backend.new_path().rpartition("/")[0]
    folder = root / folder_path
    paths: list[str] = []
    try:
        make_folder(folder, FOLDER_MODE)
        for staged in several:
            path = f"{folder_path}/{staged.path.stem}"
            # The sweep spares what is new, and the row comes only now.
            staged.touch()
            os.replace(staged.path, root / path)
            staged.is_kept = True
            paths.append(path)
        for changed_folder in (folder, folder.parent, root):
            sync_folder(changed_folder)
    except BaseException:
        for path in paths:
            backend.remove(path)
        raise
    return paths


def move_in(source: Path, path: str, sha256: str = "") -> None:
    """Move the synced file `source` to a storage path; raises OSError.

    On return the move survives a power cut.
    """
    if store := object_store():
        s3.move_in(store, source, backend.checked_path(path), sha256)
        return
    target = Path(settings.LOCAL_STORAGE_PATH) / backend.checked_path(path)
    make_folder(target.parent, FOLDER_MODE)
    os.utime(source)  # the sweep spares what is new, and the row comes only now
    os.replace(source, target)
    for folder in (target.parent, target.parent.parent, target.parent.parent.parent):
        sync_folder(folder)


@contextlib.contextmanager
def local_copy(path: str) -> Iterator[Path]:
    """Yield the Path of a file on this machine with the bytes at a storage path.

    With an object store it is a copy, removed at the end. Raises FileNotFoundError, OSError.
    """
    if not object_store():
        yield Path(settings.LOCAL_STORAGE_PATH) / backend.checked_path(path)
        return
    copy = StagedBytes()
    try:
        with backend.open(path) as stored:
            for block in backend.blocks(stored, 0, stored.size):
                copy.write(block)
        copy.finish()
        yield copy.path
    finally:
        copy.discard()


def list_staged(before: datetime) -> Iterator[str]:
    """Yield the paths of staged bytes that have not changed since `before`.

    A folder among them is the work folder of a killed restore: no sweep runs during one.
    """
    with contextlib.suppress(FileNotFoundError), os.scandir(settings.UPLOAD_STAGING) as entries:
        for entry in entries:
            if entry.name.endswith(SUFFIX) and backend.modified_at(entry) < before.timestamp():
                yield entry.path


def remove_staged(path: Path | str) -> None:
    """Remove staged bytes; a failure is logged, not raised."""
    try:
        if os.path.isdir(path):
            shutil.rmtree(path)
        else:
            Path(path).unlink(missing_ok=True)
    except OSError as error:
        logger.error("Staged bytes could not be removed (%s): %s", path, error.strerror)


def sync_file(path: Path) -> None:
    """Return once all bytes of a file are on the disk; raises OSError."""
    with path.open("r+b") as file:
        os.fsync(file)
