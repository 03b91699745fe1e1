"""The folder of backups: their names, the last one, and which ones to remove."""

import contextlib
import re
from collections.abc import Iterator
from datetime import datetime
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

from django.conf import settings
from django.utils import timezone

from camp.fs.atomic import SUFFIX, remove_stale
from camp.operations.backup.archive import Damaged, Reader

SCRATCH = ".copying"  # ending of the temporary copy of SQLite's database beside an archive
NAME = re.compile(
    r"backup_(?P<time>\d{8}_\d{6})(?:_(?P<number>\d+))?(?P<kind>_portable|_safety)?"
    r"\.(?P<ending>tar|sql)"
)
TIME = "%Y%m%d_%H%M%S"
SAFETY = "_safety"


class Name(NamedTuple):
    """The parts of a backup's file name; they sort by time."""

    time: str
    number: int
    kind: str
    ending: str


def parse_name(path: Path) -> Name | None:
    """Return the Name of a backup's path, or None for a file that Camp did not name."""
    found = NAME.fullmatch(path.name)
    if not found:
        return None
    number = int(found["number"] or 1)
    return Name(found["time"], number, found["kind"] or "", found["ending"])


def new_names(kind: str, ending: str) -> Iterator[str]:
    """Yield names for a backup made now, to be tried until one is free."""
    time = timezone.localtime().strftime(TIME)
    yield f"backup_{time}{kind}.{ending}"
    for number in range(2, 1000):
        yield f"backup_{time}_{number}{kind}.{ending}"


def list_backups(folder: Path | str) -> list[tuple[Path, Name]]:
    """Return the paths and names of the finished backups in a folder, newest first."""
    try:
        found = [
            (path, name)
            for path in Path(folder).iterdir()
            if (name := parse_name(path)) and path.is_file()
        ]
    except OSError:
        return []
    return sorted(found, key=itemgetter(1), reverse=True)


def last_backup() -> tuple[Path, datetime] | None:
    """Return (path, time) of the newest backup in the folder of backups, or None."""
    for path, name in list_backups(settings.BACKUP_FOLDER):
        with contextlib.suppress(ValueError):  # no such date
            made = datetime.strptime(name.time, TIME)
            return path, timezone.make_aware(made)
    return None


def remove_older(newest: Path, keep: int) -> int:
    """Remove all but `keep` backups of the same group as `newest`; returns how many.

    A group has the same kind, ending and database, all with files or all without. Of the
    safety backups like `newest` as many are kept.
    """
    last, group = parse_name(newest), group_of(newest)
    if last is None or group is None:
        return 0
    older = [path for path, name in list_backups(newest.parent) if name <= last]
    removed = 0
    for kind in {group[0], SAFETY}:
        same = [path for path in older if group_of(path) == (kind, *group[1:])]
        for path in same[keep:]:
            path.unlink()
            removed += 1
    return removed


def group_of(path: Path) -> tuple[Any, ...] | None:
    """Return what backups share that replace one another; None for other files."""
    name = parse_name(path)
    if name is None:
        return None
    if name.ending == "sql":
        return name.kind, name.ending
    try:
        manifest = Reader(path).manifest()
    except (Damaged, OSError):
        return None
    with_files = manifest.get("files") is not None
    return name.kind, name.ending, manifest.get("database"), with_files


def remove_leftovers(folder: Path | str, pattern: str) -> None:
    """Remove what killed backups left in a folder; `pattern` is a glob for their names."""
    remove_stale(folder, pattern)
    for copy in Path(folder).glob(pattern + SCRATCH):
        if not copy.with_suffix(SUFFIX).exists():
            copy.unlink(missing_ok=True)
