"""Bytes of the old backend's files: found in its folder, and brought into Camp's storage."""

import hashlib
import json
import os
import re
import stat
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

from camp.fs.ownership import make_folder
from camp.fs.text import normalize
from files.storage import backend, staging

CHUNK = 2**20
# So much is synced in one round.
BATCH_FILES = 64
BATCH_BYTES = 64 * 2**20
FORMS = ("NFC", "NFD")
FOUND, MISSING, OUTSIDE, UNSURE = "found", "missing", "outside", "unsure"
# Bytes are there, but not as many as the row says; or nobody may read them.
DAMAGED, UNREADABLE = "damaged", "unreadable"


@dataclass(frozen=True)
class OldFile:
    """A row of the old backend; `key` is its primary key, as text."""

    key: str
    path: str
    size: int | None
    filename: str = ""


@dataclass(frozen=True)
class Source:
    """Where the bytes of a row are, or why there are none.

    `size` is how many come in, `found` how many are there.
    """

    state: str
    path: Path | None = None
    size: int = 0
    found: int | None = None


class OtherSize(OSError):
    """There are other bytes than when they were looked for."""

    def __init__(self, found):
        super().__init__(_("its size is another one"))
        self.strerror, self.found = self.args[0], found


class Uploads:
    """The old backend's folder. Nothing outside of it is ever read.

    With `any_size` bytes are taken even if there are not as many as their row says.
    """

    def __init__(self, folder, *, any_size=False):
        """Raises OSError if there is no such folder."""
        self.any_size = any_size
        self.root = Path(folder).resolve(strict=True)
        if not self.root.is_dir():
            raise NotADirectoryError(f"{folder}")

    def sources(self, rows):
        """Return {key: Source} for rows (OldFile).

        A path that is found as it is, or below the folder's own name, is taken at its word:
        with another size it is damaged. One of which only the end is found must have the size
        that the row says, and nobody else may claim the same bytes: they might be another
        person's.
        """
        found, guesses = {}, {}
        for row in rows:
            source, guessed = self.source(row)
            found[row.key] = source
            if source.path:
                guesses.setdefault(source.path, []).append((row, guessed))
        for claims in guesses.values():
            paths = {row.path for row, _guessed in claims}
            for row, guessed in claims:
                if guessed and len(paths) > 1:
                    found[row.key] = Source(UNSURE)
        return found

    def source(self, row):
        """Return the Source of one row, and whether it is only guessed."""
        sure, guesses = candidates(row.path, self.root)
        seen = [source for parts in sure if (source := self.at(parts))]
        there = [source for source in seen if source.path]
        for source in there:
            if row.size in (None, source.size) or self.any_size:
                return source, False
        if there:
            return Source(DAMAGED, found=there[0].size), False
        for parts in guesses:
            source = self.at(parts)
            if source and source.path and source.size == row.size:
                return source, True
            if source and not source.path:
                seen.append(source)
        return (seen[0] if seen else Source(MISSING)), False

    def at(self, parts):
        """Return the Source at a relative path, or None where no file is.

        It has no path if it leads outside, or nobody may read it.
        """
        given = "/".join(parts)
        # Systems differ in how they compose letters.
        forms = dict.fromkeys([given, *(normalize(given, form) for form in FORMS)])
        for form in forms:
            try:
                real = (self.root / form).resolve(strict=True)
                found = real.stat()
            except PermissionError:
                return Source(UNREADABLE)
            except (OSError, ValueError, RuntimeError):
                continue
            if not real.is_relative_to(self.root):
                return Source(OUTSIDE)
            if stat.S_ISREG(found.st_mode):
                if not os.access(real, os.R_OK):
                    return Source(UNREADABLE)
                return Source(FOUND, real, found.st_size, found.st_size)
        return None


