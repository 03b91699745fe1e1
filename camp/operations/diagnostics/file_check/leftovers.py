"""What lies about that belongs to no file: bytes, unfinished uploads, small pictures."""

from itertools import islice

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from camp.config import shell
from camp.operations.diagnostics.file_check.shared import BATCH, mend_command
from camp.operations.diagnostics.files import count_young, too_young
from camp.web.findings import error, ok, warning
from files import sweep
from files.serving import thumbnails


def look(*, fix):
    """Yield what is found, or what was removed."""
    try:
        swept = sweep.sweep_bytes(dry_run=not fix)
    except sweep.ForeignStorage as foreign:
        yield refused(foreign)
        return
    removes = fix and (swept.orphans or swept.staged)
    left = sweep.sweep_bytes(dry_run=True) if removes else sweep.SweepResult()
    yield orphans(swept.orphans, left.orphans, fix)
    yield uploads(swept.staged, left.staged, fix)
    yield pictures(fix)


def refused(foreign):
    """Return that the storage seems to be somebody else's; nothing of it was touched."""
    title = _("Most stored bytes belong to no file of this database (%(found)s of %(count)s)")
    values = {"found": foreign.orphans, "count": foreign.orphans + foreign.known}
    detail = _("Does the storage belong to another database? Nothing was removed.")
    return error("files.orphans", title % values, detail, shell.manage("sweep", "--dry-run"))


def orphans(count, left, fix):
    """Return how many stored bytes no row names."""
    if not count and (young := count_young()):
        return ok("files.orphans", too_young(young))
    if not count:
        return ok("files.orphans", _("No stored bytes are without a file"))
    found = ngettext(
        "%(count)s stored file belongs to nobody", "%(count)s stored files belong to nobody", count
    )
    removed = ngettext(
        "%(count)s stored file that belonged to nobody was removed",
        "%(count)s stored files that belonged to nobody were removed",
        count,
    )
    return told("files.orphans", (found, removed), count, left, fix)


def uploads(count, left, fix):
    """Return how many uploads nobody goes on with."""
    if not count:
        return ok("files.uploads", _("No unfinished upload is over"))
    found = ngettext(
        "%(count)s unfinished upload is over", "%(count)s unfinished uploads are over", count
    )
    removed = ngettext(
        "%(count)s unfinished upload that was over was removed",
        "%(count)s unfinished uploads that were over were removed",
        count,
    )
    return told("files.uploads", (found, removed), count, left, fix)


def pictures(fix):
    """Return how many thumbnails no file has."""
    before = timezone.now() - sweep.MIN_AGE
    count = left = 0
    kept = thumbnails.list_thumbnails(before)
    while batch := dict(islice(kept, BATCH)):
        known = sweep.named_paths(set(batch.values()))
        for path, storage_path in batch.items():
            if storage_path not in known:
                count += 1
                left += bool(fix and not removed_picture(path))
    if not count:
        return ok("files.thumbnails", _("No thumbnail is without a file"))
    found = ngettext(
        "%(count)s thumbnail has no file any more",
        "%(count)s thumbnails have no file any more",
        count,
    )
    removed = ngettext(
        "%(count)s thumbnail without a file was removed",
        "%(count)s thumbnails without a file were removed",
        count,
    )
    return told("files.thumbnails", (found, removed), count, left, fix)


def removed_picture(path):
    """Remove a thumbnail; returns whether that worked."""
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return False
    return True


def told(id, sentences, count, left, fix):
    """Return the Finding for so many things, of which so many are `left` after mending."""
    found, removed = sentences
    if not fix:
        return warning(id, found % {"count": count}, fix=mend_command())
    if left:
        title = _("%(left)s of %(count)s could not be removed: %(found)s")
        values = {"left": left, "count": count, "found": found % {"count": count}}
        return error(id, title % values, fix=mend_command())
    return ok(id, removed % {"count": count})
