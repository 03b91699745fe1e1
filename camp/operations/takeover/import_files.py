"""Finding the bytes of the old backend's files, and copying them into Camp's storage."""

import hashlib
import json
import os
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, cast
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from camp.fs.ownership import make_folder
from camp.fs.text import normalize
from camp.operations.console import Progress
from files.storage import backend, staging

CHUNK = 2**20  # bytes
# Stored, and synced to the disk, at once.
BATCH_FILES = 64
BATCH_BYTES = 64 * 2**20
# File systems compose accents differently.
FORMS: tuple[Literal["NFC", "NFD"], ...] = ("NFC", "NFD")
FOUND, MISSING, OUTSIDE, UNSURE = "found", "missing", "outside", "unsure"
# DAMAGED: the size is not that of the row.
DAMAGED, UNREADABLE = "damaged", "unreadable"


@dataclass(frozen=True)
class OldFile:
    """A row of the old backend; `key` is its primary key as text, `size` in bytes."""

    key: str
    path: str
    size: int | None
    filename: str = ""


@dataclass(frozen=True)
class Source:
    """Where the bytes of a row are, or why there are none.

    `size` is how many bytes will be imported, `found` how many are there.
    """

    state: str
    path: Path | None = None
    size: int = 0
    found: int | None = None


class SizeChanged(OSError):
    """A file has another size than when it was found."""

    def __init__(self, found: int) -> None:
        super().__init__(_("its size has changed"))
        self.strerror, self.found = self.args[0], found


class OldFolder:
    """The old backend's folder of uploads. Nothing outside of it is ever read.

    With `any_size` files are accepted whose size is not that of their row.
    """

    def __init__(self, folder: str | Path, *, any_size: bool = False) -> None:
        """Raises OSError if there is no such folder."""
        self.any_size = any_size
        self.root = Path(folder).resolve(strict=True)
        if not self.root.is_dir():
            raise NotADirectoryError(f"{folder}")

    def locate(self, rows: Iterable[OldFile]) -> dict[str, Source]:
        """Return {key: Source} for OldFiles.

        A path that exists as it is, or below the folder's own name, is certain: with another size
        the file is damaged. If only the end of a path exists, the size must be that of the row, and
        no other row may lead to the same file, which could be another person's.
        """
        sources: dict[str, Source] = {}
        claims: dict[Path, list[tuple[OldFile, bool]]] = {}
        for row in rows:
            source, is_guess = self.locate_row(row)
            sources[row.key] = source
            if source.path:
                claims.setdefault(source.path, []).append((row, is_guess))
        for several in claims.values():
            paths = {row.path for row, _is_guess in several}
            for row, is_guess in several:
                if is_guess and len(paths) > 1:
                    sources[row.key] = Source(UNSURE)
        return sources

    def locate_row(self, row: OldFile) -> tuple[Source, bool]:
        """Return the Source of one row, and whether it is a guess."""
        certain, guesses = list_paths(row.path, self.root)
        sources = [source for parts in certain if (source := self.read_source(parts))]
        files = [source for source in sources if source.path]
        for source in files:
            if row.size in (None, source.size) or self.any_size:
                return source, False
        if files:
            return Source(DAMAGED, found=files[0].size), False
        for parts in guesses:
            source = self.read_source(parts)
            if source and source.path and source.size == row.size:
                return source, True
            if source and not source.path:
                sources.append(source)
        return (sources[0] if sources else Source(MISSING)), False

    def read_source(self, parts: list[str]) -> Source | None:
        """Return the Source at a relative path, None where no file is.

        It has no path if it leads outside the folder or must not be read.
        """
        relative = "/".join(parts)
        for form in dict.fromkeys([relative, *(normalize(relative, form) for form in FORMS)]):
            try:
                real = (self.root / form).resolve(strict=True)
                status = real.stat()
            except PermissionError:
                return Source(UNREADABLE)
            except (OSError, ValueError, RuntimeError):
                continue
            if not real.is_relative_to(self.root):
                return Source(OUTSIDE)
            if stat.S_ISREG(status.st_mode):
                if not os.access(real, os.R_OK):
                    return Source(UNREADABLE)
                return Source(FOUND, real, status.st_size, status.st_size)
        return None


def list_paths(path: str, root: Path) -> tuple[list[list[str]], list[list[str]]]:
    """Return the relative paths, as parts, at which a file may be: the certain and the guesses.

    The old backend stored absolute paths, paths relative to where it was started, and paths
    relative to the folder.
    """
    if re.match(r"[a-zA-Z][\w+.-]+://", path):
        path = unquote(urlsplit(path).path)
    parts = [part for part in re.split(r"[/\\]+", path) if part not in ("", ".")]
    if parts and re.fullmatch(r"[a-zA-Z]:", parts[0]):
        parts = parts[1:]
    own = [part for part in root.parts if part != root.anchor]
    if parts[: len(own)] == own:
        parts = parts[len(own) :]
    while ".." in parts:
        parts = parts[parts.index("..") + 1 :]
    if not parts:
        return [], []
    certain = [parts]
    if root.name in parts[:-1]:
        certain.append(parts[parts.index(root.name) + 1 :])
    guesses = [parts[start:] for start in range(1, len(parts))]
    return certain, [guess for guess in guesses if guess not in certain]


