"""What the user is told about a finished backup."""

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from camp.operations.console import format_size


def lines(result):
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


def warnings(result):
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


def describe_problem(kind, count):
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


def count_rows(count):
    """Return a number of rows in words."""
    return ngettext("%(count)s row", "%(count)s rows", count) % {"count": f"{count:,}"}


def count_files(count):
    """Return a number of files in words."""
    return ngettext("%(count)s file", "%(count)s files", count) % {"count": f"{count:,}"}
