"""ZIP streams whose entries have the times of what they hold."""

import struct
from collections import deque

from django.utils import timezone
from zipstream import ZipStream

EARLIEST = (1980, 1, 1, 0, 0, 0)
LATEST = (2107, 12, 31, 23, 59, 58)
TIME_AT = 10  # where a local file header holds time and date (APPNOTE.TXT, 4.3.7)


class DatedZipStream(ZipStream):
    """A ZipStream of known length; the library would give each entry the time of the download.

    ZIP knows no time zones: programs read its times as local ones. Here they are those of the
    zone that Django has active, the reader's.
    """

    def __init__(self):
        super().__init__(sized=True)
        self._dates = deque()

    def add_dated(self, data, arcname, moment, *, size=None):
        """Do as `add`, for an entry that is as old as `moment`, an aware datetime."""
        self.add(data, arcname, size=size)
        self._dates.append(zip_date(moment))

    def _gen_file_entry(self, **entry):
        date = self._dates.popleft()
        blocks = super()._gen_file_entry(**entry)
        header = bytearray(next(blocks))
        struct.pack_into("<2H", header, TIME_AT, *dos_time(date))
        yield bytes(header)
        yield from blocks
        # The directory at the end is made from these.
        self._filelist[-1].date_time = date


def zip_date(moment):
    """Return (year, month, day, hour, minute, second) in the reader's zone, as ZIP can hold it."""
    return min(max(EARLIEST, timezone.localtime(moment).timetuple()[:6]), LATEST)


def dos_time(date):
    """Return the two 16-bit numbers that ZIP writes for such a date: time and day."""
    year, month, day, hour, minute, second = date
    return hour << 11 | minute << 5 | second // 2, (year - 1980) << 9 | month << 5 | day
