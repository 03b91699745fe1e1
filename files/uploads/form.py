"""Files of a form: streamed into staging while the form arrives, then saved with their rows."""

import collections
import contextlib
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol, cast

from django.conf import settings
from django.core.exceptions import TooManyFilesSent
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, SkipFile
from django.db import connection
from django.http.multipartparser import exhaust
from django.utils import timezone

from camp.fs.filenames import clean_filename, clean_folder
from files.content_types import media_type
from files.library import quota, versions
from files.models import File, Reservation
from files.storage import backend, staging
from files.uploads.batches import at_position
from files.uploads.path_parser import PathKeepingParser
from files.uploads.refusals import Refusal
from sessions_app.access import lock_session_to_add

FIELD = "files"
BATCH_SIZE = 500  # rows of one INSERT
TOUCH_EVERY = 300  # seconds
# Files of one form that are being synced at once.
MAX_SYNCING = 32


class Staged(Protocol):
    """A file in staging, and what its sender says of it: a StagedFile or a StagedUpload."""

    staged: staging.StagedBytes
    name: str
    folder: str
    content_type: str


@dataclass
class StagedUpload:
    """A file in staging that did not come by a form."""

    staged: staging.StagedBytes
    name: str
    content_type: str = ""
    folder: str = ""


class StagedFile(UploadedFile):
    """A file of `request.FILES` whose bytes are in staging.

    Django closes it when the request ends; bytes that were not kept by then are removed.
    """

    def __init__(
        self, staged: staging.StagedBytes, name: str, folder: str, content_type: str
    ) -> None:
        super().__init__(None, name, content_type, staged.size)
        self.staged, self.folder = staged, folder

    def close(self) -> None:
        """Remove the bytes, unless they were kept."""
        self.staged.discard()


