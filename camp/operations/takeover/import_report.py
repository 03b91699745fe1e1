"""What a person is told of the old backend's files."""

import csv

from django.conf import settings
from django.core.management import CommandError
from django.utils.translation import gettext as _

from camp.operations.console import size
from camp.operations.takeover import import_files
from camp.operations.takeover.import_files import (
    DAMAGED,
    FOUND,
    MISSING,
    OUTSIDE,
    UNREADABLE,
    UNSURE,
    Uploads,
)
from files.storage import backend

SHOWN = 20


def folder(options):
    """Return the Uploads of the options; raises CommandError where there is no such folder."""
    try:
        return Uploads(options.uploads, any_size=options.any_size)
    except OSError as error:
        values = {"folder": options.uploads, "why": error.strerror or _("it is no folder")}
        raise CommandError(_("The folder %(folder)s cannot be read (%(why)s).") % values) from None


def room(sources, options):
    """Yield a sentence if the storage folder has no room for all bytes."""
    if backend.object_store():
        return
    needed = sum(source.size for source in sources.values())
    free = backend.free_bytes()
    if needed > free and not options.link:
        text = _("The files take %(needed)s, and %(folder)s has %(free)s left.")
        values = {"needed": size(needed), "free": size(free)}
        yield text % (values | {"folder": settings.LOCAL_STORAGE_PATH})


def source_lines(rows, sources):
    """Yield lines on what was found in the old folder."""
    counts = import_files.tallied(sources)
    length = size(sum(source.size for source in sources.values()))
    yield _("%(count)s found, %(size)s") % {"count": f"{counts[FOUND]:,}", "size": length}
    for state, text in (
        (MISSING, _("%(count)s missing")),
        (
            DAMAGED,
            _("%(count)s damaged: not as many bytes as their row says (--any-size takes them)"),
        ),
        (UNREADABLE, _("%(count)s cannot be read")),
        (OUTSIDE, _("%(count)s lead out of the folder, and are left alone")),
        (
            UNSURE,
            _("%(count)s whose bytes may be another's: only the end of their path is found"),
        ),
    ):
        yield from named(text, [row for row in rows if sources[row.key].state == state], sources)
    if other := [row for row in rows if is_of_another_size(row, sources[row.key])]:
        yield from named(_("%(count)s of another size than their row says"), other, sources)


def is_of_another_size(row, source):
    """Return whether bytes come in, but not as many as the row says."""
    return source.path is not None and row.size is not None and source.size != row.size


def named(text, rows, sources):
    """Yield a line that counts rows, and one for each of the first."""
    if rows:
        yield text % {"count": f"{len(rows):,}"}
        for row in rows[:SHOWN]:
            found = sources[row.key].found
            yield f"  {row.key}: {row.path}{sizes(row, found) if found != row.size else ''}"
        if len(rows) > SHOWN:
            yield "  …"


def sizes(row, found):
    """Return how many bytes there are, and how many there should be, or ""."""
    if found is None or row.size is None:
        return ""
    values = {"found": f"{found:,}", "size": f"{row.size:,}"}
    return " " + _("(%(found)s of %(size)s bytes)") % values


def write_missing(file, rows, sources):
    """Write a CSV of the rows whose bytes do not come in, and why."""
    with open(file, "w", encoding="utf-8-sig", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["id", "filename", "size", "storage_path", "state", "found"])
        for row in rows:
            source = sources[row.key]
            if source.path is None:
                values = [row.key, row.filename, row.size, row.path, source.state, source.found]
                writer.writerow(values)
