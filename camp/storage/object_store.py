"""Where the bytes of files are kept: in a folder or in an object store."""

import errno
from typing import TYPE_CHECKING

from django.core.files.storage import FileSystemStorage, storages

if TYPE_CHECKING:
    from camp.storage.s3 import ObjectStore

OTHER = "other"


class StoreError(OSError):
    """A request to the object store failed; `why` is one of the reasons in `camp.storage.s3`."""

    def __init__(self, strerror: str, why: str = OTHER) -> None:
        super().__init__(errno.EIO, strerror)
        self.why = why


def object_store() -> "ObjectStore | None":
    """Return the `camp.storage.s3.ObjectStore` that keeps the bytes, or None for a folder."""
    store = storages["default"]
    return None if isinstance(store, FileSystemStorage) else store
