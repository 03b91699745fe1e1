"""Uploads that may stop and go on: where their bytes and their rows meet.

The disk is believed up to what was synced, and the row says up to where that is; they
are brought together before anybody is told an offset.
"""

import contextlib
import hmac
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from camp.fs.filenames import clean_filename
from files.library import quota, versions
from files.models import Upload
from files.storage import backend
from files.uploads.content_types import media_type
from files.uploads.upload_parts import Appender, Part, hashes, kept_keys

BLOCK = 128 * 2**10  # bytes; of an upload about ten are in memory
# A row that was written so recently need not tell again that its upload lives on.
NOTED = timedelta(minutes=1)
FILE_HEADER = "Camp-File"  # of a response: the address of the finished file


class Gone(Exception):
    """The bytes of an upload are not there any more."""


class WrongContent(Exception):
    """All bytes are here, and are not those of the file that the client named."""


class WrongOffset(Exception):
    """A request begins elsewhere than where the bytes end."""


class WrongChecksum(Exception):
    """The bytes of a request are not those that the client had; none of them is kept."""


def create(*, user, length, filename, content_type="", metadata="", session=None, replaces=None):
    """Begin an upload of `length` bytes; returns the Upload. Raises OverQuota, OSError.

    Its bytes are those of a new file, or the new content of the File `replaces`.
    """
    filename = clean_filename(filename)
    upload = Upload(
        user=user,
        session=session,
        replaces=replaces,
        filename=filename,
        content_type=media_type(content_type, filename),
        metadata=metadata,
        length=length,
        expires_at=timezone.now() + settings.UPLOAD_EXPIRES,
    )
    part = Part(upload.pk)
    part.create()
    try:
        with quota.reserving(user.pk, length):
            upload.save(force_insert=True)
    except BaseException:
        part.remove()
        raise
    return upload


def settle(upload):
    """Return up to where the bytes of an upload are safe, in bytes, and remember it.

    Whoever was still writing is turned away. An upload that has all its bytes becomes a
    file, if it is none yet. Raises Gone, OSError.
    """
    if upload.file_id or upload.storage_path:
        finish(upload)
        return upload.length
    part = Part(upload.pk)
    try:
        # On a disk that takes nothing it can be told all the same: nobody else writes either.
        with contextlib.suppress(OSError):
            part.claim()
        size = part.size()
        if size != upload.offset:
            part.sync()
    except FileNotFoundError:
        raise Gone(upload.pk) from None
    note(upload, size)
    if size == upload.length:
        finish(upload)
    return size


def received_digest(upload):
    """Return the SHA-256 of the bytes that an upload has up to its offset; call `settle` first.

    Raises Gone, `parts.Superseded`, OSError.
    """
    if upload.storage_path:
        return bytes.fromhex(upload.sha256)
    try:
        return hashes.digest(Part(upload.pk), upload.offset)
    except FileNotFoundError:
        raise Gone(upload.pk) from None


def receive(upload, stream, *, offset, algorithm="", checksum=b""):
    """Take the bytes of a request into an upload; returns the new offset.

    `stream` has a `read(size)` which raises OSError when the client is cut off; then what
    came stays, unless a `checksum` of the whole request (a digest by hashlib's
    `algorithm`) was to be kept. Raises Gone, WrongOffset, WrongChecksum,
    `parts.Superseded`, OSError.
    """
    if settle(upload) != offset:
        raise WrongOffset(upload.offset)
    if offset < upload.length:
        part = Part(upload.pk)
        try:
            token = part.claim()
            # Another request may have written between the look and the claim.
            if part.size() != offset:
                raise WrongOffset(upload.pk)
            append(part, token, stream, upload, algorithm, checksum)
        except FileNotFoundError:
            raise Gone(upload.pk) from None
    if upload.offset == upload.length:
        finish(upload)
    return upload.offset