def candidates(path, root):
    """Return relative paths, as parts, at which a row's bytes may be: the sure and the guessed.

    The old backend kept absolute paths, paths from where it was started, or from the folder.
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
    sure = [parts]
    if root.name in parts[:-1]:
        sure.append(parts[parts.index(root.name) + 1 :])
    guesses = [parts[start:] for start in range(1, len(parts))]
    return sure, [guess for guess in guesses if guess not in sure]


class Linked:
    """The bytes of a file that the old folder shares with Camp: no copy, one more name.

    Goes where storage.Staged goes.
    """

    def __init__(self, source):
        """Raises OSError where the system cannot."""
        folder = Path(settings.UPLOAD_STAGING)
        make_folder(folder, staging.FOLDER_MODE)
        self.path = folder / f"{backend.new_path().rpartition('/')[2]}{staging.SUFFIX}"
        os.link(source, self.path)
        self.kept = False
        self.size = 0
        self._hash = hashlib.sha256()

    @property
    def sha256(self):
        """The checksum of the bytes that were read, in hex."""
        return self._hash.hexdigest()

    def write(self, chunk):
        """Take note of the next bytes, which are there already."""
        self.size += len(chunk)
        self._hash.update(chunk)

    def finish(self):
        """Return at once: the bytes have been on the disk for long."""

    def touch(self):
        """Show the sweep that somebody wants the bytes."""
        os.utime(self.path)

    def discard(self):
        """Remove the name, unless it is kept already."""
        if not self.kept:
            self.path.unlink(missing_ok=True)


def staged(source, link, progress):
    """Return the bytes of a file, counted and hashed, in Camp's staging; raises OSError."""
    part = None
    if link:
        try:
            part = Linked(source)
        except OSError:
            pass  # another volume, or a system without: a copy it is
    part = part or staging.StagedBytes()
    try:
        with open_regular(source) as stream:
            while chunk := stream.read(CHUNK):
                part.write(chunk)
                progress.add(len(chunk))
        part.finish()
    except BaseException:
        part.discard()
        raise
    return part


def open_regular(path):
    """Return an open file; a link or anything else than a file raises OSError."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    descriptor = os.open(path, flags | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(f"{path} is no file")
    return os.fdopen(descriptor, "rb")


@dataclass(frozen=True)
class Kept:
    """Bytes that are in Camp's storage by now, for the row that had `old_path`."""

    old_path: str
    path: str
    size: int
    sha256: str


class Journal:
    """What was brought in already, in case that the rest fails: {key: Kept}."""

    def __init__(self, file):
        self.file = Path(file)
        self.kept = {}
        try:
            lines = self.file.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            lines = []
        for line in lines:
            try:
                key, *values = json.loads(line)
                self.kept[key] = Kept(*values)
            except (ValueError, TypeError):
                continue  # cut short by a crash

    def add(self, batch):
        """Note {key: Kept} on the disk."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with self.file.open("a", encoding="utf-8") as stream:
            for key, kept in batch.items():
                values = [key, kept.old_path, kept.path, kept.size, kept.sha256]
                stream.write(json.dumps(values) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        self.kept |= batch

    def of(self, row):
        """Return the Kept of a row whose bytes are there, or None."""
        kept = self.kept.get(row.key)
        if kept and kept.old_path == row.path and backend.exists(kept.path):
            return kept
        return None

    def forget_other_sizes(self, rows, sources):
        """Forget what was noted of rows whose bytes are not as many as are taken now."""
        for row in rows:
            kept = self.kept.get(row.key)
            if kept and kept.size not in (row.size, sources[row.key].size):
                del self.kept[row.key]

    def remove(self):
        """Forget everything: the rows know it now."""
        self.file.unlink(missing_ok=True)


def bring(rows, sources, journal, *, link, progress):
    """Bring the bytes of rows into the storage; returns {key: OSError} for those that failed.

    What the journal has already is not brought again.
    """
    failed, batch = {}, []
    for row in rows:
        source = sources[row.key]
        if source.path is None:
            continue
        if journal.of(row):
            progress.add(source.size)
            continue
        try:
            part = staged(source.path, link, progress)
        except OSError as error:
            failed[row.key] = error
            continue
        if part.size != source.size:
            part.discard()
            failed[row.key] = OtherSize(part.size)
            continue
        batch.append((row, part))
        if len(batch) >= BATCH_FILES or sum(part.size for _row, part in batch) >= BATCH_BYTES:
            keep(batch, journal)
            batch = []
    keep(batch, journal)
    return failed


def keep(batch, journal):
    """Move staged bytes to their place and note it; raises OSError, and nothing is kept."""
    try:
        paths = staging.keep_all([part for _row, part in batch])
    except BaseException:
        for _row, part in batch:
            part.discard()
        raise
    kept = zip(batch, paths, strict=True)
    journal.add(
        {row.key: Kept(row.path, path, part.size, part.sha256) for (row, part), path in kept}
    )


def tallied(sources):
    """Return how many sources there are of each state."""
    return Counter(source.state for source in sources.values())
