"""Do file rows and stored bytes belong together, and does the sweep run? A quick check."""

import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from camp.config import shell
from camp.db import bigram_index
from camp.operations.diagnostics.backups import restore_command
from camp.storage.object_store import object_store
from camp.web.findings import Finding, error, ok, warning
from files.models import File, Upload
from files.storage import backend, staging
from files.sweep import BATCH_SIZE, FEW_ORPHANS, stored_batches
from sessions_app.models import Session

# A daily sweep should have removed what is older.
SWEEP_AGE = timedelta(days=2)
SECONDS = 1.5  # for listing the storage; the rest of a large one is skipped
SAMPLE = 100  # files, of the newest and of the oldest


def check_files() -> Iterator[Finding]:
    """Yield the state of the search index, of files and stored bytes, and of the sweep."""
    yield check_search_index()
    yield check_missing_bytes()
    yield check_orphans()
    yield check_sweep()


def check_search_index() -> Finding:
    """Return whether the search indexes are intact; otherwise `migrate` makes them again."""
    if all(bigram_index.is_complete(connection, key) for key in bigram_index.INDEXES):
        return ok("files.search", _("The files can be searched"))
    title = _("The search index of the files is missing or broken")
    return error("files.search", title, fix=shell.manage("migrate"))


def check_missing_bytes() -> Finding:
    """Return whether the newest and the oldest files have their bytes."""
    rows = File.objects.order_by("pk").values_list("pk", "storage_path")
    sample = dict([*rows[:SAMPLE], *rows.reverse()[:SAMPLE]])
    try:
        found = backend.exist(sample.values())
    except OSError as problem:
        title = _("The bytes of the files cannot be checked (%(why)s)")
        return error("files.missing", title % {"why": problem.strerror or problem})
    values = {"lost": found.count(False), "count": len(sample)}
    if not values["lost"]:
        return ok("files.missing", _("The files have their bytes (%(count)s checked)") % values)
    title = ngettext(
        "%(lost)s of %(count)s checked file has no bytes",
        "%(lost)s of %(count)s checked files have no bytes",
        len(sample),
    )
    paths = [path for path, exists in zip(sample.values(), found, strict=True) if not exists]
    return error("files.missing", title % values, *explain_recovery(paths))


def explain_recovery(paths: Sequence[str], *, lost: bool = True) -> tuple[str, str]:
    """Return how to recover the bytes of some storage paths, and the first command for it.

    Files that were never imported are in the old backend's folder. Others may be in a backup
    or, if they are `lost` and not only damaged, in another place than the settings name.
    """
    not_imported = sum(not backend.OPAQUE.fullmatch(path) for path in paths)
    sentences, fixes = [], []
    if not_imported:
        text = ngettext(
            "%(count)s of them was not imported from the old backend: name its folder.",
            "%(count)s of them were not imported from the old backend: name its folder.",
            not_imported,
        )
        sentences.append(text % {"count": f"{not_imported:,}"})
        fixes.append(shell.manage("takeover", "--uploads", _("FOLDER")))
    if not_imported < len(paths):
        if command := restore_command("--missing"):
            text = _("A backup may have them; this command restores nothing else: %(fix)s")
            sentences.append(text % {"fix": command})
            fixes.append(command)
        else:
            sentences.append(_("There is no backup that may have them."))
        if lost and object_store():
            sentences.append(
                _("Do S3_BUCKET and S3_PREFIX name the place that belongs to this database?")
            )
            fixes.append("S3_BUCKET=…")
        elif lost:
            sentences.append(_("Is LOCAL_STORAGE_PATH the folder that belongs to this database?"))
            fixes.append("LOCAL_STORAGE_PATH=…")
    return " ".join(sentences), fixes[0] if fixes else ""


def check_orphans() -> Finding:
    """Return whether there are stored bytes that no file owns."""
    orphans, known, complete = count_orphans(timezone.now() - SWEEP_AGE)
    if orphans > max(FEW_ORPHANS, known):
        title = _("Most stored bytes belong to no file of this database (%(found)s of %(count)s)")
        detail = _("Does the storage belong to another database?")
        values = {"found": orphans, "count": orphans + known}
        fix = shell.manage("sweep", "--dry-run")
        return warning("files.orphans", title % values, detail, fix)
    if orphans:
        title = ngettext(
            "%(count)s stored file without an owner",
            "%(count)s stored files without an owner",
            orphans,
        )
        return warning("files.orphans", title % {"count": orphans}, fix=shell.manage("sweep"))
    if complete:
        return describe_no_orphans()
    title = _("All stored bytes belong to a file (%(count)s checked)")
    return ok("files.orphans", title % {"count": known})


def count_orphans(before: datetime) -> tuple[int, int, bool]:
    """Return how many stored paths no row names, how many one does, and if those are all."""
    end = time.monotonic() + SECONDS

    def is_over() -> bool:
        return time.monotonic() > end

    orphans = known = 0
    # Young bytes are not yielded, however many there are, so the listing itself must stop.
    for nameless, named in stored_batches(before, is_over):
        orphans += len(nameless)
        known += named
    return orphans, known, not is_over()


def describe_no_orphans() -> Finding:
    """Return the Finding for a storage without orphans; young bytes may belong to an upload."""
    young, _known, _complete = count_orphans(timezone.now() + backend.LONGEST_UPLOAD + SWEEP_AGE)
    if not young:
        return ok("files.orphans", _("All stored bytes belong to a file"))
    title = ngettext(
        "%(count)s stored file without a row is too young to judge: it may be an upload",
        "%(count)s stored files without a row are too young to judge: they may be uploads",
        young,
    )
    return ok("files.orphans", title % {"count": f"{young:,}"})


def check_sweep() -> Finding:
    """Return whether something has been waiting for a sweep for days."""
    before = timezone.now() - SWEEP_AGE
    parts = sum(1 for _part in islice(staging.list_staged(before), BATCH_SIZE))
    uploads = Upload.objects.filter(expires_at__lt=before)[:BATCH_SIZE].count()
    trash_end = before - timedelta(days=settings.TRASH_DAYS)
    trashed = File.objects.filter(deleted_at__lt=trash_end)[:BATCH_SIZE].count()
    deletions = sum(
        model.objects.filter(deletion_started_at__lt=before)[:BATCH_SIZE].count()
        for model in (get_user_model(), Session)
    )
    count = max(parts, uploads) + trashed + deletions
    if not count:
        return ok("files.swept", _("Expired uploads and the trash are swept"))
    title = ngettext(
        "%(count)s expired upload, trashed file or interrupted deletion has not been swept",
        "%(count)s expired uploads, trashed files or interrupted deletions have not been swept",
        count,
    )
    detail = _("Run the sweep every day.")
    return warning("files.swept", title % {"count": count}, detail, shell.manage("sweep"))