class LinkedUpload:
    """A staged upload, like StagedBytes, that is a hard link to a file of the old folder."""

    def __init__(self, source: Path) -> None:
        """Raises OSError where no hard link can be made."""
        folder = Path(settings.UPLOAD_STAGING)
        make_folder(folder, staging.FOLDER_MODE)
        self.path = folder / f"{backend.new_path().rpartition('/')[2]}{staging.SUFFIX}"
        os.link(source, self.path)
        self.is_kept, self.size, self._hash = False, 0, hashlib.sha256()

    @property
    def sha256(self) -> str:
        """The checksum of the bytes that were read, in hex."""
        return self._hash.hexdigest()

    def write(self, chunk: bytes) -> None:
        """Count and hash bytes that are on the disk already."""
        self.size += len(chunk)
        self._hash.update(chunk)

    def finish(self) -> None:
        """Do nothing: the bytes are on the disk."""

    def touch(self) -> None:
        """Keep the sweep from removing the link."""
        os.utime(self.path)

    def discard(self) -> None:
        """Remove the link, unless it was stored."""
        if not self.is_kept:
            self.path.unlink(missing_ok=True)


Upload = LinkedUpload | staging.StagedBytes


def stage_file(source: Path, link: bool, progress: Progress) -> Upload:
    """Return a staged upload with the bytes of a file; raises OSError."""
    upload: Upload | None = None
    if link:
        try:
            upload = LinkedUpload(source)
        except OSError:
            pass  # on another disk, or not supported: copy
    upload = upload or staging.StagedBytes()
    try:
        with open_regular(source) as stream:
            while chunk := stream.read(CHUNK):
                upload.write(chunk)
                progress.add(len(chunk))
        upload.finish()
    except BaseException:
        upload.discard()
        raise
    return upload


def open_regular(path: Path) -> BinaryIO:
    """Return an open file; raises OSError for links and anything else that is no regular file."""
    flags = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    descriptor = os.open(path, os.O_RDONLY | flags | getattr(os, "O_BINARY", 0))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(f"{path} is no file")
    return os.fdopen(descriptor, "rb")


@dataclass(frozen=True)
class ImportedFile:
    """Bytes in Camp's storage, of the row that had `old_path`."""

    old_path: str
    path: str
    size: int
    sha256: str


class Journal:
    """A file that lists what was imported, {key: ImportedFile}, so that a second try goes on."""

    def __init__(self, file: str | Path) -> None:
        self.file = Path(file)
        self.imported: dict[str, ImportedFile] = {}
        try:
            lines = self.file.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            lines = []
        for line in lines:
            try:
                key, *values = json.loads(line)
                self.imported[key] = ImportedFile(*values)
            except (ValueError, TypeError):
                continue  # cut off by a crash

    def add(self, batch: dict[str, ImportedFile]) -> None:
        """Write {key: ImportedFile} to the disk."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with self.file.open("a", encoding="utf-8") as stream:
            for key, imported in batch.items():
                values = [key, imported.old_path, imported.path, imported.size, imported.sha256]
                stream.write(json.dumps(values) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        self.imported |= batch

    def find(self, row: OldFile) -> ImportedFile | None:
        """Return the ImportedFile of a row whose bytes are still there, or None."""
        imported = self.imported.get(row.key)
        if imported and imported.old_path == row.path and backend.exists(imported.path):
            return imported
        return None

    def forget_changed(self, rows: Iterable[OldFile], sources: dict[str, Source]) -> None:
        """Forget the rows whose bytes have another size now than when they were imported."""
        for row in rows:
            imported = self.imported.get(row.key)
            if imported and imported.size not in (row.size, sources[row.key].size):
                del self.imported[row.key]

    def remove(self) -> None:
        """Delete the file: the rows name the bytes now."""
        self.file.unlink(missing_ok=True)


def import_bytes(
    rows: Iterable[OldFile],
    sources: dict[str, Source],
    journal: Journal,
    *,
    link: bool,
    progress: Progress,
) -> dict[str, OSError]:
    """Copy the bytes of rows into the storage; returns {key: OSError} for those that failed.

    What the journal lists is not copied again.
    """
    failed: dict[str, OSError] = {}
    batch: list[tuple[OldFile, Upload]] = []
    for row in rows:
        source = sources[row.key]
        if source.path is None:
            continue
        if journal.find(row):
            progress.add(source.size)
            continue
        try:
            upload = stage_file(source.path, link, progress)
        except OSError as error:
            failed[row.key] = error
            continue
        if upload.size != source.size:
            upload.discard()
            failed[row.key] = SizeChanged(upload.size)
            continue
        batch.append((row, upload))
        if len(batch) >= BATCH_FILES or sum(each.size for _row, each in batch) >= BATCH_BYTES:
            store_batch(batch, journal)
            batch = []
    store_batch(batch, journal)
    return failed


def store_batch(batch: list[tuple[OldFile, Upload]], journal: Journal) -> None:
    """Store (row, upload) pairs and list them; on an OSError none of them is stored."""
    try:
        paths = staging.keep_all([cast(staging.StagedBytes, upload) for _row, upload in batch])
    except BaseException:
        for _row, upload in batch:
            upload.discard()
        raise
    journal.add(
        {
            row.key: ImportedFile(row.path, path, upload.size, upload.sha256)
            for (row, upload), path in zip(batch, paths, strict=True)
        }
    )
