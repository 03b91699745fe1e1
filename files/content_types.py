"""Media types as they are kept: declared by the browser, or guessed from the name."""

import mimetypes
import re

GENERIC = "application/octet-stream"
MAX_LENGTH = 100
PART = r"[a-z0-9!#$&^_.+-]+"
# What the browser says where it has no idea.
VAGUE = {"", GENERIC, "application/x-download", "binary/octet-stream"}
# Other names of registered types, as browsers and the Windows registry have them.
ALIASES = {
    "application/x-bzip": "application/x-bzip2",
    "application/x-gzip": "application/gzip",
    "application/x-javascript": "text/javascript",
    "application/javascript": "text/javascript",
    "application/x-pdf": "application/pdf",
    "application/x-rar": "application/vnd.rar",
    "application/x-rar-compressed": "application/vnd.rar",
    "application/x-yaml": "application/yaml",
    "application/x-zip": "application/zip",
    "application/x-zip-compressed": "application/zip",
    "audio/m4a": "audio/mp4",
    "audio/mp3": "audio/mpeg",
    "audio/vnd.wave": "audio/wav",
    "audio/wave": "audio/wav",
    "audio/x-aac": "audio/aac",
    "audio/x-flac": "audio/flac",
    "audio/x-m4a": "audio/mp4",
    "audio/x-mp3": "audio/mpeg",
    "audio/x-mpeg": "audio/mpeg",
    "audio/x-wav": "audio/wav",
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/tif": "image/tiff",
    "image/x-bmp": "image/bmp",
    "image/x-ms-bmp": "image/bmp",
    "image/x-png": "image/png",
    "image/x-tiff": "image/tiff",
    "text/x-csv": "text/csv",
    "text/x-markdown": "text/markdown",
    "text/x-yaml": "application/yaml",
    "text/xml": "application/xml",
    "text/yaml": "application/yaml",
    "video/m4v": "video/mp4",
    "video/x-m4v": "video/mp4",
    "video/x-quicktime": "video/quicktime",
}
TYPES = mimetypes.MimeTypes()  # without what the files of this system say
OFFICE = "application/vnd.openxmlformats-officedocument"
# By suffix, what Python's table lacks or has otherwise
SUFFIXES = {
    ".7z": "application/x-7z-compressed",
    ".aac": "audio/aac",
    ".avif": "image/avif",
    ".bmp": "image/bmp",
    ".csv": "text/csv",
    ".docx": f"{OFFICE}.wordprocessingml.document",
    ".epub": "application/epub+zip",
    ".flac": "audio/flac",
    ".heic": "image/heic",
    ".js": "text/javascript",
    ".m4a": "audio/mp4",
    ".m4v": "video/mp4",
    ".markdown": "text/markdown",
    ".md": "text/markdown",
    ".mkv": "video/x-matroska",
    ".odp": "application/vnd.oasis.opendocument.presentation",
    ".ods": "application/vnd.oasis.opendocument.spreadsheet",
    ".odt": "application/vnd.oasis.opendocument.text",
    ".opus": "audio/opus",
    ".pptx": f"{OFFICE}.presentationml.presentation",
    ".rar": "application/vnd.rar",
    ".rtf": "application/rtf",
    ".toml": "application/toml",
    ".tsv": "text/tab-separated-values",
    ".wav": "audio/wav",
    ".webm": "video/webm",
    ".webp": "image/webp",
    ".xlsx": f"{OFFICE}.spreadsheetml.sheet",
    ".xml": "application/xml",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
    ".zip": "application/zip",
    ".zst": "application/zstd",
}
# Declared types that say less than the suffix, or the wrong thing, and the types that such a
# suffix may give instead. Windows declares what the program is called that opens a suffix.
LESS_THAN_SUFFIX = {
    "application/vnd.ms-excel": ("text/csv", "text/tab-separated-values"),
    "application/xml": ("image/svg+xml",),
    "application/zip": (
        "application/epub+zip",
        "application/vnd.android.package-archive",
        "application/vnd.oasis.opendocument.",
        "application/vnd.openxmlformats-officedocument.",
    ),
    "text/plain": ("application/json", "application/toml", "application/yaml", "text/"),
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

    `declared` is what the client says, perhaps with parameters; another name of a type becomes
    the registered one. Where it says nothing, nonsense or too little, the name decides. Nothing
    may be taken as safe because of it.
    """
    bare = (declared or "").partition(";")[0].strip().lower()
    if bare in VAGUE or len(bare) > MAX_LENGTH or not re.fullmatch(f"{PART}/{PART}", bare):
        return guessed(filename)
    bare = ALIASES.get(bare, bare)
    by_suffix = guessed(filename)
    return by_suffix if by_suffix.startswith(LESS_THAN_SUFFIX.get(bare, ())) else bare


def guessed(filename):
    """Return the media type that a name suggests, or the generic one."""
    found, encoding = TYPES.guess_type(f"x{filename}", strict=True)
    if encoding:
        return COMPRESSED.get(encoding, GENERIC)
    by_suffix = SUFFIXES.get(filename[filename.rfind(".") :].lower())
    return by_suffix or ALIASES.get(found, found) or GENERIC


def sent_type(declared, filename):
    """Return the media type that a file is sent as: its own, or plain text for code.

    A script of our own origin may run in our pages, and `nosniff` keeps only from running
    what does not call itself one.
    """
    kind = media_type(declared, filename)
    return PLAIN if CODE.fullmatch(kind) else kind
