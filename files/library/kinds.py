"""Kinds of files, for icons and for the list's filter."""

from django.db import models
from django.utils.translation import gettext_lazy as _

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
    """What a file is, judged by its declared type alone: never a basis for safety."""

    IMAGE = "image", _("Pictures")
    VIDEO = "video", _("Videos")
    AUDIO = "audio", _("Audio")
    DOCUMENT = "document", _("Documents")
    TEXT = "text", _("Text and code")
    ARCHIVE = "archive", _("Archives")
    OTHER = "other", _("Other")

    @classmethod
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
    """The kind of a content type, in the words of the index.

    Other PREFIXES need another index: add one by a migration.
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
