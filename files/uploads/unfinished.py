"""Uploads that stopped: how far each is, and whether a browser can go on with it."""

import re
from dataclasses import dataclass

from files.models import Upload
from files.uploads.upload_parts import Part

SHOWN = 50
TOLD = 1000
# By the time of its last change the page knows the file again that somebody chooses.
KNOWN_AGAIN = re.compile(r"(?:^|,) *modified ")
REPLACES = re.compile(r"(?:^|,) *replaces ")


@dataclass(frozen=True)
class Unfinished:
    """An Upload, and how many bytes of it are here."""

    upload: Upload
    arrived: int

    @property
    def percent(self):
        """Return how much of it is here; 100 only if that is all."""
        return 100 * self.arrived // max(1, self.upload.length)

    @property
    def by_page(self):
        """Return whether it was begun by the upload page of a browser, which can go on with it."""
        metadata = self.upload.metadata
        return bool(KNOWN_AGAIN.search(metadata)) and not REPLACES.search(metadata)

    @property
    def replaced(self):
        """Return the file that it replaces, on whose page it can go on, or None."""
        file = self.upload.replaces
        return file if file and not file.deleted_at else None


def shown(user):
    """Return the newest unfinished uploads of a person, at most 50, as a list. One query."""
    uploads = Upload.objects.unfinished(user).select_related("session", "replaces")[:SHOWN]
    return [Unfinished(upload, arrived(upload)) for upload in uploads]


def arrived(upload):
    """Return how many bytes are here; after a crash these are more than the row knows of."""
    if upload.storage_path:
        return upload.length
    try:
        return Part(upload.pk).size()
    except OSError:
        return 0


def told(user):
    """Return the same for the upload page, which compares them with what is chosen there."""
    return [
        {
            "url": upload.get_absolute_url(),
            "size": upload.length,
            "offset": upload.offset,
            "metadata": upload.metadata,
        }
        for upload in Upload.objects.unfinished(user)[:TOLD]
    ]
