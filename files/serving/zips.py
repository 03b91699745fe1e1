"""Several files as one ZIP, made while it is sent: no temporary file, and a known length."""

import logging
import struct
from collections import deque

from django.http import StreamingHttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from zipstream import ZipStream

from camp.fs.filenames import download_name, shorten_bytes
from camp.web.content_disposition import attachment
from files.storage import backend

logger = logging.getLogger(__name__)

MAX_FILES = 10_000
EARLIEST = (1980, 1, 1, 0, 0, 0)
LATEST = (2107, 12, 31, 23, 59, 58)
TIME_OFFSET = 10  # of time and date in a local file header (APPNOTE.TXT, 4.3.7)


def zip_response(files, name):
    """Return the Files as a ZIP called `name`, in their folders.

    Files whose bytes are missing or damaged are listed in a text file inside. Nothing is
    compressed: most files are already, and so the length is known. Entries have the time of their
    content in the user's time zone, so that the same files give the same bytes.
    """
    stream, missing = DatedZipStream(), []
    files = list(files)
    paths = unique_paths(files)
    sizes = backend.sizes([file.storage_path for file in files])
    for file, size, path in zip(files, sizes, paths, strict=True):
        if size != file.size:
            logger.error("The bytes of file %s are missing or damaged.", file.pk)
            missing.append(path)
            continue
        stream.add_dated(blocks(file.storage_path), path, file.since, size=size)
    if missing:
        text = (
            _("The content of these files is missing or damaged:")
            + "\r\n\r\n"
            + "\r\n".join(missing)
        )
        # With the files' time, so that the same files give the same bytes.
        latest = max(file.since for file in files)
        used = {path.partition("/")[0].casefold(): 1 for path in paths}
        stream.add_dated(text.encode(), unique_name(_("missing files.txt"), used), latest)
    response = StreamingHttpResponse(stream, content_type="application/zip")
    response.headers["Content-Length"] = len(stream)
    response.headers["Content-Disposition"] = attachment(name)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "private, no-store"
    return response


def blocks(path):
    """Yield the bytes at a storage path; the file is open only while they are sent."""
    with backend.open(path) as stored:
        yield from backend.blocks(stored, 0, stored.size)


def unique_paths(files):
    """Return the path of each File in a ZIP, which no other has, whatever its case."""
    folders = [
        "/".join(map(download_name, file.folder.split("/"))) if file.folder else ""
        for file in files
    ]
    used = {"": {}}  # {case-folded folder: names in it}
    for folder in dict.fromkeys(folders):
        parent = ""
        for part in filter(None, folder.casefold().split("/")):
            # No file may have the name of a folder beside it.
            used[parent][part] = 1
            parent = f"{parent}/{part}" if parent else part
            used.setdefault(parent, {})
    names = [
        unique_name(download_name(file.filename), used[folder.casefold()])
        for file, folder in zip(files, folders, strict=True)
    ]
    return [
        f"{folder}/{name}" if folder else name for folder, name in zip(folders, names, strict=True)
    ]


def unique_name(name, used):
    """Return `name`, with a number if `used` has it already, whatever its case.

    `used` is a dict {case-folded name: the number of times that it was wanted}.
    """
    found, number = name, used.get(name.casefold(), 0)
    while found.casefold() in used:
        number += 1
        found = shorten_bytes(name, addition=f" ({number})")
    used[name.casefold()] = max(number, 1)
    used.setdefault(found.casefold(), 1)
    return found


class DatedZipStream(ZipStream):
    """A ZipStream of known length whose entries have times of their own, not the present one.

    ZIP has no time zones: programs read its times as local ones. Here they are in Django's active
    zone, the user's.
    """

    def __init__(self):
        super().__init__(sized=True)
        self._dates = deque()

    def add_dated(self, data, arcname, moment, *, size=None):
        """Do as `add`, for an entry with the time `moment`, an aware datetime."""
        self.add(data, arcname, size=size)
        self._dates.append(date_tuple(moment))

    def _gen_file_entry(self, **entry):
        date = self._dates.popleft()
        blocks = super()._gen_file_entry(**entry)
        header = bytearray(next(blocks))
        struct.pack_into("<2H", header, TIME_OFFSET, *dos_time(date))
        yield bytes(header)
        yield from blocks
        # The directory at the end is made from these.
        self._filelist[-1].date_time = date


def date_tuple(moment):
    """Return (year, month, day, hour, minute, second) in the user's zone, within ZIP's range."""
    return min(max(EARLIEST, timezone.localtime(moment).timetuple()[:6]), LATEST)


def dos_time(date):
    """Return the two 16-bit numbers of a date in a ZIP: time and day."""
    year, month, day, hour, minute, second = date
    return hour << 11 | minute << 5 | second // 2, (year - 1980) << 9 | month << 5 | day