class StagingHandler(FileUploadHandler):
    """Write the files of the field `files` to staging, none beyond MAX_UPLOAD_SIZE.

    A file that cannot be stored is skipped and added to `refusals`; the others go on. Files of
    other fields are ignored. Must be the request's only handler.
    """

    chunk_size = 128 * 2**10

    def __init__(self, request: Any = None) -> None:
        super().__init__(request)
        self.refusals: list[Refusal] = []
        self.reservation: Reservation | None = None
        self._current: staging.StagedBytes | None = None
        self._folder = ""  # of the current file
        self._complete: list[staging.StagedBytes] = []
        self._complete_bytes = 0
        self._syncing: collections.deque[Future[tuple[int, str]]] = collections.deque()
        self._touched_at = time.monotonic()
        self._is_parsing = False
        self._is_disk_full = False

    def handle_raw_input(
        self, input_data: Any, META: Any, content_length: int, boundary: Any, encoding: Any = None
    ) -> Any:
        """Parse the form; returns its fields and files. Nothing stays of a broken one."""
        if self._is_parsing:
            return None
        self._is_parsing = True
        # Refuse at once rather than fill the disk first.
        with contextlib.suppress(OSError):
            self._is_disk_full = content_length > backend.free_bytes()
        self.reservation = quota.reserve_up_to(self.request.user.pk, content_length)
        parser = PathKeepingParser(META, input_data, [self], encoding)
        try:
            return parser.parse()
        except TooManyFilesSent:
            exhaust(input_data)
            self.refusals = [Refusal.too_many()]
            parser._files.clear()
            return parser._post, parser._files
        finally:
            self._discard_current()

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """Begin a file; raises SkipFile."""
        super().new_file(*args, **kwargs)
        path: str = args[1]
        self.file_name = clean_filename(path)
        if self.field_name != FIELD:
            raise SkipFile
        try:
            self._folder = clean_folder(path)
        except ValueError:
            self._refuse(Refusal.long_folder(self.file_name))
        if self._is_disk_full:
            self._refuse(Refusal.no_room(self.file_name))
        try:
            self._current = staging.StagedBytes()
        except OSError as error:
            self._refuse(Refusal.failed(self.file_name, error))

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Write the next bytes of the current file; raises SkipFile."""
        staged = cast(staging.StagedBytes, self._current)
        self._touch_complete()
        size = staged.size + len(raw_data)
        if size > settings.MAX_UPLOAD_SIZE:
            self._refuse(Refusal.too_large(self.file_name))
        if self.reservation is not None and self._complete_bytes + size > self.reservation.size:
            left = max(0, self.reservation.size - self._complete_bytes)
            self._refuse(Refusal.over_quota(self.file_name, left))
        try:
            staged.write(raw_data)
        except OSError as error:
            self._refuse(Refusal.failed(self.file_name, error))

    def file_complete(self, file_size: int) -> StagedFile | None:
        """Return the current file; its bytes are synced while the next ones arrive."""
        staged = cast(staging.StagedBytes, self._current)
        try:
            staged.flush()
        except OSError as error:
            self._discard_current()
            self.refusals.append(Refusal.failed(self.file_name, error))
            return None
        self._current = None
        self._complete.append(staged)
        self._complete_bytes += staged.size
        self._syncing.append(staged.finish_in_background())
        if len(self._syncing) > MAX_SYNCING:
            wait([self._syncing.popleft()])
        return StagedFile(staged, self.file_name, self._folder, self.content_type)

    def upload_interrupted(self) -> None:
        """Refuse the file during which the form ended."""
        if self._current is not None:
            self._discard_current()
            self.refusals.append(Refusal.incomplete(self.file_name))

    def release(self) -> None:
        """Release the reserved room; call it once the files have their rows."""
        quota.release(self.reservation)

    def _touch_complete(self) -> None:
        """Keep the sweep from removing files that wait for the last one of a slow form."""
        if time.monotonic() - self._touched_at > TOUCH_EVERY:
            self._touched_at = time.monotonic()
            for staged in self._complete:
                staged.touch()
            if self.reservation is not None:
                quota.renew(self.reservation)

    def _refuse(self, refusal: Refusal) -> NoReturn:
        self._discard_current()
        self.refusals.append(refusal)
        raise SkipFile

    def _discard_current(self) -> None:
        staged, self._current = self._current, None
        if staged is not None:
            staged.discard()


def check_connection() -> None:
    """Reconnect to the database if need be: reading a form may take an hour."""
    if not connection.in_atomic_block:
        connection.close_if_unusable_or_obsolete()


def store(
    *,
    user: Any,
    staged: staging.StagedBytes,
    filename: str,
    content_type: str = "",
    session: Any = None,
) -> File:
    """Keep staged bytes as a file of the user's, in `session` if given; returns the File.

    Raises OSError if the disk cannot take them, OverQuota, or what the database raises; then
    nothing stays.
    """
    upload = StagedUpload(staged, filename, content_type)
    files, failed = store_all(user=user, uploads=[upload], session=session)
    if failed:
        raise failed[0][1]
    return files[0]


def store_all(
    *,
    user: Any,
    uploads: Iterable[Staged],
    session: Any = None,
    reservation: Reservation | None = None,
) -> tuple[list[File], list[tuple[Staged, Exception]]]:
    """Keep several uploads, with one round of syncing and one transaction.

    First the bytes are on the disk under their final path, then come the rows: a crash in between
    leaves bytes that the sweep removes, never a row without bytes. Lists show them in this order.
    `reservation` is the room that was reserved for them. Returns the new Files, and (upload,
    OSError or OverQuota) for those that could not be stored.
    """
    finished, failed = finish_staged(uploads)
    try:
        paths = staging.keep_all([upload.staged for upload in finished])
    except OSError as error:
        for upload in finished:
            upload.staged.discard()
        return [], failed + [(upload, error) for upload in finished]
    rows = [build_file(user, *each, session) for each in zip(finished, paths, strict=True)]
    now = timezone.now()
    for position, row in enumerate(rows):
        row.created_at = at_position(now, position)
    files, refused = insert_files(user, rows, session, reservation)
    upload_at = dict(zip(paths, finished, strict=True))
    failed += [(upload_at[path], over_quota) for path, over_quota in refused.items()]
    return files, failed


def replace(
    *, file: File, upload: Staged, reservation: Reservation | None = None
) -> tuple[File, versions.Outcome]:
    """Replace the content of a file by an upload; returns the File and the Outcome.

    What the file held becomes its latest Version; if it is in the trash by now, the bytes become
    a new file. Raises as `store` does; then the file is as it was.
    """
    _finished, failed = finish_staged([upload])
    if failed:
        raise failed[0][1]
    try:
        path = staging.keep(upload.staged)
    except OSError:
        upload.staged.discard()
        raise
    new = build_file(file.user, upload, path, file.session)
    with versions.rows_for_bytes([path]):
        new.session = lock_session_to_add(file.user_id, new.session)
        with quota.reserve(file.user_id, new.size, reservation):
            kept, outcome = versions.save_or_replace(new, file.pk)
    quota.forget_usage(kept.user_id)
    return kept, outcome


def finish_staged(
    uploads: Iterable[Staged],
) -> tuple[list[Staged], list[tuple[Staged, Exception]]]:
    """Bring the bytes of all uploads to the disk; returns those done, and those that failed."""
    finished: list[Staged] = []
    failed: list[tuple[Staged, Exception]] = []
    for upload in uploads:
        try:
            upload.staged.finish()
            finished.append(upload)
        except OSError as error:
            upload.staged.discard()
            failed.append((upload, error))
    return finished, failed


def build_file(user: Any, upload: Staged, path: str, session: Any) -> File:
    """Return the File of an upload whose bytes are at `path`, not saved."""
    filename = clean_filename(upload.name)
    return File(
        user=user,
        filename=filename,
        folder=upload.folder or None,
        content_type=media_type(upload.content_type, filename),
        size=upload.staged.size,
        sha256=upload.staged.sha256,
        storage_path=path,
        session=session,
    )


def insert_files(
    user: Any, rows: Sequence[File], session: Any, reservation: Reservation | None
) -> tuple[list[File], dict[str, quota.OverQuota]]:
    """Save those rows of a user for which there is room, in one short transaction.

    They are outside the session if the user may not add to it any more. Returns them, and
    {storage path: OverQuota} for the others, whose bytes are removed.
    """
    fitting: list[File] = []
    refused: dict[str, quota.OverQuota] = {}
    if not rows:
        return fitting, refused
    with versions.rows_for_bytes([row.storage_path for row in rows]):
        session = lock_session_to_add(user.pk, session)
        left = quota.lock_and_get_room(user.pk, reservation)
        for row in rows:
            row.session = session
            if left is not None and row.size > left:
                refused[row.storage_path] = quota.OverQuota(max(0, left))
                continue
            fitting.append(row)
            left = None if left is None else left - row.size
        File.objects.bulk_create(fitting, batch_size=BATCH_SIZE)
        if session is not None and fitting:
            session.touch()
    for path in refused:
        backend.remove(path)
    quota.forget_usage(user.pk)
    return fitting, refused
