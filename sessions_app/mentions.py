"""Mentions of people in messages: `@name`."""

import re

from camp.db.search_text import normalize_for_search

# A user name ends where no character of one follows; see UnicodeUsernameValidator.
MENTION = re.compile(r"(?<![\w.+-])@([\w.+-]+)")


def find_mentions(text, people):
    """Return those of `people` (users) whom `text` mentions, as a set."""
    names = {normalize_for_search(name) for name in MENTION.findall(text)}
    # "@name." at the end of a sentence
    names |= {name.rstrip(".+-") for name in names}
    return {person for person in people if normalize_for_search(person.username) in names}
