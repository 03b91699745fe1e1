"""Media types as they are kept: declared by the browser, or guessed from the name."""

import mimetypes
import re

GENERIC = "application/octet-stream"
MAX_LENGTH = 100
PART = r"[a-z0-9!#$&^_.+-]+"
# What browsers and servers say where they have no idea, or want a file to be saved.
VAGUE = re.compile(
    r"|(application|binary|content|unknown)/(x-)?(octet-?stream|unknown|binary|download"
    r"|force-download|save|file)|multipart/form-data"
)
# Other names of registered types, as browsers and the Windows registry have them. Those with
# a mere `x-` in front are told without a list.
ALIASES = {
    "application/acrobat": "application/pdf",
    "application/csv": "text/csv",
    "application/excel": "application/vnd.ms-excel",
    "application/gzip-compressed": "application/gzip",
    "application/javascript": "text/javascript",
    "application/markdown": "text/markdown",
    "application/msexcel": "application/vnd.ms-excel",
    "application/vnd.msexcel": "application/vnd.ms-excel",
    "application/vnd.pdf": "application/pdf",
    "application/x-7z": "application/x-7z-compressed",
    "application/x-bzip": "application/x-bzip2",
    "application/x-compressed-zip": "application/zip",
    "application/x-csv": "text/csv",
    "application/x-excel": "application/vnd.ms-excel",
    "application/x-gunzip": "application/gzip",
    "application/x-gzip": "application/gzip",
    "application/x-javascript": "text/javascript",
    "application/x-ms-excel": "application/vnd.ms-excel",
    "application/x-msexcel": "application/vnd.ms-excel",
    "application/x-rar": "application/vnd.rar",
    "application/x-rar-compressed": "application/vnd.rar",
    "application/x-zip-compressed": "application/zip",
    "audio/aacp": "audio/aac",
    "audio/m4a": "audio/mp4",
    "audio/mp3": "audio/mpeg",
    "audio/mpeg3": "audio/mpeg",
    "audio/mpg": "audio/mpeg",
    "audio/vnd.dlna.adts": "audio/aac",
    "audio/vnd.wav": "audio/wav",
    "audio/vnd.wave": "audio/wav",
    "audio/wave": "audio/wav",
    "audio/x-hx-aac-adts": "audio/aac",
    "audio/x-m4a": "audio/mp4",
    "audio/x-mp3": "audio/mpeg",
    "audio/x-mpeg-3": "audio/mpeg",
    "audio/x-mpeg3": "audio/mpeg",
    "audio/x-mpg": "audio/mpeg",
    "audio/x-pn-wav": "audio/wav",
    "audio/x-pn-wave": "audio/wav",
    "image/jpe": "image/jpeg",
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/tif": "image/tiff",
    "image/x-citrix-jpeg": "image/jpeg",
    "image/x-citrix-png": "image/png",
    "image/x-jpg": "image/jpeg",
    "image/x-ms-bmp": "image/bmp",
    "image/x-pjpeg": "image/jpeg",
    "image/x-windows-bmp": "image/bmp",
    "text/comma-separated-values": "text/csv",
    "text/json": "application/json",
    "text/md": "text/markdown",
    "text/pdf": "application/pdf",
    "text/rtf": "application/rtf",
    "text/x-comma-separated-values": "text/csv",
    "text/x-pdf": "application/pdf",
    "text/x-web-markdown": "text/markdown",
    "text/x-yaml": "application/yaml",
    "text/xml": "application/xml",
    "text/yaml": "application/yaml",
    "video/avi": "video/x-msvideo",
    "video/m4v": "video/mp4",
    "video/mpeg4": "video/mp4",
    "video/msvideo": "video/x-msvideo",
    "video/x-m4v": "video/mp4",
    "video/x-mpeg4": "video/mp4",
}
TYPES = mimetypes.MimeTypes()  # without what the files of this system say
OFFICE = "application/vnd.openxmlformats-officedocument"
# By suffix, what Python's table lacks or has otherwise
SUFFIXES = {
    ".7z": "application/x-7z-compressed",
    ".aac": "audio/aac",
    ".avif": "image/avif",
    ".bmp": "image/bmp",
    ".cfg": "text/plain",
    ".conf": "text/plain",
    ".csv": "text/csv",
    ".docx": f"{OFFICE}.wordprocessingml.document",
    ".epub": "application/epub+zip",
    ".flac": "audio/flac",
    ".heic": "image/heic",
    ".ini": "text/plain",
    ".jfif": "image/jpeg",
    ".js": "text/javascript",
    ".log": "text/plain",
    ".m4a": "audio/mp4",
    ".m4v": "video/mp4",
    ".markdown": "text/markdown",
    ".md": "text/markdown",
    ".mkv": "video/x-matroska",
    ".odp": "application/vnd.oasis.opendocument.presentation",
    ".ods": "application/vnd.oasis.opendocument.spreadsheet",
    ".odt": "application/vnd.oasis.opendocument.text",
    ".oga": "audio/ogg",
    ".ogg": "audio/ogg",
    ".ogv": "video/ogg",
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
REGISTERED = {*SUFFIXES.values(), *TYPES.types_map[True].values()}
# Declared types that say less than the suffix, or the wrong thing, and the types that such a
# suffix may give instead. Windows declares what the program is called that opens a suffix.
LESS_THAN_SUFFIX = {
    "application/mp4": ("audio/mp4", "video/mp4"),
    "application/msword": (f"{OFFICE}.wordprocessingml.",),
    "application/ogg": ("audio/ogg", "video/ogg", "audio/opus"),
    "application/vnd.ms-excel": (
        "text/csv",
        "text/tab-separated-values",
        f"{OFFICE}.spreadsheetml.",
    ),
    "application/vnd.ms-powerpoint": (f"{OFFICE}.presentationml.",),
    "application/x-compressed": ("application/",),
    "application/xml": ("image/svg+xml",),
    "application/zip": (
        "application/epub+zip",
        "application/vnd.android.package-archive",
        "application/vnd.oasis.opendocument.",
        f"{OFFICE}.",
    ),
    # Not text/html: what was declared as plain is not sent as a page.
    "text/plain": (
        "application/json",
        "application/toml",
        "application/yaml",
        "text/csv",
        "text/markdown",
        "text/tab-separated-values",
        "text/x-",
    ),
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
    well_formed = len(bare) <= MAX_LENGTH and re.fullmatch(f"{PART}/{PART}", bare)
    if not well_formed or VAGUE.fullmatch(bare):
        return guessed(filename)
    bare = registered(bare)
    by_suffix = guessed(filename)
    return by_suffix if by_suffix.startswith(LESS_THAN_SUFFIX.get(bare, ())) else bare


def registered(bare):
    """Return the registered name of a media type; itself where there is none."""
    plain = bare.replace("/x-", "/", 1)
    return ALIASES.get(bare) or (plain if plain in REGISTERED else bare)


def guessed(filename):
    """Return the media type that a name suggests, or the generic one."""
    found, encoding = TYPES.guess_type(f"x{filename}", strict=True)
    if encoding:
        return COMPRESSED.get(encoding, GENERIC)
    by_suffix = SUFFIXES.get(filename[filename.rfind(".") :].lower())
    return by_suffix or registered(found or GENERIC)


def sent_type(declared, filename):
    """Return the media type that a file is sent as: its own, or plain text for code.

    A script of our own origin may run in our pages, and `nosniff` keeps only from running
    what does not call itself one.
    """
    kind = media_type(declared, filename)
    return PLAIN if CODE.fullmatch(kind) else kind