def append(part, token, stream, upload, algorithm, checksum):
    """Write what `stream` holds behind the part, and have the row tell of it."""
    start = upload.offset
    appender = Appender(part, token, start, algorithm)
    error = taken(appender, stream, upload.length - start)
    size = appender.size
    appender.remember()
    if algorithm and (error or not hmac.compare_digest(appender.checksum, checksum)):
        error = error or WrongChecksum()
        hashes.forget(part.key)
        part.truncate(start, token)
        size = start
    part.sync()
    if size == upload.length:
        upload.offset = size  # `finish` has the row tell of it
    else:
        note(upload, size)
    if error:
        raise error


def taken(appender, stream, left):
    """Give up to `left` bytes of a stream to an Appender, and end it.

    Returns the OSError that came before all of them, or None. Raises `parts.Superseded`.
    """
    error = None
    try:
        try:
            while left and (block := stream.read(min(left, BLOCK))):
                left -= len(block)
                appender.write(block)
        except OSError as cut:
            error = cut
            # What a last read got before the line broke: see camp.web.request_body.CutShort.
            if came := getattr(cut.__cause__, "arrived", b""):
                appender.write(came)
        finally:
            appender.end()
    except OSError as failed:
        error = failed
    return error


def note(upload, offset):
    """Have the row tell how far the bytes are, and live on for a while."""
    expires = timezone.now() + settings.UPLOAD_EXPIRES
    if offset == upload.offset and expires - upload.expires_at < NOTED:
        return
    upload.offset, upload.expires_at = offset, expires
    Upload.objects.filter(pk=upload.pk, file=None).update(
        offset=upload.offset, expires_at=upload.expires_at
    )


def finish(upload):
    """Make a File of an upload that has all its bytes; returns it, the same one each time.

    The row learns of the place before the bytes move there, and of the file after: a crash
    in between is mended by the next call. Raises Gone, WrongContent (then the upload is given
    up), OSError, and OverQuota where there is less room than at the start: the bytes stay until
    there is more, or the upload is over.
    """
    if upload.file_id:
        return upload.file
    part = Part(upload.pk)
    if not upload.storage_path:
        try:
            sha256 = hashes.digest(part, upload.length).hex()
        except FileNotFoundError:
            raise Gone(upload.pk) from None
        if not upload.may_hold(sha256):
            terminate(upload)
            raise WrongContent
        values = {
            "storage_path": backend.new_path(),
            "sha256": sha256,
            "offset": upload.length,
        }
        Upload.objects.filter(pk=upload.pk, storage_path="").update(**values)
        upload.refresh_from_db()
    try:
        backend.move_in(part.path, upload.storage_path, upload.sha256)
    except FileNotFoundError:
        if not backend.exists(upload.storage_path):
            raise Gone(upload.pk) from None
    file = insert(upload)
    part.remove()
    return file


def insert(upload):
    """Save the file of an upload, or what it replaces, unless another request has; returns it."""
    with quota.reserving(upload.user_id, 0):
        # Before the upload: whoever deletes the file comes from there, too.
        versions.locked(upload.replaces_id, upload.user_id)
        upload.refresh_from_db(from_queryset=Upload.objects.select_for_update(of=("self",)))
        if upload.file_id is None:
            upload.file, _outcome = versions.put(upload.as_file(), upload.replaces_id)
            upload.offset = upload.length
            upload.save(update_fields=["file", "offset"])
    return upload.file


def outcome(upload):
    """Return the `versions.Outcome` of an upload that was to replace a file and is finished."""
    if upload.file_id != upload.replaces_id:
        return versions.Outcome.ADDED
    same = upload.file.storage_path != upload.storage_path
    return versions.Outcome.SAME if same else versions.Outcome.REPLACED


def terminate(upload):
    """Give an upload up: its row and its bytes go, a file that it became stays."""
    part = Part(upload.pk)
    upload.delete()
    part.remove()


def expired(before, *, dry_run=False):
    """Remove uploads whose time is over, and parts untouched since `before` without a row.

    Returns how many of both there were. A file that an upload became stays.
    """
    over = list(Upload.objects.filter(expires_at__lt=timezone.now()))
    known = {str(key) for key in Upload.objects.values_list("pk", flat=True)}
    lost = [key for key in kept_keys(before) if key not in known]
    if not dry_run:
        for upload in over:
            terminate(upload)
        for key in lost:
            Part(key).remove()
    return sum(1 for upload in over if upload.file_id is None) + len(lost)
