"""The name under which a browser saves an answer (RFC 6266)."""

import re
from urllib.parse import quote

from camp.fs.filenames import FALLBACK, download_name
from camp.fs.text import normalize

# Marks that stand on letters after NFKD; without them é is e.
MARKS = re.compile(r"[\u0300-\u036f]")
# What a quoted name may not hold, or what clients read in different ways (RFC 6266, appendix D).
UNSAFE = re.compile(r'[^\x20-\x7e]+|["\\%]')


def attachment(name):
    """Return the Content-Disposition for saving an answer as `name`.

    Clients that know no `filename*`, such as curl, get the name in ASCII, with its suffix.
    """
    name = download_name(name)
    plain = ascii_name(name)
    header = f'attachment; filename="{plain}"'
    return header if plain == name else f"{header}; filename*=UTF-8''{quote(name, safe='')}"


def ascii_name(name):
    """Return a name in ASCII that resembles `name`, with the same suffix if that is ASCII."""
    stem, dot, suffix = name.rpartition(".")
    if not stem or UNSAFE.search(suffix):
        stem, dot, suffix = name, "", ""
    letters = MARKS.sub("", normalize(stem, "NFKD"))
    plain = UNSAFE.sub("_", letters)
    if not re.search(r"[A-Za-z0-9]", plain):
        plain = FALLBACK
    return download_name(plain + dot + suffix)
