"""`manage.py restore ARCHIVE --missing`: bytes that are missing or damaged, and nothing else.

The archive is verified as a whole before any of its bytes goes to its place. Rows stay as
they are, and so does every file that is what its row says; people may go on working.
"""

import os
import uuid
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.core.management import CommandError
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from camp.config import shell
from camp.fs.ownership import make_folder
from camp.operations.backup import archive
from camp.operations.backup.restore import archives, disk_space
from camp.operations.console import Progress
from camp.operations.diagnostics.file_check.contents import digest, hashed, total, with_bytes
from camp.operations.diagnostics.file_check.shared import batches
from files.storage import backend
from files.storage.staging import FOLDER_MODE, SUFFIX, move_in

FILES = "files/"  # what the names of stored files begin with in an archive


@dataclass(frozen=True)
class Wanted:
    """Bytes that a row names and that are not there, or not as they should be."""

    size: int
    sha256: str

    def is_met_by(self, size, sha256):
        """Return whether bytes are those; without a checksum their number must do."""
        return size == self.size and self.sha256 in ("", sha256)


def recover(path, *, say, stream):
    """Bring missing and damaged bytes back from the archive at `path`; `say` prints a line.

    Raises CommandError, and then nothing was changed.
    """
    if not path.is_file() or not archives.is_archive(path):
        sentence = _("%(file)s is no archive of Camp's: only such a one has single files.")
        raise CommandError(sentence % {"file": path})
    try:
        wanted = missing_or_damaged(stream)
        brought = bring_back(path, wanted, stream) if wanted else 0
    except archive.Damaged as error:
        raise CommandError(f"{error} {_('Nothing was changed.')}") from None
    except OSError as error:
        sentence = _("The files could not be brought back (%(why)s).")
        raise CommandError(sentence % {"why": error.strerror or error}) from error
    text = ngettext(
        "%(count)s file has its bytes again.", "%(count)s files have their bytes again.", brought
    )
    say(text % {"count": f"{brought:,}"})
    if left := len(wanted) - brought:
        text = ngettext(
            "%(count)s file is not in this archive: look at it with: %(fix)s",
            "%(count)s files are not in this archive: look at them with: %(fix)s",
            left,
        )
        values = {"count": f"{left:,}", "fix": shell.manage("doctor", "--files")}
        say(text % values)


def missing_or_damaged(stream):
    """Return {storage path: Wanted} of all rows whose bytes are not what the rows say."""
    wanted = {}
    size = sum(total(hashed(rows)) for rows in with_bytes())
    with Progress(stream, size, _("Reading the files")) as progress:
        for rows in with_bytes():
            for batch in batches(rows, "size", "sha256", "storage_path"):
                for row in batch:
                    if not is_well(row, progress):
                        wanted[row.storage_path] = Wanted(row.size, row.sha256)
    return wanted


def is_well(row, progress):
    """Return whether the bytes of a row are there, and those that came."""
    if backend.size(row.storage_path) != row.size:
        return False
    try:
        return not row.sha256 or digest(row.storage_path, progress)[1] == row.sha256
    except OSError:
        return False


def bring_back(path, wanted, stream):
    """Take what is wanted out of an archive; returns how many files that are."""
    staging = Path(settings.UPLOAD_STAGING)
    make_folder(staging, FOLDER_MODE)
    reader, staged, sums = archive.Reader(path), {}, {}
    disk_space.refuse_without({staging: sum(each.size for each in wanted.values())})

    def place(name, size):
        stored = name.removeprefix(FILES)
        if not name.startswith(FILES) or stored not in wanted or size != wanted[stored].size:
            return None
        staged[name] = staging / f"{uuid.uuid4()}{SUFFIX}"
        return staged[name]

    def note(name, sha256):
        if name in staged:
            sums[name] = sha256

    try:
        with Progress(stream, reader.size, _("Checking the archive")) as progress:
            reader.unpack(place, progress, note)
        return sum(
            put_back(part, name.removeprefix(FILES), wanted[name.removeprefix(FILES)], sums[name])
            for name, part in staged.items()
        )
    finally:
        for part in staged.values():
            part.unlink(missing_ok=True)


def put_back(part, path, wanted, sha256):
    """Move unpacked bytes to their storage path, if they are those; returns whether they were."""
    size = part.stat().st_size
    if not wanted.is_met_by(size, sha256):
        return False
    backend.sync(part, os.O_RDWR | getattr(os, "O_BINARY", 0))
    move_in(part, path, sha256)
    return True
