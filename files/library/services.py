"""Where bytes and rows meet: storing, moving, and sweeping up."""

from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from camp.fs.filenames import clean_filename
from camp.web.external_references import StillReferenced, atomic_deletion
from files.library import quota, usage, versions
from files.models import File, Reservation, Upload, Version
from files.serving import receipts
from files.storage import backend
from files.uploads import resumable
from files.uploads.content_types import media_type
from sessions_app.models import Session

BATCH = 500
# So few orphans are never taken for somebody else's storage.
FEW = 100
# Bytes that were written to more recently may belong to something under way.
UNTOUCHED = timedelta(hours=1)
# An upload to an object store that began so long ago is not under way any more.
ABANDONED = timedelta(days=2)


class ForeignStorage(Exception):
    """The storage holds far more bytes without a row than with one."""

    def __init__(self, orphans, known):
        super().__init__(orphans, known)
        self.orphans, self.known = orphans, known


@dataclass
class Incoming:
    """Bytes in staging and what their sender says of them."""

    staged: backend.Staged
    name: str
    content_type: str = ""


def store(*, user, staged, filename, content_type="", session=None):
    """Keep staged bytes as a file of the user's, in `session` if given; returns the File.

    First the bytes are on the disk under their final name, then comes the row: a crash
    in between leaves bytes that the sweep removes, never a row without bytes. Raises
    OSError if the disk cannot take them, OverQuota, or what the database raises; then
    nothing stays.
    """
    upload = Incoming(staged, filename, content_type)
    files, failed = store_all(user=user, uploads=[upload], session=session)
    if failed:
        raise failed[0][1]
    return files[0]


def replace(*, file, upload, reservation=None):
    """Have a file hold the bytes of `upload` from now on; returns it and a `versions.Outcome`.

    `upload` is an Incoming, or anything with the same three attributes, for which there may
    be a `quota` reservation. What the file held
    becomes its latest Version; if it is in the trash by now, the bytes become a file of their
    own. Raises as `store` does; then the file is as it was.
    """
    _whole, failed = finished([upload])
    if failed:
        raise failed[0][1]
    try:
        path = backend.keep(upload.staged)
    except OSError:
        upload.staged.discard()
        raise
    new = row(file.user, upload, path, file.session)
    with writing([path]), quota.reserving(file.user_id, new.size, reservation):
        kept, outcome = versions.put(new, file.pk)
    usage.forget(kept.user_id)
    return kept, outcome


def store_all(*, user, uploads, session=None, reservation=None):
    """Do as `store` for many at once, in one round of syncing and one transaction.

    `uploads` are `Incoming`s or anything with the same three attributes, for which there may
    be a `quota` reservation. Returns the new Files, and a list of (upload, OSError or
    OverQuota) for those that the disk did not take, or for which there is no room.
    """
    whole, failed = finished(uploads)
    try:
        paths = backend.keep_all([upload.staged for upload in whole])
    except OSError as error:
        for upload in whole:
            upload.staged.discard()
        return [], failed + [(upload, error) for upload in whole]
    rows = [row(user, upload, path, session) for upload, path in zip(whole, paths, strict=True)]
    files, refused = insert(user, rows, session, reservation)
    upload_of = dict(zip(paths, whole, strict=True))
    failed += [(upload_of[path], error) for path, error in refused.items()]
    return files, failed


def finished(uploads):
    """Bring the bytes of all uploads to the disk; returns those done, and those that failed."""
    whole, failed = [], []
    for upload in uploads:
        try:
            upload.staged.finish()
            whole.append(upload)
        except OSError as error:
            upload.staged.discard()
            failed.append((upload, error))
    return whole, failed


def row(user, upload, path, session):
    """Return the File of an upload whose bytes are at `path`, not saved."""
    filename = clean_filename(upload.name)
    return File(
        user=user,
        filename=filename,
        content_type=media_type(upload.content_type, filename),
        size=upload.staged.size,
        sha256=upload.staged.sha256,
        storage_path=path,
        session=session,
    )


def insert(user, rows, session, reservation):
    """Save those rows of a user that there is room for, in one short transaction.

    Returns them, and {storage path: OverQuota} for the others; without a row the bytes go.
    """
    fitting, refused = [], {}
    if not rows:
        return fitting, refused
    with writing([row.storage_path for row in rows]):
        left = quota.locked_left(user.pk, reservation)
        for new in rows:
            if left is not None and new.size > left:
                refused[new.storage_path] = quota.OverQuota(max(0, left))
                continue
            fitting.append(new)
            left = None if left is None else left - new.size
        File.objects.bulk_create(fitting, batch_size=BATCH)
        if session is not None and fitting:
            session.touch()
    for path in refused:
        backend.remove(path)
    usage.forget(user.pk)
    return fitting, refused


