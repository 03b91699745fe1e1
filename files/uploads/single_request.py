"""Small uploads whose first request brings all their bytes: one round of syncing, one commit.

Nobody could go on with one that broke, since its address is told when it is over. What
can happen is that only the answer is lost: a client that names the upload by a key of its
own may send it again, and no second file comes of it.
"""

import hashlib
import uuid

from django.conf import settings
from django.db import IntegrityError
from django.utils import timezone

from camp.fs.filenames import clean_filename
from files.library import quota, services, versions
from files.models import Upload
from files.storage import backend
from files.uploads.content_types import media_type
from files.uploads.resumable import WrongContent

LARGEST = backend.HELD
KEYS = uuid.UUID("0b0f8ab5-2b5c-4a52-9d5b-5d0a4d9f9a55")


def receive(stream, *, user, length, filename, content_type, metadata, session, replaces, key=""):
    """Take an upload of `length` bytes that `stream` holds; returns the Upload, which is finished.

    `key` is what its client calls it, or "": with the same key and the same bytes it is the
    same upload. Raises OverQuota, `resumable.WrongContent`, OSError; then nothing stays.
    """
    content = stream.read(length) if length else b""
    digest = hashlib.sha256(content).hexdigest()
    pk = uuid.uuid5(KEYS, f"{user.pk} {digest} {key}") if key else uuid.uuid4()
    if key and (earlier := finished(pk, user)):
        return earlier
    upload = Upload(
        pk=pk,
        user=user,
        session=session,
        replaces=replaces,
        filename=clean_filename(filename),
        content_type=media_type(content_type, filename),
        metadata=metadata,
        length=length,
        offset=length,
        expires_at=timezone.now() + settings.UPLOAD_EXPIRES,
    )
    if not upload.may_hold(digest):
        raise WrongContent
    upload.sha256, upload.storage_path = kept(content)
    try:
        insert(upload)
    except IntegrityError:
        # The same upload, sent again, was faster.
        if earlier := finished(pk, user):
            return earlier
        raise
    return upload


def finished(pk, user):
    """Return the finished Upload `pk` of a person, or None."""
    done = Upload.objects.filter(pk=pk, user=user, file__isnull=False)
    return done.select_related("file").first()


def kept(content):
    """Bring bytes into the storage; returns (SHA-256, storage path). Raises OSError."""
    staged = backend.Staged()
    try:
        staged.write(content)
        staged.finish()
        return staged.sha256, backend.keep(staged)
    except BaseException:
        staged.discard()
        raise


def insert(upload):
    """Save an upload with the File that it becomes; raises OverQuota, and then its bytes go."""
    with services.writing([upload.storage_path]), quota.reserving(upload.user_id, upload.length):
        upload.file, _outcome = versions.put(upload.as_file(), upload.replaces_id)
        upload.save(force_insert=True)
