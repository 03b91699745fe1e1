"""What an entry of the admin's history says, in the reader's language.

Django stores the labels of changed fields in English, and translates them as they are stored; but
its labels begin with a capital, and the texts of Camp's catalogue do not.
"""

import json
import re

from django.contrib.admin.models import ACTION_FLAG_CHOICES, LogEntry
from django.utils.translation import gettext, gettext_noop, override

# The text of an action that names a user, which it keeps.
HANDED_OVER = gettext_noop("Handed over to %(user)s.")
HANDED_OVER_TO = re.compile(re.escape(HANDED_OVER).replace(re.escape("%(user)s"), r"(\S+)"))


def untranslated(text):
    """Return the source text of a lazy translation, for storing in the history."""
    with override(None):
        return str(text)


def translate_log_message(entry):
    """Return the sentence about a change: an added, changed or deleted row, or an action."""
    try:
        parts = json.loads(entry.change_message)
        for part in parts:
            for change in part.values():
                if "fields" in change:
                    change["fields"] = [translate_label(label) for label in change["fields"]]
                if "name" in change:
                    change["name"] = translate_label(change["name"])
    except (ValueError, AttributeError, TypeError):
        # Not JSON: the texts of an action, one a line.
        lines = entry.change_message.splitlines()
        return " ".join(map(translate_text, lines)) or flag_label(entry)
    return LogEntry(change_message=json.dumps(parts)).get_change_message()


def translate_text(text):
    """Return the translation of the stored text of an action."""
    if found := HANDED_OVER_TO.fullmatch(text):
        return gettext(HANDED_OVER) % {"user": found[1]}
    return gettext(text) if text else ""


def translate_label(label):
    """Return the translation of a stored label, or of its text as models write it."""
    if not label:  # gettext("") is the header of the catalogue
        return label
    for text in (label, label[0].lower() + label[1:]):
        if gettext(text) != text:
            return gettext(text)
    return label


def flag_label(entry):
    """Return what kind of change an entry is about."""
    return str(dict(ACTION_FLAG_CHOICES).get(entry.action_flag, ""))
