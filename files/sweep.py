"""Delete what nobody can reach any more: orphaned bytes, expired uploads, old trash."""

from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice

from django.conf import settings
from django.utils import timezone

from camp.web.external_references import StillReferenced, atomic_deletion
from files.library import quota, shares
from files.models import File, Upload, Version
from files.storage import backend, staging
from files.uploads import resumable
from sessions_app.models import Session

BATCH_SIZE = 500
# This many orphans may always be removed: they need not be another database's bytes.
FEW_ORPHANS = 100
# Bytes that changed more recently may belong to an upload that is under way.
MIN_AGE = timedelta(hours=1)
# An upload to an object store that began longer ago was abandoned.
ABANDONED_AFTER = timedelta(days=2)


class ForeignStorage(Exception):
    """The storage has far more bytes without a row than with one."""

    def __init__(self, orphans, known):
        super().__init__(orphans, known)
        self.orphans, self.known = orphans, known


@dataclass
class SweepResult:
    """How much a sweep removed, or would have."""

    staged: int = 0
    orphans: int = 0
    files: int = 0
    sessions: int = 0
    # Foreign tables (not Camp's) whose rows refer to things in the trash.
    referencing_tables: set[str] = field(default_factory=set)


def sweep(*, older_than=MIN_AGE, dry_run=False, force=False):
    """Do as `sweep_bytes`, and empty the trash of what is older than TRASH_DAYS."""
    result = sweep_bytes(older_than=older_than, dry_run=dry_run, force=force)
    expired = timezone.now() - timedelta(days=settings.TRASH_DAYS)
    trashed = [model.objects.filter(deleted_at__lt=expired) for model in (File, Session)]
    result.files, result.sessions = [
        rows.count() if dry_run else purge(rows, result.referencing_tables) for rows in trashed
    ]
    return result


def sweep_bytes(*, older_than=MIN_AGE, dry_run=False, force=False):
    """Remove bytes that belong to no file and no upload; returns a SweepResult.

    These are staged bytes and stored bytes without a row, if unchanged for `older_than`, and
    resumable uploads that have expired. If most stored bytes have no row, another database may own
    them: raises ForeignStorage before anything is removed, unless `force`.
    """
    before = timezone.now() - older_than
    orphans = known = 0
    for unnamed, named in stored_batches(before):
        orphans += len(unnamed)
        known += named
    if orphans > max(FEW_ORPHANS, known) and not force:
        raise ForeignStorage(orphans, known)
    staged = list(staging.list_staged(before))
    if not dry_run:
        for path in staged:
            staging.remove_staged(path)
        # Listed again rather than kept: there may be a great many.
        for unnamed, _named in stored_batches(before) if orphans else ():
            for path in unnamed:
                backend.remove(path)
        backend.abort_uploads(timezone.now() - ABANDONED_AFTER)
        quota.remove_expired_reservations()
        shares.remove_expired_receipts()
    return SweepResult(len(staged) + resumable.remove_expired(before, dry_run=dry_run), orphans)


def stored_batches(before):
    """Yield (paths without a row, number of paths with one) for batches of stored paths.

    Only bytes that have not changed since `before` count.
    """
    paths = backend.list_paths(before)
    while batch := list(islice(paths, BATCH_SIZE)):
        named = named_paths(batch)
        yield [path for path in batch if path not in named], len(named)


def named_paths(paths):
    """Return those of some storage paths that a row names, as a set.

    One query, so that bytes are found that move from one table to another meanwhile.
    """
    # The bytes of an upload are in the storage before there is a file.
    each = [
        model.objects.order_by().filter(storage_path__in=paths).values_list("storage_path")
        for model in (File, Version, Upload)
    ]
    return {path for (path,) in each[0].union(*each[1:])}


def purge(things, referencing_tables=None):
    """Delete the rows of a queryset that are in the trash, for good; returns how many.

    The bytes of files are removed when a batch is committed. A row to which a foreign table refers
    stays: the name of the table is added to the set `referencing_tables`; without a set
    StillReferenced is raised.
    """
    trashed = things.filter(deleted_at__isnull=False).order_by("pk")
    count = last = 0
    while keys := list(trashed.filter(pk__gt=last).values_list("pk", flat=True)[:BATCH_SIZE]):
        count += purge_batch(things, keys, referencing_tables)
        last = keys[-1]
    return count


def purge_batch(things, keys, referencing_tables):
    """Do the same for some keys in one transaction; key by key if some are referenced."""
    try:
        with atomic_deletion():
            # Locked, so that none of them can be restored meanwhile.
            locked = things.select_for_update().filter(pk__in=keys, deleted_at__isnull=False)
            found = list(locked.values_list("pk", flat=True))
            things.model.objects.filter(pk__in=found).delete()
        return len(found)
    except StillReferenced as error:
        if referencing_tables is None:
            raise
        if len(keys) == 1:
            referencing_tables.update(error.tables)
            return 0
    return sum(purge_batch(things, [key], referencing_tables) for key in keys)
