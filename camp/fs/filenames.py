"""Clean and shorten file names, which may be in any script."""

import re

from camp.fs.text import belongs_together, clean_line, is_blank, normalize

MAX_LENGTH = 255  # characters
MAX_BYTES = 255  # the limit of file systems on Linux, macOS and Android
MAX_SUFFIX = 20
MAX_FOLDER = 1000  # characters of a folder's path
FALLBACK = "file"

# What may not end a shortened name: it belongs to the next character.
DANGLING = re.compile(r"[\u200c\u200d\ufe0e\ufe0f\s]+$")

REFUSED_BY_WINDOWS = re.compile(r'[<>:"/\\|?*]')
WINDOWS_DEVICES = re.compile(
    r"(?:CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|(?:COM|LPT)[0-9¹²³]) *(?:\..*)?", re.IGNORECASE
)


def clean_filename(name: str, fallback: str = FALLBACK) -> str:
    """Return `name` as Camp keeps it: its last part, in NFC, on one line, without controls.

    It has at most 255 characters, with its suffix; `fallback` if nothing visible is left.
    """
    # NFC composes at most three characters into one.
    name = shorten_name(re.split(r"[/\\]", str(name))[-1], 3 * MAX_LENGTH)
    name = normalize(clean_line(name), "NFC").strip(" ")
    if is_blank(name.replace(".", "")):
        return fallback
    return shorten_name(name)


def clean_folder(path: str) -> str:
    """Return the folder of the relative path of a file as Camp keeps it: `src/app`.

    Each part is cleaned as file names are. "" without a folder, and for a path that is absolute
    or leads out of its folder. Raises ValueError for more than MAX_FOLDER characters.
    """
    *parts, name = re.split(r"[/\\]", path)
    if not parts or not parts[0] or ".." in parts or re.fullmatch("[A-Za-z]:", parts[0]):
        return ""
    if len(path) - len(name) > 2 * MAX_FOLDER:
        raise ValueError
    folder = "/".join(clean_filename(part, "_") for part in parts if part not in ("", "."))
    if len(folder) > MAX_FOLDER:
        raise ValueError
    return folder


def shorten_name(name: str, limit: int = MAX_LENGTH) -> str:
    """Return `name` with at most `limit` characters; the end of its stem is cut."""
    if len(name) <= limit:
        return name
    stem, suffix = split_suffix(name)
    return cut_end(stem, limit - len(suffix)) + suffix


def shorten_bytes(name: str, addition: str = "") -> str:
    """Return `name` with `addition` before its suffix, in at most 255 bytes of UTF-8."""
    stem, suffix = split_suffix(name)
    room = MAX_BYTES - len((addition + suffix).encode())
    if len(stem.encode()) > room:
        stem = cut_end(stem, len(stem.encode()[:room].decode(errors="ignore")))
    return stem + addition + suffix


def split_suffix(name: str) -> tuple[str, str]:
    """Return the stem of a name, and its suffix with the dot or ""."""
    stem, dot, suffix = name.rpartition(".")
    return (stem, dot + suffix) if stem and len(suffix) <= MAX_SUFFIX else (name, "")


def cut_end(text: str, length: int) -> str:
    """Return at most `length` characters of `text`, without cutting a grapheme.

    A single grapheme that is too long is cut.
    """
    end = length
    while 0 < end < len(text) and belongs_together(text, end):
        end -= 1
    return DANGLING.sub("", text[:end]) or text[:length]


def download_name(name: str) -> str:
    """Return `name` as every operating system accepts it, in at most 255 bytes of UTF-8.

    Windows refuses some characters, a dot or space at the end, and device names:
    https://learn.microsoft.com/windows/win32/fileio/naming-a-file
    """
    name = REFUSED_BY_WINDOWS.sub("_", clean_line(str(name)))
    name = name.rstrip(". ") or FALLBACK
    name = shorten_bytes(f"_{name}" if WINDOWS_DEVICES.fullmatch(name) else name)
    return name.rstrip(". ") or FALLBACK  # the name may now end with dots


def is_safe_path(name: str) -> bool:
    """Return whether a relative path stays inside its folder on every system.

    Also refuses other spellings of the same path, such as `a//b` or `a/./b`.
    """
    return (
        not {"", ".", ".."} & set(name.split("/"))
        and ".." not in name.replace("\\", "/").split("/")
        and not name.startswith((".", "\\"))
        and name[1:2] != ":"
        and "\0" not in name
    )
