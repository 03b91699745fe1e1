"""Media types of files, declared by the browser or guessed from the name, and their kinds."""

import mimetypes
import re
from functools import lru_cache

from django.db import models
from django.utils.translation import gettext_lazy as _

GENERIC = "application/octet-stream"
MAX_LENGTH = 100
PART = r"[a-z0-9!#$&^_.+-]+"
# What browsers and servers declare if they do not know the type, or want a file to be saved.
VAGUE = re.compile(
    r"|(application|binary|content|unknown)/(x-)?(octet-?stream|unknown|binary|download"
    r"|force-download|save|file)|multipart/form-data"
)
# Other names of registered types, from browsers and the Windows registry. Names that only have
# an additional `x-` need no entry.
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
TYPES = mimetypes.MimeTypes()  # Python's own table, without this system's files
OFFICE = "application/vnd.openxmlformats-officedocument"
# Suffixes that Python's table lacks, or maps to another type
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
    ".heif": "image/heif",
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
# Declared types that are vaguer than the suffix, or wrong, and the types that the suffix may
# give instead. Windows declares the type of the program that opens a suffix.
VAGUER_THAN_SUFFIX = {
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
# Scripts (https://mimesniff.spec.whatwg.org/#javascript-mime-type) and styles
CODE = re.compile(
    r"(application|text)/(x-)?(javascript|ecmascript)"
    r"|text/(javascript1\.[0-5]|jscript|livescript|css)"
)


@lru_cache(maxsize=10_000)
def media_type(declared: str | None, filename: str) -> str:
    """Return a well-formed media type of at most 100 characters, in lower case, without parameters.

    `declared` is what the client says, perhaps with parameters; an alias becomes the registered
    name. If it is empty, malformed or vague, the file name decides. Never base safety on it.
    """
    bare = (declared or "").partition(";")[0].strip().lower()
    is_well_formed = len(bare) <= MAX_LENGTH and re.fullmatch(f"{PART}/{PART}", bare)
    if not is_well_formed or VAGUE.fullmatch(bare):
        return guess_media_type(filename)
    bare = registered_name(bare)
    by_suffix = guess_media_type(filename)
    return by_suffix if by_suffix.startswith(VAGUER_THAN_SUFFIX.get(bare, ())) else bare


def registered_name(bare: str) -> str:
    """Return the registered name of a media type; itself if it has none."""
    without_x = bare.replace("/x-", "/", 1)
    return ALIASES.get(bare) or (without_x if without_x in REGISTERED else bare)


def guess_media_type(filename: str) -> str:
    """Return the media type that a name suggests, or the generic one."""
    found, encoding = TYPES.guess_type(f"x{filename}", strict=True)
    if encoding:
        return COMPRESSED.get(encoding, GENERIC)
    by_suffix = SUFFIXES.get(filename[filename.rfind(".") :].lower())
    return by_suffix or registered_name(found or GENERIC)


def sent_type(declared: str | None, filename: str) -> str:
    """Return the media type that a file is sent as: plain text for code, else its own.

    A script of our own origin could run in our pages; `nosniff` only stops those that have
    another type.
    """
    own_type = media_type(declared, filename)
    return PLAIN if CODE.fullmatch(own_type) else own_type


DOCUMENT_TYPES = (
    "application/pdf",
    "application/msword",
    "application/rtf",
    "application/vnd.ms-",
    "application/vnd.oasis.opendocument",
    "application/vnd.openxmlformats-officedocument",
)
ARCHIVE_TYPES = (
    "application/gzip",
    "application/vnd.rar",
    "application/x-7z-compressed",
    "application/x-bzip",
    "application/x-rar",
    "application/x-tar",
    "application/x-xz",
    "application/x-zip",
    "application/zip",
    "application/zstd",
)
TEXT_TYPES = (
    "application/javascript",
    "application/json",
    "application/toml",
    "application/x-sh",
    "application/x-yaml",
    "application/xml",
    "application/yaml",
    "text/",
)


class Kind(models.TextChoices):
    """The kind of a file, by its declared type alone: never base safety on it."""

    IMAGE = "image", _("Pictures")
    VIDEO = "video", _("Videos")
    AUDIO = "audio", _("Audio")
    DOCUMENT = "document", _("Documents")
    TEXT = "text", _("Text and code")
    ARCHIVE = "archive", _("Archives")
    OTHER = "other", _("Other")

    @classmethod
    @lru_cache(maxsize=1000)
    def of(cls, content_type):
        """Return the kind of a media type such as `image/png`."""
        for kind, prefixes in PREFIXES.items():
            if content_type.lower().startswith(prefixes):
                return cls(kind)
        return cls.OTHER


PREFIXES = {
    "image": ("image/",),
    "video": ("video/",),
    "audio": ("audio/",),
    "document": DOCUMENT_TYPES,
    "text": TEXT_TYPES,
    "archive": ARCHIVE_TYPES,
}


class KindOf(models.Func):
    """SQL for the kind of a content type, as it is indexed.

    A change of PREFIXES needs a migration with a new index.
    """

    arity = 1
    output_field = models.CharField()

    def as_sql(self, compiler, connection, **_context):
        """Return SQL without parameters: queries must repeat the index expression verbatim."""
        column, params = compiler.compile(self.source_expressions[0])
        cases = " ".join(
            f"WHEN substr(lower({column}), 1, {len(prefix)}) = '{prefix}' THEN '{kind}'"
            for kind, prefixes in PREFIXES.items()
            for prefix in prefixes
        )
        return f"(CASE {cases} ELSE '{Kind.OTHER.value}' END)", params
