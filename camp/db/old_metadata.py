"""What the old backend noted about a row, usually JSON: kept as it was, and shown to people."""

import json

from django.db import models
from django.utils.translation import gettext_lazy as _

# What columns of it were called; differences of case and of underscores do not count.
NAMES = ("metadata", "metadatajson", "meta", "extra", "extradata", "extrametadata", "attributes")
SHOWN = 20_000  # characters
NOTHING = (None, "", {}, [])


class OldMetadata(models.Model):
    """A row that may have such a note."""

    old_metadata = models.TextField(_("data of the old backend"), null=True, editable=False)

    class Meta:
        abstract = True


def parsed(text):
    """Return what JSON says, the text itself if it is none, or None for nothing."""
    try:
        found = json.loads(text or "null")
    except ValueError:
        found = text.strip()
    return None if found in NOTHING else found


def readable(text):
    """Return a note for reading: JSON on indented lines; "" where it says nothing."""
    found = parsed(text)
    if found is None:
        return ""
    if not isinstance(found, str):
        found = json.dumps(found, ensure_ascii=False, indent=2)
    return found if len(found) <= SHOWN else f"{found[:SHOWN]}…"


def columns_of(names):
    """Return those of a table's column names that hold such notes."""
    return [name for name in names if squeezed(name) in NAMES]


def squeezed(name):
    """Return the name of a column without underscores and capitals."""
    return name.replace("_", "").lower()
