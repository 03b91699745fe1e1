"""Names that people give to files: kept in their script, made safe to show and to download."""

import re

from camp.fs.text import belongs_together, clean_line, is_blank, normalize

MAX_LENGTH = 255  # characters
MAX_BYTES = 255  # of a name in the file systems of Linux, macOS and Android
MAX_SUFFIX = 20
FALLBACK = "file"

# What may not end a name that was cut: it belongs to what follows.
DANGLING = re.compile(r"[\u200c\u200d\ufe0e\ufe0f\s]+$")

REFUSED_BY_WINDOWS = re.compile(r'[<>:"/\\|?*]')
WINDOWS_DEVICES = re.compile(
    r"(?:CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(?:COM|LPT)[0-9¹²³]) *(?:\..*)?", re.IGNORECASE
)


def clean_filename(name, fallback=FALLBACK):
    """Return `name` as it is kept: its last part, in NFC, on one line, without controls.

    At most 255 characters, of which the suffix keeps its own; `fallback` where nothing
    visible is left.
    """
    # Composed characters are at most three times as many before.
    name = shorten_name(re.split(r"[/\\]", str(name))[-1], 3 * MAX_LENGTH)
    name = normalize(clean_line(name), "NFC").strip(" ")
    if is_blank(name.replace(".", "")):
        return fallback
    return shorten_name(name)


def shorten_name(name, limit=MAX_LENGTH):
    """Return `name` with at most `limit` characters; what goes is the end of its stem."""
    if len(name) <= limit:
        return name
    stem, suffix = split_suffix(name)
    return cut_end(stem, limit - len(suffix)) + suffix


def shorten_bytes(name, limit=MAX_BYTES, addition=""):
    """Return `name` with at most `limit` bytes of UTF-8, `addition` before its suffix included."""
    stem, suffix = split_suffix(name)
    room = limit - len((addition + suffix).encode())
    if len(stem.encode()) > room:
        stem = cut_end(stem, len(stem.encode()[:room].decode(errors="ignore")))
    return stem + addition + suffix


def split_suffix(name):
    """Return the stem of a name, and its suffix with the dot; "" where there is none."""
    stem, dot, suffix = name.rpartition(".")
    return (stem, dot + suffix) if stem and len(suffix) <= MAX_SUFFIX else (name, "")


def cut_end(text, length):
    """Return at most `length` characters of `text`, none of them a part of what is cut.

    Where all of it is drawn as one, it is cut nevertheless.
    """
    end = length
    while 0 < end < len(text) and belongs_together(text, end):
        end -= 1
    return DANGLING.sub("", text[:end]) or text[:length]


def download_name(name):
    """Return `name` as every operating system takes it, in at most 255 bytes of UTF-8.

    Windows refuses some characters, a dot or space at the end, and the names of its
    devices: https://learn.microsoft.com/windows/win32/fileio/naming-a-file
    """
    name = REFUSED_BY_WINDOWS.sub("_", clean_line(str(name)))
    name = name.rstrip(". ") or FALLBACK
    name = shorten_bytes(f"_{name}" if WINDOWS_DEVICES.fullmatch(name) else name)
    return name.rstrip(". ") or FALLBACK  # the cut may have laid dots bare