@contextmanager
def writing(paths):
    """Within the block, write the rows of bytes that lie at `paths`: in one transaction.

    If that fails the bytes go.
    """
    written = False
    try:
        with transaction.atomic():
            yield
            written = True
    except BaseException as error:
        # A connection lost during COMMIT leaves it open whether the rows are there; then
        # the sweep will see. A refused COMMIT (the user is gone meanwhile) is certain.
        if not written or isinstance(error, IntegrityError):
            for path in paths:
                backend.remove(path)
        raise


def move_to_session(*, files, session):
    """Put a queryset of files into a session, or with None out of theirs; returns how many."""
    with transaction.atomic():
        count = files.update(session=session)
        if session is not None and count:
            session.touch()
    return count


@dataclass
class Swept:
    """How much a sweep removed, or would have."""

    staged: int = 0
    orphans: int = 0
    files: int = 0
    sessions: int = 0
    # Tables that are not Camp's, whose rows refer to things in the trash.
    held: set[str] = field(default_factory=set)


def sweep(*, older_than=UNTOUCHED, dry_run=False, force=False):
    """Remove what nobody can reach any more; returns a Swept.

    That is what `sweep_bytes` removes, and what lies in the trash for more than TRASH_DAYS.
    """
    swept = sweep_bytes(older_than=older_than, dry_run=dry_run, force=force)
    expired = timezone.now() - timedelta(days=settings.TRASH_DAYS)
    trashed = [model.objects.filter(deleted_at__lt=expired) for model in (File, Session)]
    swept.files, swept.sessions = [
        rows.count() if dry_run else purge(rows, swept.held) for rows in trashed
    ]
    return swept


def sweep_bytes(*, older_than=UNTOUCHED, dry_run=False, force=False):
    """Remove bytes that belong to no file and to no upload under way; returns a Swept.

    That is: staged bytes and bytes without a row, if untouched for `older_than`, and
    resumable uploads that nobody took up for UPLOAD_EXPIRES. Raises ForeignStorage, before
    anything is removed, where most stored bytes have no row: another database may own them
    (`force`).
    """
    before = timezone.now() - older_than
    orphans = known = 0
    for nameless, named in stored_batches(before):
        orphans += len(nameless)
        known += named
    if orphans > max(FEW, known) and not force:
        raise ForeignStorage(orphans, known)
    parts = list(backend.staged_parts(before))
    if not dry_run:
        for part in parts:
            backend.remove_staged(part)
        # Looked for again, not remembered: there may be a great many.
        for nameless, _named in stored_batches(before) if orphans else ():
            for path in nameless:
                backend.remove(path)
        backend.stop_uploads(timezone.now() - ABANDONED)
        Reservation.objects.filter(renewed_at__lt=timezone.now() - quota.FORGOTTEN).delete()
        receipts.remove_expired()
    return Swept(len(parts) + resumable.expired(before, dry_run=dry_run), orphans)


def stored_batches(before):
    """Yield, of a few stored paths older than `before` each, those that no row names.

    With them comes how many of the few have a row.
    """
    paths = backend.stored_paths(before)
    while batch := list(islice(paths, BATCH)):
        named = named_paths(batch)
        yield [path for path in batch if path not in named], len(named)


def named_paths(paths):
    """Return those of some storage paths that a row names, as a set.

    One query: bytes that go from one table to another meanwhile are seen in either.
    """
    # The bytes of an upload lie in their place before there is a file.
    each = [
        model.objects.order_by().filter(storage_path__in=paths).values_list("storage_path")
        for model in (File, Version, Upload)
    ]
    return {path for (path,) in each[0].union(*each[1:])}


def purge(things, held=None):
    """Delete rows of a queryset that are in the trash, for good; returns how many.

    The bytes of files follow when a batch is committed. What a table that is not Camp's refers
    to stays; the name of that table is added to `held`, a set, or else StillReferenced is raised.
    """
    trashed = things.filter(deleted_at__isnull=False).order_by("pk")
    count = last = 0
    while keys := list(trashed.filter(pk__gt=last).values_list("pk", flat=True)[:BATCH]):
        count += purge_batch(things, keys, held)
        last = keys[-1]
    return count


def purge_batch(things, keys, held):
    """Do the same for some keys, in one transaction, or for each in its own if some are held."""
    try:
        with atomic_deletion():
            # Locked, so that nobody restores one that is on its way out.
            locked = things.select_for_update().filter(pk__in=keys, deleted_at__isnull=False)
            found = list(locked.values_list("pk", flat=True))
            things.model.objects.filter(pk__in=found).delete()
        return len(found)
    except StillReferenced as error:
        if held is None:
            raise
        if len(keys) == 1:
            held.update(error.tables)
            return 0
    return sum(purge_batch(things, [key], held) for key in keys)
