"""What a person is told of a backup."""

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from camp.operations.console import size


def lines(made):
    """Yield what there is to say of a backup that was made."""
    values = {"path": made.path, "size": size(made.bytes)}
    if made.rows is None:
        yield _("Backup: %(path)s (%(size)s, the database as SQL, no files)") % values
    else:
        parts = [size(made.bytes), rows(made.rows)]
        parts.append(_("no files") if made.files is None else files(made.files))
        yield _("Backup: %(path)s (%(what)s)") % {"path": made.path, "what": ", ".join(parts)}
    if made.removed:
        sentence = ngettext(
            "Removed: %(count)s older backup.", "Removed: %(count)s older backups.", made.removed
        )
        yield sentence % {"count": made.removed}


def warnings(made):
    """Yield what is not right with the data that was backed up."""
    for kind, found in made.remarks.items():
        if not found.count:
            continue
        yield sentence_for(kind, found.count) % {"count": f"{found.count:,}"}
        for path in found.named:
            yield f"  {path}"
        if found.count > len(found.named):
            yield "  …"
    if made.removed is None:
        yield _("Older backups were left: more files are missing than are in this one.")


def sentence_for(kind, count):
    """Return the sentence for a kind of remark on files."""
    if kind == "lost":
        return ngettext(
            "The bytes of %(count)s file are not in the storage:",
            "The bytes of %(count)s files are not in the storage:",
            count,
        )
    if kind == "differing":
        return ngettext(
            "The bytes of %(count)s file are not those that were stored; they are in the "
            "backup as they are:",
            "The bytes of %(count)s files are not those that were stored; they are in the "
            "backup as they are:",
            count,
        )
    return ngettext(
        "%(count)s file is said to lie outside of the storage, where nothing was read:",
        "%(count)s files are said to lie outside of the storage, where nothing was read:",
        count,
    )


def rows(count):
    """Return a number of rows in words."""
    return ngettext("%(count)s row", "%(count)s rows", count) % {"count": f"{count:,}"}


def files(count):
    """Return a number of files in words."""
    return ngettext("%(count)s file", "%(count)s files", count) % {"count": f"{count:,}"}
