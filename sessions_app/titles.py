"""Titles that Camp gives to sessions."""

from camp.db.old_metadata import parsed
from camp.fs.text import belongs_together, clean_line, is_blank
from sessions_app.markdown import first_line

LENGTH = 80
LONGEST = 255  # as the column has it
# By which of its names the old backend's metadata may tell a title.
NAMES = ("title", "name", "session_name", "session_title", "subject", "topic", "summary")
# A title needs no more of a message to be found in.
LOOKED_AT = 2000


def clean_title(text):
    """Return `text` as a title: one line with single spaces; "" if nothing of it can be seen."""
    text = " ".join(clean_line(text).split())
    return "" if is_blank(text) else text


def title_from(content):
    """Return a title of at most 80 characters for a session that begins with `content`."""
    return shorten(clean_title(first_line(content.lstrip()[:LOOKED_AT])))


def title_of(content, metadata):
    """Return a title for a session of the old backend, which had none: "" if nothing tells one.

    It is the one in the metadata, else that of a message: `content`.
    """
    found = parsed(metadata)
    named = [found.get(name) for name in NAMES] if isinstance(found, dict) else []
    for text in named:
        if isinstance(text, str) and not is_blank(text):
            return shorten(clean_title(text), LONGEST)
    return title_from(content or "")


def shorten(text, length=LENGTH):
    """Return `text` with at most `length` characters; "…" stands for what was cut.

    Cut between words where the script has them, never inside a composed character.
    """
    if len(text) <= length:
        return text
    end = length - 1
    while end > 1 and belongs_together(text, end):
        end -= 1
    space = text.rfind(" ", length // 2, end + 1)
    return text[: space if space > 0 else end].rstrip(" ,.;:、。") + "…"
