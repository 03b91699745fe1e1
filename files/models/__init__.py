"""The tables of files; a topic a module."""

from files.models.files import File, FileQuerySet, FileRow, Version
from files.models.quotas import Quota, Reservation
from files.models.shares import Receipt, Share, new_nonce
from files.models.uploads import Upload

__all__ = [
    "File",
    "FileQuerySet",
    "FileRow",
    "Quota",
    "Receipt",
    "Reservation",
    "Share",
    "Upload",
    "Version",
    "new_nonce",
]
