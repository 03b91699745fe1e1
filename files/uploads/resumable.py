"""Uploads by tus: where the bytes of an UploadPart and the row of an Upload meet.

Bytes count once they are synced, and the row says how many those are. After a crash both are
brought in line before a client is told an offset.
"""

import contextlib
import hashlib
import hmac
import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from camp.fs.filenames import clean_filename
from files.content_types import media_type
from files.library import quota, versions
from files.models import File, Upload
from files.storage import backend, staging
from files.uploads.upload_parts import PartAppender, UploadPart, hashes, list_keys
from sessions_app.access import lock_session_to_add

FILE_HEADER = "Camp-File"  # of a response: the address of the finished file
BLOCK_SIZE = 128 * 2**10  # bytes
# An upload of up to this size (bytes) that comes in one request needs no UploadPart.
LARGEST_SINGLE_REQUEST = 256 * 2**10
# A row is not updated again for a later expiry alone within this time.
EXPIRY_TOLERANCE = timedelta(minutes=1)
ID_NAMESPACE = uuid.UUID("0b0f8ab5-2b5c-4a52-9d5b-5d0a4d9f9a55")


class Stream(Protocol):
    """The body of a request; `read` raises OSError when the client is cut off."""

    def read(self, size: int, /) -> bytes: ...


class PartMissing(Exception):
    """The bytes of an upload are gone."""


class WrongContent(Exception):
    """All bytes have arrived, but their SHA-256 is not the one that the client announced."""


class WrongOffset(Exception):
    """A request begins elsewhere than where the bytes end."""


class WrongChecksum(Exception):
    """The bytes of a request do not match their checksum; none of them is kept."""


def create(*, length: int, **fields: Any) -> Upload:
    """Begin an upload of `length` bytes; raises OverQuota, OSError.

    `fields` are those of `build_upload`.
    """
    upload = build_upload(length=length, **fields)
    part = UploadPart(upload.pk)
    part.create()
    try:
        with quota.reserve(upload.user_id, length):
            upload.save(force_insert=True)
    except BaseException:
        part.remove()
        raise
    return upload


def build_upload(*, filename: str, content_type: str = "", **fields: Any) -> Upload:
    """Return an Upload, not saved, with a cleaned name and type and a time to expire."""
    filename = clean_filename(filename)
    return Upload(
        filename=filename,
        content_type=media_type(content_type, filename),
        expires_at=timezone.now() + settings.UPLOAD_EXPIRES,
        **fields,
    )


def receive_single_request(stream: Stream, *, key: str = "", length: int, **fields: Any) -> Upload:
    """Store a small upload whose first request brings all `length` bytes; returns the Upload.

    There is no part, and one commit: nobody could resume it, since its address is told only at
    the end. But the answer may be lost. So a client may name the upload by a `key`: the same key
    with the same bytes is the same upload, and makes no second file. `fields` are those of
    `build_upload`. Raises OverQuota, WrongContent, OSError; then nothing stays.
    """
    content = stream.read(length) if length else b""
    digest = hashlib.sha256(content).hexdigest()
    user = fields["user"]
    pk = uuid.uuid5(ID_NAMESPACE, f"{user.pk} {digest} {key}") if key else uuid.uuid4()
    if key and (earlier := get_finished(pk, user)):
        return earlier
    upload = build_upload(pk=pk, length=length, offset=length, sha256=digest, **fields)
    if not upload.accepts(digest):
        raise WrongContent
    upload.storage_path = store_content(content)
    try:
        with versions.rows_for_bytes([upload.storage_path]):
            upload.session = lock_session_to_add(upload.user_id, upload.session)
            with quota.reserve(upload.user_id, length):
                new = upload.as_file()
                upload.file, _outcome = versions.save_or_replace(new, upload.replaces_id)
                upload.save(force_insert=True)
    except IntegrityError:
        # The same upload, sent twice at once.
        if earlier := get_finished(pk, user):
            return earlier
        raise
    return upload


