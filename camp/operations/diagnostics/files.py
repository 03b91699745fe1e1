"""Do rows and bytes belong together, and is the sweep made?"""

import time
from datetime import timedelta
from itertools import islice

from django.conf import settings
from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from camp.config import shell
from camp.db import bigram_index
from camp.operations.diagnostics.backups import newest
from camp.web.findings import error, ok, warning
from files.models import File, Upload
from files.storage import backend, staging
from files.sweep import BATCH_SIZE, FEW_ORPHANS, stored_batches

# What is older should have been swept, if that is done every day or so.
LEFT = timedelta(days=2)
SECONDS = 1.5  # for looking through the storage; the rest of a large one is left out
SAMPLE = 100  # files, of the newest and of the oldest


def look():
    """Yield what is found of bytes without rows, of rows without bytes, the sweep, the search."""
    yield searchable()
    yield missing()
    yield orphans()
    yield unswept()


def searchable():
    """Return whether the index for the search is there; `migrate` makes it if it is not."""
    if bigram_index.is_whole(connection, File._meta.db_table):
        return ok("files.search", _("The files can be searched"))
    title = _("The index for the search of files is missing or broken")
    return error("files.search", title, fix=shell.manage("migrate"))


def missing():
    """Return whether the bytes of some files are there; looking for all takes too long."""
    rows = File.objects.order_by("pk").values_list("pk", "storage_path")
    sample = dict([*rows[:SAMPLE], *rows.reverse()[:SAMPLE]])
    try:
        found = backend.exist(sample.values())
    except OSError as problem:
        title = _("Whether the files have their bytes cannot be seen (%(why)s)")
        return error("files.missing", title % {"why": problem.strerror or problem})
    lost = found.count(False)
    if not lost:
        title = _("The files have their bytes (%(count)s looked at)") % {"count": len(sample)}
        return ok("files.missing", title)
    sentence = ngettext(
        "%(lost)s of %(count)s file looked at has no bytes",
        "%(lost)s of %(count)s files looked at have no bytes",
        len(sample),
    )
    title = sentence % {"lost": lost, "count": len(sample)}
    paths = [path for path, there in zip(sample.values(), found, strict=True) if not there]
    return error("files.missing", title, *ways_back(paths))


def ways_back(paths, *, lost=True):
    """Return how the bytes of some storage paths may come back, and the command for the first way.

    What never came along from the old backend is in its folder; anything else may be in a
    backup, or, if it is `lost` and not only damaged, in another place than the settings say.
    """
    behind = sum(not backend.OPAQUE.fullmatch(path) for path in paths)
    said, fixes = [], []
    if behind:
        text = ngettext(
            "%(count)s of them did not come along from the old backend: name its folder.",
            "%(count)s of them did not come along from the old backend: name its folder.",
            behind,
        )
        said.append(text % {"count": f"{behind:,}"})
        fixes.append(shell.manage("takeover", "--uploads", _("FOLDER")))
    if behind < len(paths):
        question, fix = belongs() if lost else ("", "")
        if last := newest():
            command = recover_command(last)
            text = _("A backup may have them; this brings back nothing else: %(fix)s")
            said += [text % {"fix": command}, question]
            fixes.append(command)
        else:
            said += [_("There is no backup that may have them."), question]
        fixes.append(fix)
    return " ".join(filter(None, said)), fixes[0]


def recover_command(backup):
    """Return the command that brings only missing and damaged bytes back from a backup."""
    return shell.manage("restore", shell.quoted(backup), "--missing")


def belongs():
    """Return the question whether the bytes are looked for in the right place, and a setting."""
    if backend.object_store():
        question = _("Do S3_BUCKET and S3_PREFIX name the place that belongs to this database?")
        return question, "S3_BUCKET=…"
    question = _("Is LOCAL_STORAGE_PATH the folder that belongs to this database?")
    return question, "LOCAL_STORAGE_PATH=…"


def orphans():
    """Return whether bytes lie about that no file owns."""
    found, known, whole = count_orphans(timezone.now() - LEFT)
    young = count_young() if whole else 0
    if found > max(FEW_ORPHANS, known):
        title = _("Most stored bytes belong to no file of this database (%(found)s of %(count)s)")
        detail = _("Does the storage belong to another database?")
        values = {"found": found, "count": found + known}
        fix = shell.manage("sweep", "--dry-run")
        return warning("files.orphans", title % values, detail, fix)
    if found:
        sentence = ngettext(
            "%(count)s stored file belongs to nobody",
            "%(count)s stored files belong to nobody",
            found,
        )
        return warning("files.orphans", sentence % {"count": found}, fix=shell.manage("sweep"))
    if young:
        return ok("files.orphans", too_young(young))
    if whole:
        return ok("files.orphans", _("No stored bytes are without a file"))
    title = _("No stored bytes are without a file (%(count)s looked at)")
    return ok("files.orphans", title % {"count": known})


def count_orphans(before):
    """Return how many stored paths no row names, how many one does, and if those are all."""
    end = time.monotonic() + SECONDS
    found = known = 0
    for nameless, named in stored_batches(before):
        found += len(nameless)
        known += named
        if time.monotonic() > end:
            return found, known, False
    return found, known, True


def count_young():
    """Return how many stored paths no row names yet that are too young to be orphans."""
    end = time.monotonic() + SECONDS
    count = 0
    for nameless, _named in stored_batches(timezone.now() + backend.LONGEST_UPLOAD + LEFT):
        count += len(nameless)
        if time.monotonic() > end:
            break
    return count


def too_young(count):
    """Return the title for stored bytes without a file that may be about to get one."""
    text = ngettext(
        "%(count)s stored file without a row is too young to judge: it may be an upload",
        "%(count)s stored files without a row are too young to judge: they may be uploads",
        count,
    )
    return text % {"count": f"{count:,}"}


def unswept():
    """Return whether something waits for a sweep for days."""
    before = timezone.now() - LEFT
    parts = sum(1 for _part in islice(staging.list_staged(before), BATCH_SIZE))
    uploads = Upload.objects.filter(expires_at__lt=before)[:BATCH_SIZE].count()
    over = before - timedelta(days=settings.TRASH_DAYS)
    trashed = File.objects.filter(deleted_at__lt=over)[:BATCH_SIZE].count()
    count = max(parts, uploads) + trashed
    if not count:
        return ok("files.swept", _("Unfinished uploads and the trash are swept"))
    sentence = ngettext(
        "%(count)s unfinished upload or file in the trash should be gone by now",
        "%(count)s unfinished uploads and files in the trash should be gone by now",
        count,
    )
    detail = _("Have the sweep run every day.")
    return warning("files.swept", sentence % {"count": count}, detail, shell.manage("sweep"))
