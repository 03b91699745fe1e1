"""The Content-Disposition header of downloads (RFC 6266)."""

import re
from urllib.parse import quote

from camp.fs.filenames import FALLBACK, download_name
from camp.fs.text import normalize

# Combining marks after NFKD decomposition; without them é becomes e.
MARKS = re.compile(r"[\u0300-\u036f]")
# Characters that a quoted name must not contain, or that clients interpret differently
# (RFC 6266, appendix D).
UNSAFE = re.compile(r'[^\x20-\x7e]+|["\\%]')


def attachment(name):
    """Return the header value that makes clients save a response as `name`.

    Clients without support for `filename*`, such as curl, get an ASCII name with its suffix.
    """
    name = download_name(name)
    plain = ascii_name(name)
    header = f'attachment; filename="{plain}"'
    return header if plain == name else f"{header}; filename*=UTF-8''{quote(name, safe='')}"


def ascii_name(name):
    """Return an ASCII approximation of `name`, with the same suffix if that is ASCII."""
    stem, dot, suffix = name.rpartition(".")
    if not stem or UNSAFE.search(suffix):
        stem, dot, suffix = name, "", ""
    letters = MARKS.sub("", normalize(stem, "NFKD"))
    plain = UNSAFE.sub("_", letters)
    if not re.search(r"[A-Za-z0-9]", plain):
        plain = FALLBACK
    return download_name(plain + dot + suffix)
