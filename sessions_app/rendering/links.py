"""Links in messages: to other sites, and to pages of Camp."""

import re

# Only ASCII, so that Japanese text right behind an address does not become part of it.
ADDRESS = re.compile(r"\bhttps?://[a-z0-9\[][!#-;=?-_a-z~]{0,2000}", re.IGNORECASE | re.ASCII)
TRAILING = ".,:;!?'*_~"
LINKED = re.compile(r"(?:https?://|mailto:)[^\s]", re.IGNORECASE)
# Pages of Camp, and pictures among its files, of which `files.pictures` shows those of the session
OWN_PAGE = re.compile(r"/(?:files|sessions)/[!#-;=?-\[\]_a-z~]*", re.IGNORECASE | re.ASCII)
OWN_FILE = re.compile(r"(?:https?://[a-z0-9.:\[\]-]+)?/files/\d{1,18}/(?:inline/)?", re.ASCII)


def filter_attribute(tag, name, value):
    """Return the value of an attribute; None for an address that is neither absolute nor Camp's."""
    is_other = name != "href" or LINKED.match(value) or OWN_PAGE.fullmatch(value)
    return value if is_other else None


def is_linked(address):
    """Return whether an address may be linked: of another site, or a page of Camp."""
    return LINKED.match(address) or OWN_PAGE.fullmatch(address)


def trim_address(address):
    """Return a URL without the punctuation of the surrounding sentence."""
    surplus = address.count(")") - address.count("(")
    end = len(address)
    while end and (address[end - 1] in TRAILING or (address[end - 1] == ")" and surplus > 0)):
        end -= 1
        surplus -= address[end] == ")"
    return address[:end]


def link_to(address, label):
    """Return the HTML of a link."""
    return f"{link_start(address, label)}{escape(label)}</a>"


def link_start(address, label):
    """Return the opening tag of a link; its class says that its text is the address.

    Print adds the address to other links.
    """
    shown = ' class="address"' if label == address else ""
    return f'<a href="{escape(address)}"{shown}>'


def escape(text):
    """Return `text` with HTML markup escaped, for text and attributes."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text.replace('"', "&quot;")
