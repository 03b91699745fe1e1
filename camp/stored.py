"""Where the bytes of files are: in a folder, or in an object store."""

from django.core.files.storage import FileSystemStorage, storages


def object_store():
    """Return the `camp.object_store.ObjectStore` that keeps the bytes; None for a folder."""
    store = storages["default"]
    return None if isinstance(store, FileSystemStorage) else store
