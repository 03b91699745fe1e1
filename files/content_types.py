"""Media types as they are kept: declared by the browser, or guessed from the name."""

import mimetypes
import re

GENERIC = "application/octet-stream"
MAX_LENGTH = 100
PART = r"[a-z0-9!#$&^_.+-]+"
# What the browser says where it has no idea.
VAGUE = {"", GENERIC, "application/x-download", "binary/octet-stream"}
# Python's own table, and that of some systems, lacks these.
SUFFIXES = {
    ".7z": "application/x-7z-compressed",
    ".avif": "image/avif",
    ".flac": "audio/flac",
    ".heic": "image/heic",
    ".m4a": "audio/mp4",
    ".md": "text/markdown",
    ".mkv": "video/x-matroska",
    ".opus": "audio/opus",
    ".toml": "application/toml",
    ".webm": "video/webm",
    ".webp": "image/webp",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
    ".zst": "application/zstd",
}
COMPRESSED = {
    "br": "application/x-brotli",
    "bzip2": "application/x-bzip2",
    "compress": "application/x-compress",
    "gzip": "application/gzip",
    "xz": "application/x-xz",
}


def media_type(declared, filename):
    """Return a well-formed media type of at most 100 characters, lower case, bare.

    `declared` is what the client says, perhaps with parameters; where it says nothing
    or nonsense, the name decides. Nothing may be taken as safe because of it.
    """
    bare = (declared or "").partition(";")[0].strip().lower()
    if bare not in VAGUE and len(bare) <= MAX_LENGTH and re.fullmatch(f"{PART}/{PART}", bare):
        return bare
    return guessed(filename)


def guessed(filename):
    """Return the media type that a name suggests, or the generic one."""
    found, encoding = mimetypes.guess_type(f"x{filename}", strict=True)
    if encoding:
        return COMPRESSED.get(encoding, GENERIC)
    dot = filename.rfind(".")
    return SUFFIXES.get(filename[dot:].lower()) or found or GENERIC