def get_finished(pk: uuid.UUID, user: Any) -> Upload | None:
    """Return a user's finished upload, or None."""
    finished = Upload.objects.filter(pk=pk, user=user, file__isnull=False)
    return finished.select_related("file").first()


def store_content(content: bytes) -> str:
    """Put bytes into the storage; returns their storage path. Raises OSError."""
    staged = staging.StagedBytes()
    try:
        staged.write(content)
        staged.finish()
        return staging.keep(staged)
    except BaseException:
        staged.discard()
        raise


def recover_offset(upload: Upload) -> int:
    """Return how many bytes of an upload are safe, and save that in its row.

    A request that is still writing loses its lease. An upload that has all its bytes becomes a
    file, if it is none yet. Raises PartMissing, OSError.
    """
    if upload.file_id or upload.storage_path:
        finish(upload)
        return upload.length
    part = UploadPart(upload.pk)
    try:
        # A full disk refuses the claim, but then no other request can write either.
        with contextlib.suppress(OSError):
            part.claim()
        size = part.size()
        if size != upload.offset:
            part.sync()
    except FileNotFoundError:
        raise PartMissing(upload.pk) from None
    save_offset(upload, size)
    if size == upload.length:
        finish(upload)
    return size


def received_digest(upload: Upload) -> bytes:
    """Return the SHA-256 of the bytes up to the offset; call `recover_offset` first.

    Raises PartMissing, Superseded, OSError.
    """
    if upload.storage_path:
        return bytes.fromhex(upload.sha256)
    try:
        return hashes.digest(UploadPart(upload.pk), upload.offset)
    except FileNotFoundError:
        raise PartMissing(upload.pk) from None


def receive(
    upload: Upload, stream: Stream, *, offset: int, algorithm: str = "", checksum: bytes = b""
) -> int:
    """Append the body of a request to an upload; returns the new offset.

    If the client is cut off, what has arrived stays, unless the body has a `checksum` (a digest
    by hashlib's `algorithm`). Raises PartMissing, WrongOffset, WrongChecksum, Superseded, OSError.
    """
    if recover_offset(upload) != offset:
        raise WrongOffset(upload.offset)
    if offset < upload.length:
        part = UploadPart(upload.pk)
        try:
            token = part.claim()
            # Another request may have written before the claim.
            if part.size() != offset:
                raise WrongOffset(upload.pk)
            append(part, token, stream, upload, algorithm, checksum)
        except FileNotFoundError:
            raise PartMissing(upload.pk) from None
    if upload.offset == upload.length:
        finish(upload)
    return upload.offset


def append(
    part: UploadPart,
    token: bytes,
    stream: Stream,
    upload: Upload,
    algorithm: str,
    checksum: bytes,
) -> None:
    """Append what `stream` holds to the part, sync it, and save the new offset."""
    start = upload.offset
    appender = PartAppender(part, token, start, algorithm)
    error = copy_stream(stream, appender, upload.length - start)
    size = appender.size
    if algorithm and (error or not hmac.compare_digest(appender.checksum, checksum)):
        error = error or WrongChecksum()
        hashes.forget(part.key)
        part.truncate(start, token)
        size = start
    part.sync()
    if size == upload.length:
        upload.offset = size  # `finish` saves it
    else:
        save_offset(upload, size)
    if error:
        raise error


def copy_stream(stream: Stream, appender: PartAppender, left: int) -> Exception | None:
    """Copy up to `left` bytes to an appender, and close it; return the error that interrupted it.

    Raises Superseded.
    """
    error: Exception | None = None
    try:
        try:
            while left and (block := stream.read(min(left, BLOCK_SIZE))):
                left -= len(block)
                appender.write(block)
        except OSError as cut:
            error = cut
            # What the last read had got: see camp.web.request_body.CutShort.
            if arrived := getattr(cut.__cause__, "arrived", b""):
                appender.write(arrived)
        finally:
            appender.close()
    except OSError as failed:
        error = failed
    return error


