"""Names that people give to files: kept in their script, made safe to show and to download."""

import re

from camp.text import normalize

MAX_LENGTH = 255
MAX_SUFFIX = 20
FALLBACK = "file"

# They end a line or a header; a person sees a gap there at most.
GAPS = re.compile(r"[\t\n\v\f\r\x1c-\x1f\x85\u2028\u2029]+")
# Controls, and the bidirectional ones that can make `gpj.exe` read as `exe.jpg`. The
# joiners U+200C and U+200D stay: emoji and several scripts need them.
UNSEEN = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff\ud800-\udfff]"
)
# What may not end a name that was cut: it belongs to what follows.
DANGLING = re.compile(r"[\u200c\u200d\ufe0e\ufe0f\s]+$")

REFUSED_BY_WINDOWS = re.compile(r'[<>:"/\\|?*]')
WINDOWS_DEVICES = re.compile(
    r"(?:CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(?:COM|LPT)[0-9¹²³]) *(?:\..*)?", re.IGNORECASE
)


def clean_filename(name, fallback=FALLBACK):
    """Return `name` as it is kept: its last part, in NFC, without what cannot be seen.

    At most 255 characters, of which the suffix keeps its own; `fallback` where nothing
    is left.
    """
    name = normalize(UNSEEN.sub("", GAPS.sub(" ", str(name))), "NFC")
    name = re.split(r"[/\\]", name)[-1].strip(" ")
    if not name.strip(". \u3000\u200b\u200c\u200d"):
        return fallback
    return shortened(name)


def shortened(name, limit=MAX_LENGTH):
    """Return `name` with at most `limit` characters; what goes is the end of its stem."""
    if len(name) <= limit:
        return name
    stem, dot, suffix = name.rpartition(".")
    if not stem or len(suffix) > MAX_SUFFIX:
        stem, dot, suffix = name, "", ""
    stem = stem[: limit - len(dot + suffix)]
    return DANGLING.sub("", stem) + dot + suffix


def download_name(name):
    """Return `name` as every operating system takes it.

    Windows refuses some characters, a dot or space at the end, and the names of its
    devices: https://learn.microsoft.com/windows/win32/fileio/naming-a-file
    """
    name = REFUSED_BY_WINDOWS.sub("_", UNSEEN.sub("", GAPS.sub(" ", str(name))))
    name = name.rstrip(". ") or FALLBACK
    return f"_{name}" if WINDOWS_DEVICES.fullmatch(name) else name
