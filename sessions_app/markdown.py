"""Messages as HTML that can neither run anything nor load anything.

Two walls: markdown-it-py never lets raw HTML through, and nh3 afterwards keeps only
the tags and addresses named here. Both stay, since each covers faults of the other.
"""

import re

import nh3
from django.utils.html import format_html
from django.utils.safestring import mark_safe
from markdown_it import MarkdownIt
from markdown_it.token import Token

# Levels of quotes and lists (a list takes two); the parser drops what is deeper.
NESTING = 100
# Brackets in brackets cost their square: 100,000 of them take 1.5 s with 10 levels, 8 s with 100.
INLINE_NESTING = 10

TAGS = {
    *("a", "blockquote", "br", "code", "del", "em", "hr", "li", "ol", "p", "pre", "s", "strong"),
    *("h3", "h4", "h5", "h6", "table", "tbody", "td", "th", "thead", "tr", "ul"),
}
ATTRIBUTES = {
    "*": set(),  # else nh3 lets title and lang through
    "a": {"href"},
    "ol": {"start"},
    "td": {"align"},
    "th": {"align"},
}
# Long lines and wide tables scroll within their box, for the keyboard as well.
SCROLLED = {"pre": {"tabindex": "0"}, "table": {"tabindex": "0"}}
SCHEMES = {"http", "https", "mailto"}
REL = "nofollow noopener noreferrer"

# Only ASCII, so that Japanese text right behind an address does not become part of it.
ADDRESS = re.compile(r"\bhttps?://[a-z0-9\[][!#-;=?-_a-z~]{0,2000}", re.IGNORECASE | re.ASCII)
TRAILING = ".,:;!?'*_~"


def render(text):
    """Return Markdown `text` as safe HTML; all that it cannot show is shown as written."""
    tokens = MARKDOWN.parse(text)
    if any(token.level >= NESTING - 1 for token in tokens):
        return as_written(text)
    html = MARKDOWN.renderer.render(tokens, MARKDOWN.options, {})
    return mark_safe(
        nh3.clean(
            html,
            tags=TAGS,
            attributes=ATTRIBUTES,
            set_tag_attribute_values=SCROLLED,
            url_schemes=SCHEMES,
            url_relative="deny",
            link_rel=REL,
        )
    )


def as_written(text):
    """Return `text` as safe HTML, character for character."""
    return format_html('<pre tabindex="0">{}</pre>', text)


def first_line(text):
    """Return the first line of Markdown `text` that says something, without the marks."""
    for token in MARKDOWN.parse(text):
        if token.type == "inline":
            lines = plain(token.children)
        elif token.type in ("fence", "code_block"):
            lines = token.content
        else:
            continue
        for line in lines.splitlines():
            if line.strip():
                return line.strip()
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


def plain(children):
    """Return what inline tokens say."""
    breaks = ("softbreak", "hardbreak")
    return "".join("\n" if child.type in breaks else child.content for child in children)


def adapt(state):
    """Change parsed tokens to what a page of Camp takes.

    Headings go below the page's own, images become links (nothing loads from
    elsewhere), bare addresses become links, alignment becomes an attribute (the
    Content-Security-Policy forbids styles).
    """
    for token in state.tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1]) + 2, 6)}"
        elif token.type in ("th_open", "td_open") and "style" in token.attrs:
            token.attrs = {"align": token.attrs["style"].removeprefix("text-align:")}
        elif token.type == "inline":
            token.children = list(linked(token.children, state.md))


def linked(children, md):
    """Yield inline tokens, with links in place of images and of bare addresses."""
    inside = 0
    for child in children:
        inside += child.nesting if child.type.startswith("link_") else 0
        if child.type == "image":
            address = child.attrs["src"]
            label = plain(child.children or []) or address
            yield from [text_token(label)] if inside else link(address, label)
        elif child.type == "text" and not inside:
            yield from split(child.content, md)
        else:
            yield child


def split(text, md):
    """Yield tokens for `text`, each address in it as a link."""
    end = 0
    for match in ADDRESS.finditer(text):
        shown = trimmed(match[0])
        address = md.normalizeLink(shown)
        if md.validateLink(address):
            yield text_token(text[end : match.start()])
            yield from link(address, shown)
            end = match.start() + len(shown)
    yield text_token(text[end:])


def trimmed(address):
    """Return an address without the punctuation of the sentence around it."""
    while True:
        shorter = address.rstrip(TRAILING)
        if shorter.endswith(")") and shorter.count(")") > shorter.count("("):
            shorter = shorter[:-1]
        if shorter == address:
            return address
        address = shorter


def link(address, label):
    """Return the tokens of a link."""
    opening = Token("link_open", "a", 1, attrs={"href": address})
    return [opening, text_token(label), Token("link_close", "a", -1)]


def text_token(text):
    """Return the token of a run of plain text."""
    return Token("text", "", 0, content=text)


def parse_inline(state):
    """Parse the inline text of all blocks, with their own limit of nesting."""
    for token in state.tokens:
        if token.type == "inline":
            INLINE.inline.parse(token.content, INLINE, state.env, token.children)


def parser(nesting):
    """Return a parser of CommonMark with tables and strikethrough that keeps line breaks."""
    options = {"html": False, "breaks": True, "maxNesting": nesting}
    return MarkdownIt("commonmark", options).enable(["table", "strikethrough"])


INLINE = parser(INLINE_NESTING)
MARKDOWN = parser(NESTING)
MARKDOWN.core.ruler.at("inline", parse_inline)
MARKDOWN.core.ruler.push("adapt", adapt)
# Parsers compile their rules at first use, and are not safe for threads until then.
MARKDOWN.parse("ready")