def save_offset(upload: Upload, offset: int) -> None:
    """Save how many bytes are safe, and put off the expiry."""
    expires = timezone.now() + settings.UPLOAD_EXPIRES
    if offset == upload.offset and expires - upload.expires_at < EXPIRY_TOLERANCE:
        return
    upload.offset, upload.expires_at = offset, expires
    Upload.objects.filter(pk=upload.pk, file=None).update(
        offset=upload.offset, expires_at=upload.expires_at
    )


def finish(upload: Upload) -> File:
    """Make a File of an upload that has all its bytes; returns the same one each time.

    The row gets the storage path before the bytes move there, and the file after: the next call
    repairs a crash in between. Raises PartMissing, WrongContent (then the upload is removed),
    OSError, and OverQuota if there is less room than at the start: the bytes then stay until
    there is room, or the upload expires.
    """
    if upload.file_id:
        return upload.file
    part = UploadPart(upload.pk)
    if not upload.storage_path:
        assign_storage_path(upload, part)
    try:
        staging.move_in(part.path, upload.storage_path, upload.sha256)
    except FileNotFoundError:
        if not backend.exists(upload.storage_path):
            raise PartMissing(upload.pk) from None
    file = save_file(upload)
    part.remove()
    return file


def assign_storage_path(upload: Upload, part: UploadPart) -> None:
    """Save where the bytes of an upload will be, unless another request has."""
    try:
        sha256 = hashes.digest(part, upload.length).hex()
    except FileNotFoundError:
        raise PartMissing(upload.pk) from None
    if not upload.accepts(sha256):
        terminate(upload)
        raise WrongContent
    values: Mapping[str, Any] = {
        "storage_path": backend.new_path(),
        "sha256": sha256,
        "offset": upload.length,
    }
    Upload.objects.filter(pk=upload.pk, storage_path="").update(**values)
    upload.refresh_from_db()


def save_file(upload: Upload) -> File:
    """Save the file of an upload, or what it replaces, unless another request has; returns it.

    It is outside the session if the user may not add to it any more.
    """
    with transaction.atomic():
        session = lock_session_to_add(upload.user_id, upload.session)
        with quota.reserve(upload.user_id, 0):
            # Before the upload: deleting a file locks it first, too.
            versions.lock_file(upload.replaces_id, upload.user_id)
            upload.refresh_from_db(from_queryset=Upload.objects.select_for_update(of=("self",)))
            if upload.file_id is None:
                new = upload.as_file()
                # A session that was handed over may have left its uploads behind.
                new.session = session if upload.session_id else None
                upload.file, _outcome = versions.save_or_replace(new, upload.replaces_id)
                upload.offset = upload.length
                upload.save(update_fields=["file", "offset"])
    return upload.file


def replacement_outcome(upload: Upload) -> versions.Outcome:
    """Return the Outcome of a finished upload that was to replace a file."""
    if upload.file_id != upload.replaces_id:
        return versions.Outcome.ADDED
    is_same = upload.file.storage_path != upload.storage_path
    return versions.Outcome.SAME if is_same else versions.Outcome.REPLACED


def terminate(upload: Upload) -> None:
    """Remove the row and the bytes of an upload; a file that it became stays."""
    part = UploadPart(upload.pk)
    upload.delete()
    part.remove()


def remove_expired(before: datetime, *, dry_run: bool = False) -> int:
    """Remove expired uploads, and parts without a row that are unchanged since `before`.

    Returns how many of both there were. A file that an upload became stays.
    """
    expired = list(Upload.objects.filter(expires_at__lt=timezone.now()))
    known = {str(key) for key in Upload.objects.values_list("pk", flat=True)}
    lost = [key for key in list_keys(before) if key not in known]
    if not dry_run:
        for upload in expired:
            terminate(upload)
        for key in lost:
            UploadPart(key).remove()
    return sum(1 for upload in expired if upload.file_id is None) + len(lost)
