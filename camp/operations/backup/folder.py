"""The folder of backups: what they are called, which one is the last, which ones go."""

import contextlib
import re
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from django.conf import settings
from django.utils import timezone

from camp.fs.atomic import SUFFIX
from camp.operations.backup.archive import Damaged, Reader, remove_stale

# A copy of the database that a backup works on; it lies beside the archive.
SCRATCH = ".copying"
NAME = re.compile(
    r"backup_(?P<time>\d{8}_\d{6})(?:_(?P<number>\d+))?(?P<kind>_portable|_safety)?"
    r"\.(?P<ending>tar|sql)"
)
TIME = "%Y%m%d_%H%M%S"
SAFETY = "_safety"


class Name(NamedTuple):
    """What a backup's name says: when it was made, and what it is."""

    time: str
    number: int
    kind: str
    ending: str


def parsed(path):
    """Return the Name of a backup's path, or None for what Camp did not name."""
    found = NAME.fullmatch(path.name)
    if not found:
        return None
    number = int(found["number"] or 1)
    return Name(found["time"], number, found["kind"] or "", found["ending"])


def names(kind, ending):
    """Yield the names for a backup made now, one after the other until one is free."""
    time = timezone.localtime().strftime(TIME)
    yield f"backup_{time}{kind}.{ending}"
    for number in range(2, 1000):
        yield f"backup_{time}_{number}{kind}.{ending}"


def backups(folder):
    """Return the paths of the whole backups in a folder, the newest first."""
    try:
        found = [path for path in Path(folder).iterdir() if parsed(path) and path.is_file()]
    except OSError:
        return []
    return sorted(found, key=parsed, reverse=True)


def last_backup():
    """Return (path, when) of the newest backup in the folder of backups, or None."""
    for path in backups(settings.BACKUP_FOLDER):
        with contextlib.suppress(ValueError):  # 99 is no month
            made = datetime.strptime(parsed(path).time, TIME)
            return path, timezone.make_aware(made)
    return None


def remove_older(newest, keep):
    """Remove all but `keep` backups like `newest` from its folder; returns how many.

    Those are of the same database, with files or without, like it. Of the backups that other
    commands make before they destroy something, the same number stay.
    """
    kind = kind_of(newest)
    if kind is None:
        return 0
    older = [path for path in backups(newest.parent) if parsed(path) <= parsed(newest)]
    removed = 0
    for name in {kind[0], SAFETY}:
        same = [path for path in older if kind_of(path) == (name, *kind[1:])]
        for path in same[keep:]:
            path.unlink()
            removed += 1
    return removed


def kind_of(path):
    """Return what two backups share of which one replaces the other; None for no archive."""
    name = parsed(path)
    if name.ending == "sql":
        return name.kind, name.ending
    try:
        manifest = Reader(path).manifest()
    except (Damaged, OSError):
        return None
    with_files = manifest.get("files") is not None
    return name.kind, name.ending, manifest.get("database"), with_files


def clean(folder, pattern):
    """Remove what killed backups left in a folder; `pattern` is a glob for their names."""
    remove_stale(folder, pattern)
    for copy in Path(folder).glob(pattern + SCRATCH):
        if not copy.with_suffix(SUFFIX).exists():
            copy.unlink(missing_ok=True)
