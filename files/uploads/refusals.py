"""Files that were not stored, and why, in words."""

import errno
import logging
from dataclasses import dataclass

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from camp.templatetags.camp import readable_bytes
from files.library import quota

logger = logging.getLogger(__name__)

DISK_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}


@dataclass
class Refusal:
    """A file that was not stored: its name, an HTTP status, and the reason, translated."""

    name: str
    status: int
    message: str

    def __str__(self) -> str:
        return f"{self.name}: {self.message}" if self.name else self.message

    @classmethod
    def too_large(cls, name: str) -> "Refusal":
        """The file is larger than MAX_UPLOAD_SIZE."""
        size = readable_bytes(settings.MAX_UPLOAD_SIZE)
        return cls(name, 413, _("The file is larger than the limit of %(size)s.") % {"size": size})

    @classmethod
    def incomplete(cls, name: str) -> "Refusal":
        """The form ended inside the file."""
        return cls(name, 400, _("The upload is incomplete. Try again."))

    @classmethod
    def long_folder(cls, name: str) -> "Refusal":
        """Its folder's path is longer than MAX_FOLDER."""
        return cls(name, 400, _("The path of its folder is too long."))

    @classmethod
    def too_many(cls) -> "Refusal":
        """The form holds more files than Camp reads."""
        count = settings.DATA_UPLOAD_MAX_NUMBER_FILES
        text = ngettext(
            "Camp accepts up to %(count)d file at once. Nothing was saved.",
            "Camp accepts up to %(count)d files at once. Nothing was saved.",
            count,
        )
        return cls("", 413, text % {"count": count})

    @classmethod
    def no_room(cls, name: str) -> "Refusal":
        """The disk is full."""
        return cls(name, 507, _("The server has no space left for it."))

    @classmethod
    def over_quota(cls, name: str, left: int) -> "Refusal":
        """It exceeds the user's quota, of which `left` bytes remain."""
        text = _("There is not enough room: you have %(size)s left.")
        return cls(name, 507, text % {"size": readable_bytes(left)})

    @classmethod
    def failed(cls, name: str, error: Exception) -> "Refusal":
        """Storing it raised OverQuota, or an OSError, which is logged."""
        if isinstance(error, quota.OverQuota):
            return cls.over_quota(name, error.left)
        if isinstance(error, OSError) and error.errno in DISK_FULL:
            logger.error("An upload was refused: no room left on the device.")
            return cls.no_room(name)
        logger.error("An upload could not be stored.", exc_info=error)
        return cls(name, 507, _("The server could not store the file. Try again later."))
