"""Files of a form, streamed straight into staging."""

import collections
import contextlib
import errno
import logging
import re
import time
from concurrent.futures import wait
from dataclasses import dataclass

from django.conf import settings
from django.core.exceptions import TooManyFilesSent
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, SkipFile
from django.db import connection
from django.http.multipartparser import MultiPartParser, exhaust
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from camp.fs.filenames import clean_filename
from camp.templatetags.camp import readable_bytes
from files.library import quota
from files.storage import backend

logger = logging.getLogger(__name__)

FIELD = "files"
TOUCH_EVERY = 300  # seconds
# Files of one form that may be on their way to the disk; each may hold `storage.HELD` bytes.
FINISHING = 32
FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}
# What browsers write for a quotation mark and line ends inside a name:
# https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#multipart-form-data
ESCAPES = {"%22": '"', "%0D": "\r", "%0A": "\n"}
ESCAPED = re.compile("|".join(ESCAPES))


@dataclass
class Refusal:
    """A file that was not stored: its name, an HTTP status, and why in the reader's words."""

    name: str
    status: int
    message: str

    def __str__(self):
        return f"{self.name}: {self.message}" if self.name else self.message

    @classmethod
    def too_large(cls, name):
        """The file is larger than MAX_UPLOAD_SIZE."""
        size = readable_bytes(settings.MAX_UPLOAD_SIZE)
        return cls(name, 413, _("The file is larger than the limit of %(size)s.") % {"size": size})

    @classmethod
    def incomplete(cls, name):
        """The form ended inside the file."""
        return cls(name, 400, _("It did not arrive whole. Try again."))

    @classmethod
    def too_many(cls):
        """The form holds more files than Camp reads."""
        count = settings.DATA_UPLOAD_MAX_NUMBER_FILES
        text = ngettext(
            "Camp accepts up to %(count)d file at once. Nothing was saved.",
            "Camp accepts up to %(count)d files at once. Nothing was saved.",
            count,
        )
        return cls("", 413, text % {"count": count})

    @classmethod
    def no_room(cls, name):
        """The disk is full."""
        return cls(name, 507, _("The server has no room left for it."))

    @classmethod
    def over_quota(cls, name, left):
        """Its owner has no room left for it; `left` is in bytes."""
        text = _("There is not enough room: %(size)s of yours are left.")
        return cls(name, 507, text % {"size": readable_bytes(left)})

    @classmethod
    def failed(cls, name, error):
        """Storing met an OSError, which is logged here, or OverQuota."""
        if isinstance(error, quota.OverQuota):
            return cls.over_quota(name, error.left)
        if error.errno in FULL:
            logger.error("An upload was refused: no room left on the device.")
            return cls.no_room(name)
        logger.error("An upload could not be stored.", exc_info=error)
        return cls(name, 507, _("The server could not store the file. Try again later."))


class StagedFile(UploadedFile):
    """A file of `request.FILES` whose bytes wait in staging.

    Django closes it when the request ends; what was not kept by then is removed.
    """

    def __init__(self, staged, name, content_type):
        super().__init__(None, name, content_type, staged.size)
        self.staged = staged

    def close(self):
        self.staged.discard()


class NameKeepingParser(MultiPartParser):
    """Django's parser, but names keep what they are made of.

    Django's own decodes HTML entities (`a&amp;b.txt` is a name) and drops characters it
    does not call printable, among them the ideographic space of many Japanese names.
    """

    def sanitize_file_name(self, file_name):
        return clean_filename(ESCAPED.sub(lambda found: ESCAPES[found[0]], file_name))


class StagingHandler(FileUploadHandler):
    """Write the files of the field `files` to staging, none beyond MAX_UPLOAD_SIZE.

    A file that cannot be taken is skipped, the others go on; `refusals` tells which and
    why. Files of other fields are ignored. Must be the request's only handler.
    """

    chunk_size = 128 * 2**10

    def __init__(self, request=None):
        super().__init__(request)
        self.refusals = []
        self._staged = None
        self._waiting = []
        self._taken = 0
        self._finishing = collections.deque()
        self._touched = time.monotonic()
        self._parsing = False
        self._no_room = False
        self.reservation = None

    def handle_raw_input(self, input_data, META, content_length, boundary, encoding=None):
        """Parse the form; returns its fields and files. Nothing stays of a broken one."""
        if self._parsing:
            return None
        self._parsing = True
        # Better refuse at once than fill the disk to the brim first.
        with contextlib.suppress(OSError):
            self._no_room = content_length > backend.free_bytes()
        self.reservation = quota.reserve_up_to(self.request.user.pk, content_length)
        parser = NameKeepingParser(META, input_data, [self], encoding)
        try:
            return parser.parse()
        except TooManyFilesSent:
            exhaust(input_data)
            self.refusals = [Refusal.too_many()]
            parser._files.clear()
            return parser._post, parser._files
        finally:
            self._drop()

    def new_file(self, *args, **kwargs):
        super().new_file(*args, **kwargs)
        if self.field_name != FIELD:
            raise SkipFile
        if self._no_room:
            self._refuse(Refusal.no_room(self.file_name))
        try:
            self._staged = backend.Staged()
        except OSError as error:
            self._refuse(Refusal.failed(self.file_name, error))

    def receive_data_chunk(self, raw_data, start):
        self._keep_alive()
        size = self._staged.size + len(raw_data)
        if size > settings.MAX_UPLOAD_SIZE:
            self._refuse(Refusal.too_large(self.file_name))
        if self.reservation is not None and self._taken + size > self.reservation.size:
            left = max(0, self.reservation.size - self._taken)
            self._refuse(Refusal.over_quota(self.file_name, left))
        try:
            self._staged.write(raw_data)
        except OSError as error:
            self._refuse(Refusal.failed(self.file_name, error))

    def file_complete(self, file_size):
        staged = self._staged
        try:
            staged.end()
        except OSError as error:
            self._drop()
            self.refusals.append(Refusal.failed(self.file_name, error))
            return None
        self._staged = None
        self._waiting.append(staged)
        self._taken += staged.size
        self._finish_soon(staged)
        return StagedFile(staged, self.file_name, self.content_type)

    def release(self):
        """Give back the room that was reserved; call it once the files have their rows."""
        quota.release(self.reservation)

    def upload_interrupted(self):
        if self._staged is not None:
            self._drop()
            self.refusals.append(Refusal.incomplete(self.file_name))

    def _finish_soon(self, staged):
        """Have the file brought to the disk while the next ones come, not too many at once."""
        self._finishing.append(staged.finish_soon())
        if len(self._finishing) > FINISHING:
            wait([self._finishing.popleft()])

    def _keep_alive(self):
        """Have the sweep leave alone what waits for the last file of a slow form."""
        if time.monotonic() - self._touched > TOUCH_EVERY:
            self._touched = time.monotonic()
            for staged in self._waiting:
                staged.touch()
            if self.reservation is not None:
                quota.renew(self.reservation)

    def _refuse(self, refusal):
        self._drop()
        self.refusals.append(refusal)
        raise SkipFile

    def _drop(self):
        staged, self._staged = self._staged, None
        if staged is not None:
            staged.discard()


def check_connection():
    """Have the database asked whether it is still there: reading a form may take an hour."""
    if not connection.in_atomic_block:
        connection.close_if_unusable_or_obsolete()
