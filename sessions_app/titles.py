"""Generated session titles."""

from camp.db.old_metadata import parse_metadata
from camp.fs.text import belongs_together, clean_line, is_blank
from sessions_app.rendering.markdown import first_line

LENGTH = 80
LONGEST = 255  # as the column has it
# Keys of the old backend's metadata that may contain a title.
NAMES = ("title", "name", "session_name", "session_title", "subject", "topic", "summary")
# Characters of a message that are searched for a title.
LOOKED_AT = 2000


def clean_title(text):
    """Return `text` as a title: one line with single spaces; "" if nothing is visible."""
    text = " ".join(clean_line(text).split())
    return "" if is_blank(text) else text


def title_from(content):
    """Return a title of at most 80 characters for a session that starts with `content`."""
    return shorten(clean_title(first_line(content.lstrip()[:LOOKED_AT])))


def title_of(content, metadata):
    """Return a title for a session of the old backend, which had none; "" if there is no source.

    It comes from the metadata, else from the message `content`.
    """
    found = parse_metadata(metadata)
    named = [found.get(name) for name in NAMES] if isinstance(found, dict) else []
    for text in named:
        if isinstance(text, str) and not is_blank(text):
            return shorten(clean_title(text), LONGEST)
    return title_from(content or "")


def shorten(text, length=LENGTH):
    """Return `text` with at most `length` characters, ending in "…" if cut.

    Cuts between words where the script has them, and never within a grapheme.
    """
    if len(text) <= length:
        return text
    end = length - 1
    while end > 1 and belongs_together(text, end):
        end -= 1
    space = text.rfind(" ", length // 2, end + 1)
    return text[: space if space > 0 else end].rstrip(" ,.;:、。") + "…"
