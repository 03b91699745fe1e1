"""`manage.py restore ARCHIVE --missing`: bytes that are missing or damaged, and nothing else.

The archive is verified as a whole before any of its bytes goes to its place. Rows stay as
they are, and so does every file that is what its row says; people may go on working.
"""

import uuid
from pathlib import Path
from typing import TextIO

from django.conf import settings
from django.core.management import CommandError
from django.db.models import Sum
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from camp.config import shell
from camp.fs.ownership import make_folder
from camp.operations.backup import archive
from camp.operations.backup.restore import archives, prepare
from camp.operations.console import Progress, Say
from camp.operations.stored_bytes import hash_stored_file
from files.models import File, Version
from files.storage import backend, staging

FILES = "files/"  # prefix of stored files in an archive


def restore_missing(path: Path, *, say: Say, stream: TextIO) -> None:
    """Bring missing and damaged bytes back from the archive at `path`; `say` prints a line.

    Raises CommandError, and then nothing was changed.
    """
    if not path.is_file() or not archives.is_archive(path):
        sentence = _("%(file)s is not a Camp archive: single files can only be restored from one.")
        raise CommandError(sentence % {"file": path})
    try:
        wanted = find_missing(stream)
        restored = copy_from_archive(path, wanted, stream) if wanted else 0
    except archive.Damaged as error:
        unchanged = _("Nothing was changed.")
        raise CommandError(f"{error} {unchanged}") from None
    except OSError as error:
        sentence = _("The files could not be restored (%(why)s).")
        raise CommandError(sentence % {"why": error.strerror or error}) from error
    text = ngettext(
        "%(count)s file has its bytes again.", "%(count)s files have their bytes again.", restored
    )
    say(text % {"count": f"{restored:,}"})
    if left := len(wanted) - restored:
        text = ngettext(
            "%(count)s file is not in this archive: look at it with: %(fix)s",
            "%(count)s files are not in this archive: look at them with: %(fix)s",
            left,
        )
        values = {"count": f"{left:,}", "fix": shell.manage("doctor", "--files")}
        say(text % values)


def find_missing(stream: TextIO) -> dict[str, tuple[int, str]]:
    """Return {storage path: (size, SHA-256)} of all rows whose bytes are not what the rows say."""
    wanted: dict[str, tuple[int, str]] = {}
    tables = [model._base_manager.exclude(storage_path="") for model in (File, Version)]
    size = sum(rows.aggregate(bytes=Sum("size", default=0))["bytes"] for rows in tables)
    with Progress(stream, size, _("Reading the files")) as progress:
        for rows in tables:
            for row in rows.only("size", "sha256", "storage_path").iterator():
                if not is_intact(row.storage_path, row.size, row.sha256, progress):
                    wanted[row.storage_path] = row.size, row.sha256
    return wanted


def is_intact(path: str, size: int, sha256: str, progress: Progress) -> bool:
    """Return whether the bytes at a storage path are those; without a SHA-256 the size must do."""
    if backend.size(path) != size:
        return False
    try:
        return not sha256 or hash_stored_file(path, progress) == (size, sha256)
    except OSError:
        return False


def copy_from_archive(path: Path, wanted: dict[str, tuple[int, str]], stream: TextIO) -> int:
    """Copy what is wanted from an archive to the storage; returns the number of files."""
    folder = Path(settings.UPLOAD_STAGING)
    make_folder(folder, staging.FOLDER_MODE)
    reader = archive.Reader(path)
    staged: dict[str, Path] = {}
    sums: dict[str, str] = {}
    prepare.refuse_without_room({folder: sum(size for size, _sha256 in wanted.values())})

    def place(name: str, size: int) -> Path | None:
        stored = name.removeprefix(FILES)
        if not name.startswith(FILES) or stored not in wanted or size != wanted[stored][0]:
            return None
        staged[stored] = folder / f"{uuid.uuid4()}{staging.SUFFIX}"
        return staged[stored]

    def note(name: str, sha256: str) -> None:
        if name.removeprefix(FILES) in staged:
            sums[name.removeprefix(FILES)] = sha256

    try:
        with Progress(stream, reader.size, _("Checking the archive")) as progress:
            reader.unpack(place, progress, note)
        right = [name for name in staged if wanted[name][1] in ("", sums[name])]
        for name in right:
            staging.sync_file(staged[name])
            staging.move_in(staged[name], name, sums[name])
        return len(right)
    finally:
        for part in staged.values():
            part.unlink(missing_ok=True)
