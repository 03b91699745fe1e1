"""Metadata that the old backend kept with a row, usually JSON: preserved and shown."""

import json

from django.db import models
from django.utils.translation import gettext_lazy as _

# The names of its columns, compared without case and underscores.
NAMES = ("metadata", "metadatajson", "meta", "extra", "extradata", "extrametadata", "attributes")
SHOWN = 20_000  # characters
NOTHING = (None, "", {}, [])


class OldMetadata(models.Model):
    """A row that may have such metadata."""

    old_metadata = models.TextField(_("data of the old backend"), null=True, editable=False)

    class Meta:
        abstract = True


def parse_metadata(text):
    """Return the parsed JSON, the text itself if it is not JSON, or None if it is empty."""
    try:
        found = json.loads(text or "null")
    except ValueError:
        found = text.strip()
    return None if found in NOTHING else found


def format_metadata(text):
    """Return metadata for display, JSON indented; "" if it is empty."""
    found = parse_metadata(text)
    if found is None:
        return ""
    if not isinstance(found, str):
        found = json.dumps(found, ensure_ascii=False, indent=2)
    return found if len(found) <= SHOWN else f"{found[:SHOWN]}…"


def columns_of(names):
    """Return those of a table's column names that hold such metadata."""
    return [name for name in names if column_key(name) in NAMES]


def column_key(name):
    """Return the name of a column in lower case without underscores."""
    return name.replace("_", "").lower()
