"""Which bytes of a file a request asks for: Range and If-Range (RFC 9110, section 14)."""

import re
import time
from dataclasses import dataclass

from django.utils.http import parse_http_date_safe

# More than so many parts are asked for by nobody who means well (RFC 9110, section 14.2).
MOST = 50
# A gap that is smaller than the head of a part is cheaper sent than left out.
GAP = 80
SPEC = re.compile(r"(\d*)-(\d*)", re.ASCII)
# Longer numbers would only be work; no file is that large.
DIGITS = 18
# A time of whole seconds tells one content from another after so many of them.
SURE = 2


class Unsatisfiable(Exception):
    """Nothing of what was asked for is there: the answer is 416."""


@dataclass(frozen=True)
class Range:
    """Bytes `start` to `end`, both included."""

    start: int
    end: int

    def __len__(self):
        return self.end - self.start + 1

    def content_range(self, size):
        """Return the Content-Range of this part of `size` bytes."""
        return f"bytes {self.start}-{self.end}/{size}"


def requested(request, *, size, etag, modified):
    """Return the Ranges that a GET asks for, or None for all of the file.

    `size` is in bytes; `etag` is the strong one in quotes, or ""; `modified` is the time
    of Last-Modified in whole seconds of the epoch. A Range that is not understood, or is
    for another state of the file, counts for nothing. Raises Unsatisfiable.
    """
    header = request.headers.get("Range", "")
    if request.method != "GET" or not header or not is_current(request, etag, modified):
        return None
    return within(header, size)


def within(header, size):
    """Return the Ranges of `size` bytes that a Range header names, None for all of them.

    Raises Unsatisfiable.
    """
    specs = parsed(header)
    if specs is None or len(specs) > MOST:
        return None
    found = [one for one in (resolved(spec, size) for spec in specs) if one]
    if not found:
        # Nobody can give a part of nothing, but all of nothing is its last bytes.
        if size == 0 and any(not first and int(last) for first, last in specs):
            return None
        raise Unsatisfiable
    return coalesced(found)


def is_current(request, etag, modified):
    """Return whether If-Range, if there is one, names the file as it is now.

    Only a strong ETag counts, and a date only if it is exactly the one that was told, and old
    enough to be sure that nothing else was sent under it (RFC 9110, section 13.1.5).
    """
    condition = request.headers.get("If-Range", "").strip()
    if not condition:
        return True
    if condition.startswith(('"', "W/")):
        return condition == etag
    return parse_http_date_safe(condition) == modified <= time.time() - SURE


def parsed(header):
    """Return the (first, last) texts of a Range header, or None if it is not understood."""
    unit, equals, text = header.partition("=")
    if not equals or unit.strip().lower() != "bytes":
        return None
    specs = []
    # Empty elements of a list mean nothing (RFC 9110, section 5.6.1.2).
    for element in filter(None, (each.strip(" \t") for each in text.split(","))):
        match = SPEC.fullmatch(element)
        if not match or element == "-" or max(map(len, match.groups())) > DIGITS:
            return None
        first, last = match.groups()
        if first and last and int(first) > int(last):
            return None
        specs.append((first, last))
    return specs or None


def resolved(spec, size):
    """Return the Range of a (first, last) within `size` bytes, or None if there is none."""
    first, last = spec
    if not first:
        start, end = max(0, size - int(last)), size - 1
    else:
        start, end = int(first), min(int(last or size - 1), size - 1)
    return Range(start, end) if start <= end else None


def coalesced(ranges):
    """Return the same bytes in as few Ranges; in the order asked for where none touch."""
    ordered = sorted(ranges, key=lambda one: one.start)
    joined = ordered[:1]
    for one in ordered[1:]:
        last = joined[-1]
        if one.start - last.end <= GAP:
            joined[-1] = Range(last.start, max(last.end, one.end))
        else:
            joined.append(one)
    return joined if len(joined) < len(ranges) else ranges
