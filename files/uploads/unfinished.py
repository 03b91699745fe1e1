"""Unfinished uploads: how much of each has arrived, and whether a browser can resume it."""

import re
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.utils import timezone

from camp.db.compiled_query import open_cursor
from files.models import File, Upload
from files.uploads import batches
from files.uploads.upload_parts import UploadPart

MAX_SHOWN = 50
MAX_RESUMABLE = 1000
# The upload page recognises a file that is chosen again by the time of its last change.
HAS_MODIFIED = re.compile(r"(?:^|,) *modified ")
HAS_REPLACES = re.compile(r"(?:^|,) *replaces ")
COUNT_UNFINISHED = (
    "SELECT count(*) FROM camp_uploads WHERE user_id = %s AND file_id IS NULL AND expires_at > %s"
)


@dataclass(frozen=True)
class UnfinishedUpload:
    """An Upload, and how many bytes of it have arrived."""

    upload: Upload
    arrived: int

    @property
    def percent(self) -> int:
        """Return how much has arrived; 100 only if that is all."""
        return int(100 * self.arrived // max(1, self.upload.length))

    @property
    def is_resumable_on_page(self) -> bool:
        """Return whether the upload page of a browser began it, which can resume it."""
        metadata = self.upload.metadata
        return bool(HAS_MODIFIED.search(metadata)) and not HAS_REPLACES.search(metadata)

    @property
    def replaced_file(self) -> File | None:
        """Return the file that it replaces, on whose page it can be resumed."""
        file = self.upload.replaces
        return file if file and not file.deleted_at else None


def list_unfinished(user: Any) -> list[UnfinishedUpload]:
    """Return a user's newest unfinished uploads, at most 50. One query."""
    uploads = Upload.objects.unfinished(user).select_related("session", "replaces")[:MAX_SHOWN]
    return [UnfinishedUpload(upload, arrived_bytes(upload)) for upload in uploads]


def count_unfinished(user: Any) -> int:
    """Return the number of a user's unfinished uploads.

    Each view of the file list asks: compiling the query would take a tenth of that page.
    """
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    with open_cursor(connection) as cursor:
        cursor.execute(COUNT_UNFINISHED, [user.pk, now])
        return int(cursor.fetchone()[0])


def arrived_bytes(upload: Upload) -> int:
    """Return how many bytes have arrived; after a crash that may be more than the row says."""
    if upload.storage_path:
        return int(upload.length)
    try:
        return UploadPart(upload.pk).size()
    except OSError:
        return 0


def describe_unfinished(user: Any) -> list[dict[str, Any]]:
    """Return a user's unfinished uploads for the script of the upload page, as JSON values."""
    return [
        {
            "url": upload.get_absolute_url(),
            "size": upload.length,
            "offset": upload.offset,
            "metadata": upload.metadata,
            "isBatchOpen": batches.is_open(upload.file_created_at),
        }
        for upload in Upload.objects.unfinished(user)[:MAX_RESUMABLE]
    ]
