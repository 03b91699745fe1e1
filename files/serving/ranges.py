"""Which bytes of a file a request asks for: Range and If-Range (RFC 9110, section 14)."""

import re
import time
from dataclasses import dataclass

from django.utils.http import parse_http_date_safe

# A request for more parts is an attack, and is ignored (RFC 9110, section 14.2).
MAX_RANGES = 50
# Gaps up to the length of a part header are sent rather than left out.
MAX_GAP = 80
SPEC = re.compile(r"(\d*)-(\d*)", re.ASCII)
# No file is larger.
MAX_DIGITS = 18
# Last-Modified has whole seconds: for this long another content could still get the same time.
MODIFIED_SETTLES = 2


class Unsatisfiable(Exception):
    """The file has none of the bytes: the answer is 416."""


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


def requested_ranges(request, *, size, etag, modified):
    """Return the Ranges that a GET asks for, or None for all of the file.

    `size` is in bytes; `etag` is strong and in quotes, or ""; `modified` is Last-Modified in whole
    seconds of the epoch. A Range that is malformed, or for another content of the file, is ignored.
    Raises Unsatisfiable.
    """
    header = request.headers.get("Range", "")
    if request.method != "GET" or not header or not is_current(request, etag, modified):
        return None
    return parse_ranges(header, size)


def parse_ranges(header, size):
    """Return the Ranges of `size` bytes that a Range header names, None for all of them.

    Raises Unsatisfiable.
    """
    specs = parse_header(header)
    if specs is None or len(specs) > MAX_RANGES:
        return None
    found = [one for one in (resolve(spec, size) for spec in specs) if one]
    if not found:
        # An empty file has no part, but all of it is its last bytes.
        if size == 0 and any(not first and int(last) for first, last in specs):
            return None
        raise Unsatisfiable
    return coalesce(found)


def is_current(request, etag, modified):
    """Return whether If-Range, if there is one, matches the present content of the file.

    Only a strong ETag counts, and a date only if it is exactly Last-Modified, and so old that no
    other content can have it (RFC 9110, section 13.1.5).
    """
    condition = request.headers.get("If-Range", "").strip()
    if not condition:
        return True
    if condition.startswith(('"', "W/")):
        return condition == etag
    return parse_http_date_safe(condition) == modified <= time.time() - MODIFIED_SETTLES


def parse_header(header):
    """Return the (first, last) texts of a Range header, or None if it is malformed."""
    unit, equals, text = header.partition("=")
    if not equals or unit.strip().lower() != "bytes":
        return None
    specs = []
    # Empty elements of a list are ignored (RFC 9110, section 5.6.1.2).
    for element in filter(None, (each.strip(" \t") for each in text.split(","))):
        match = SPEC.fullmatch(element)
        if not match or element == "-" or max(map(len, match.groups())) > MAX_DIGITS:
            return None
        first, last = match.groups()
        if first and last and int(first) > int(last):
            return None
        specs.append((first, last))
    return specs or None


def resolve(spec, size):
    """Return the Range of a (first, last) within `size` bytes, or None if there is none."""
    first, last = spec
    if not first:
        start, end = max(0, size - int(last)), size - 1
    else:
        start, end = int(first), min(int(last or size - 1), size - 1)
    return Range(start, end) if start <= end else None


def coalesce(ranges):
    """Merge Ranges that overlap or nearly touch; if none do, their order stays."""
    ordered = sorted(ranges, key=lambda one: one.start)
    joined = ordered[:1]
    for one in ordered[1:]:
        last = joined[-1]
        if one.start - last.end <= MAX_GAP:
            joined[-1] = Range(last.start, max(last.end, one.end))
        else:
            joined.append(one)
    return joined if len(joined) < len(ranges) else ranges
