"""A finished backup, and what the user is told about it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from camp.operations.backup.stored_files import PathList
from camp.operations.console import format_size


@dataclass
class BackupResult:
    """A finished backup."""

    path: Path
    size: int = 0  # bytes
    rows: int | None = None
    files: int | None = None
    problems: dict[str, PathList] = field(default_factory=dict)  # see FilePacker.problems
    unknown: list[str] = field(default_factory=list)  # tables and columns that a portable one lacks
    removed: int | None = 0  # older backups; None if they were kept since this one is incomplete

    @property
    def lacks_most_files(self) -> bool:
        """Whether more files are missing than were packed: probably another storage."""
        return bool(self.problems) and self.problems["lost"].count > (self.files or 0)


def lines(result: BackupResult) -> Iterator[str]:
    """Yield what there is to say about a backup."""
    values = {"path": result.path, "size": format_size(result.size)}
    if result.rows is None:
        yield _("Backup: %(path)s (%(size)s, the database as SQL, no files)") % values
    else:
        parts = [format_size(result.size), count_rows(result.rows)]
        parts.append(_("no files") if result.files is None else count_files(result.files))
        yield _("Backup: %(path)s (%(what)s)") % {"path": result.path, "what": ", ".join(parts)}
    if result.removed:
        sentence = ngettext(
            "Removed: %(count)s older backup.", "Removed: %(count)s older backups.", result.removed
        )
        yield sentence % {"count": result.removed}


def warnings(result: BackupResult) -> Iterator[str]:
    """Yield what is wrong with the data that was backed up."""
    if result.unknown:
        yield _(
            "A portable backup holds only what Camp's migrations make. These tables and columns "
            "are not in it; a backup without --portable has them:"
        )
        yield from (f"  {name}" for name in result.unknown)
    for kind, paths in result.problems.items():
        if not paths.count:
            continue
        yield describe_problem(kind, paths.count) % {"count": f"{paths.count:,}"}
        yield from (f"  {path}" for path in paths.shown)
        if paths.count > len(paths.shown):
            yield "  …"
    if result.removed is None:
        yield _("Older backups were kept: more files are missing than are in this one.")


def describe_problem(kind: str, count: int) -> str:
    """Return the sentence for a kind of FilePacker.problems."""
    if kind == "lost":
        return ngettext(
            "The bytes of %(count)s file are not in the storage:",
            "The bytes of %(count)s files are not in the storage:",
            count,
        )
    if kind == "differing":
        return ngettext(
            "The bytes of %(count)s file differ from its row; they are in the backup as they are:",
            "The bytes of %(count)s files differ from their rows; they are in the backup as they "
            "are:",
            count,
        )
    return ngettext(
        "The path of %(count)s file leads out of the storage; nothing was read there:",
        "The paths of %(count)s files lead out of the storage; nothing was read there:",
        count,
    )


def count_rows(count: int) -> str:
    """Return a number of rows in words."""
    return ngettext("%(count)s row", "%(count)s rows", count) % {"count": f"{count:,}"}


def count_files(count: int) -> str:
    """Return a number of files in words."""
    return ngettext("%(count)s file", "%(count)s files", count) % {"count": f"{count:,}"}
