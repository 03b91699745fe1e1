"""Delete what nobody can reach any more: orphaned bytes, expired uploads, old trash."""

from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice

from django.conf import settings
from django.contrib.auth import get_user_model
from django.utils import timezone

from accounts import lifecycle
from camp.web.batch_deletion import delete_in_batches, finish_deletions, purge
from files.library import quota, shares
from files.models import File, Upload, Version
from files.storage import backend, staging
from files.uploads import resumable
from sessions_app.models import Message, Session

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
    messages: int = 0
    # Deletions that were interrupted.
    unfinished: int = 0
    # Foreign tables (not Camp's) whose rows refer to things in the trash.
    referencing_tables: set[str] = field(default_factory=set)


def sweep(*, older_than=MIN_AGE, dry_run=False, force=False):
    """Do as `sweep_bytes`, empty the trash of what is older than TRASH_DAYS, finish deletions."""
    result = sweep_bytes(older_than=older_than, dry_run=dry_run, force=force)
    tables = result.referencing_tables
    result.unfinished = finish_all_deletions(tables, dry_run=dry_run)
    expired = timezone.now() - timedelta(days=settings.TRASH_DAYS)
    models = (File, Session, Message)
    trashed = [model.objects.filter(deleted_at__lt=expired) for model in models]
    result.files, result.sessions, result.messages = [
        rows.count() if dry_run else purge(rows, tables, in_background=False) for rows in trashed
    ]
    finish_all_deletions(tables, dry_run=dry_run)
    return result


def finish_all_deletions(referencing_tables, *, dry_run):
    """Delete the accounts and sessions whose deletion was interrupted; returns how many."""
    marked = [(get_user_model(), lifecycle.delete_marked), (Session, delete_session)]
    if dry_run:
        return sum(
            model.objects.filter(deletion_started_at__isnull=False).count() for model, _ in marked
        )
    return sum(finish_deletions(model, delete, referencing_tables) for model, delete in marked)


def delete_session(pk):
    """Return the steps that delete a session."""
    return delete_in_batches(Session, [pk])


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


def stored_batches(before, must_stop=None):
    """Yield (paths without a row, number of paths with one) for batches of stored paths.

    Only bytes that have not changed since `before` count. It ends early once `must_stop()` is true.
    """
    paths = backend.list_paths(before, must_stop)
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
