"""Types of files in words, such as PowerPoint."""

from django.utils.translation import gettext_lazy as _

from files.content_types import OFFICE, Kind

# By the beginning of the media type; the first that fits counts.
NAMES = {
    "application/pdf": "PDF",
    "application/msword": "Word",
    "application/vnd.ms-word": "Word",
    f"{OFFICE}.wordprocessingml": "Word",
    "application/vnd.ms-excel": "Excel",
    f"{OFFICE}.spreadsheetml": "Excel",
    "application/vnd.ms-powerpoint": "PowerPoint",
    f"{OFFICE}.presentationml": "PowerPoint",
    "application/vnd.oasis.opendocument.text": _("OpenDocument text"),
    "application/vnd.oasis.opendocument.spreadsheet": _("OpenDocument spreadsheet"),
    "application/vnd.oasis.opendocument.presentation": _("OpenDocument presentation"),
    "application/rtf": "RTF",
    "application/epub+zip": _("E-book (EPUB)"),
    "application/json": "JSON",
    "application/xml": "XML",
    "application/yaml": "YAML",
    "application/toml": "TOML",
    "text/csv": _("Table (CSV)"),
    "text/tab-separated-values": _("Table (TSV)"),
    "text/markdown": "Markdown",
    "text/html": _("Web page"),
    "text/css": "CSS",
    "text/javascript": "JavaScript",
}
KINDS = {
    Kind.IMAGE: _("Picture"),
    Kind.VIDEO: _("Video"),
    Kind.AUDIO: _("Audio"),
    Kind.DOCUMENT: _("Document"),
    Kind.TEXT: _("Text"),
    Kind.ARCHIVE: _("Archive"),
    Kind.OTHER: _("File"),
}


def name_type(media_type: str) -> str:
    """Return the name of a media type for the reader; that of its kind if it has none."""
    for prefix, name in NAMES.items():
        if media_type.startswith(prefix):
            return str(name)
    return str(KINDS[Kind.of(media_type)])
