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
PLAIN = "text/plain"
# What a page loads as code: https://mimesniff.spec.whatwg.org/#javascript-mime-type, and styles.
CODE = re.compile(
    r"(application|text)/(x-)?(javascript|ecmascript)"
    r"|text/(javascript1\.[0-5]|jscript|livescript|css)"
)


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


def sent_type(declared, filename):
    """Return the media type that a file is sent as: its own, or plain text for code.

    A script of our own origin may run in our pages, and `nosniff` keeps only from running
    what does not call itself one.
    """
    kind = media_type(declared, filename)
    return PLAIN if CODE.fullmatch(kind) else kind
