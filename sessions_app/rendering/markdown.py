"""Markdown rendered as HTML that can neither run nor load anything.

Two independent defences: the writer below escapes all text and emits only known tags, and nh3
sanitises the result. Keep both: each covers faults of the other.

The parser is pulldown-cmark, linear for any input (a Python parser took seconds for 1 kB of
table); costs after parsing have budgets.
"""

import hashlib
import re
import sys
import threading

import nh3
import pyromark
from cachetools import LRUCache, cached
from django.utils.html import format_html
from django.utils.safestring import mark_safe

from camp.web.rendering.code import CLASSES, LANGUAGES, colour_code
from sessions_app.rendering.links import (
    ADDRESS,
    LINKED,
    OWN_FILE,
    escape,
    filter_attribute,
    is_linked,
    link_start,
    link_to,
    trim_address,
)

# Budgets of one document. They bound what the writer and nh3 spend (nh3 needs quadratic time
# for nesting), far above what people write in 100,000 characters; bench/markdown.py has figures.
MAX_NESTING = 100
MAX_EVENTS = 40_000
MAX_ENTITIES = 30_000
MAX_HTML = 600_000  # characters
MAX_COLOURED = 10_000  # characters of code
# Of rendered HTML: some 30,000 messages as people write them, or a few huge ones
cache = LRUCache(maxsize=16 * 2**20, getsizeof=sys.getsizeof)  # bytes

TAGS = {
    *("a", "blockquote", "br", "code", "del", "em", "hr", "li", "ol", "p", "pre", "s", "strong"),
    *("bdi", "div", "h3", "h4", "h5", "h6", "input", "span", "table", "tbody", "td", "th", "thead"),
    *("tr", "ul"),
}
ATTRIBUTES = {
    "*": set(),  # else nh3 lets title and lang through
    "a": {"href"},
    "input": {"aria-label", "checked"},
    "ol": {"start"},
}
# The modules beside this one look for "mention" and "picture" in the HTML. Text there has no "<" of
# its own, and attributes have no quotation marks: nothing else looks like these.
VALUES = {
    **{key: {"class": {"left", "center", "right"}} for key in ("td", "th")},
    "a": {"class": {"address", "picture"}},
    "bdi": {"class": {"mention"}},
    "span": {"class": set(filter(None, CLASSES.values()))},
}
# Long lines and wide tables scroll within their box, for the keyboard as well. The box of a table
# is named by an element of the page, since the HTML is cached for readers of all languages. The
# box of a task can only be looked at.
FIXED = {
    "pre": {"tabindex": "0"},
    "div": {"tabindex": "0", "role": "group", "aria-labelledby": "table-label"},
    "input": {"type": "checkbox", "disabled": ""},
}
SCHEMES = {"http", "https", "mailto"}
REL = "nofollow noopener noreferrer"

# Subscripts are parsed so that a single tilde is not taken for a strikethrough ("10~12時").
PARSER = pyromark.Markdown(
    options=pyromark.Options.ENABLE_TABLES
    | pyromark.Options.ENABLE_STRIKETHROUGH
    | pyromark.Options.ENABLE_SUBSCRIPT
    | pyromark.Options.ENABLE_TASKLISTS
)
# What opens and closes each element that has no details of its own.
ELEMENTS = {
    "Paragraph": ("<p>", "</p>\n"),
    "HtmlBlock": ("<p>", "</p>\n"),
    "BlockQuote": ("<blockquote>\n", "</blockquote>\n"),
    "CodeBlock": ("<pre><code>", "</code></pre>\n"),
    "Item": ("<li>", "</li>\n"),
    "Emphasis": ("<em>", "</em>"),
    "Strong": ("<strong>", "</strong>"),
    "Strikethrough": ("<s>", "</s>"),
    "Subscript": ("~", "~"),
    "TableHead": ("<thead>\n<tr>\n", "</tr>\n</thead>\n<tbody>\n"),
    "TableRow": ("<tr>\n", "</tr>\n"),
    "Table": ("<div><table>\n", "</tbody>\n</table>\n</div>\n"),
}
INLINE = {"Emphasis", "Strong", "Strikethrough", "Subscript", "Link", "Image"}
LINE_BREAKS = ("SoftBreak", "HardBreak")

# Where a user name may follow; two characters of a script without Unicode's composition may be one.
NAME = re.compile("(?<![0-9A-Za-z_.+-])[@\uff20]([\\w.+\u0300-\u036f\u3099\u309a-]{1,60})")
MAX_NAMES = 200


class OverBudget(Exception):
    """Rendering the document would cost too much."""


def digest(text):
    """Return the key of a text in the cache; the text itself may be longer than its HTML."""
    return hashlib.sha256(text.encode()).digest()


@cached(cache, key=digest, lock=threading.Lock())
def render(text):
    """Return Markdown `text` as safe HTML; as plain text if it exceeds a budget.

    HTML is cached by the content, in the memory of the process only: content from Redis could be
    tampered with or written by another version.
    """
    return render_now(text)


def render_now(text):
    """Render without the cache."""
    try:
        html = HtmlWriter().write(PARSER.events(text))
    except OverBudget:
        return render_plain(text)
    return mark_safe(
        nh3.clean(
            html,
            tags=TAGS,
            attributes=ATTRIBUTES,
            tag_attribute_values=VALUES,
            set_tag_attribute_values=FIXED,
            url_schemes=SCHEMES,
            url_relative="pass_through",
            attribute_filter=filter_attribute,
            link_rel=REL,
        )
    )


def render_plain(text):
    """Return `text` as safe HTML, character for character."""
    return format_html('<pre tabindex="0">{}</pre>', text)


def first_line(text):
    """Return the first line of Markdown `text` with content, without markup."""
    blocks = {"Paragraph", "Heading", "TableCell", "CodeBlock", "HtmlBlock", "Item"}
    line = ""
    for event in PARSER.events(text):
        if isinstance(event, str):
            ends, content = True, ""
        else:
            (kind, content), *_ = event.items()
            ends = kind in ("Start", "End") and element_name(content) in blocks
            content = "" if kind in ("Start", "End", "TaskListMarker") else content
        for number, piece in enumerate(content.split("\n")):
            if (number or ends) and line.strip():
                return line.strip()
            line = piece if number else line + piece
    return line.strip() or next((row.strip() for row in text.splitlines() if row.strip()), "")


def element_name(tag):
    """Return the element name of a Start or End event."""
    return tag if isinstance(tag, str) else next(iter(tag))


class HtmlWriter:
    """Write pulldown-cmark's events as HTML.

    Headings are nested below the page's own, images and bare URLs become links (nothing loads from
    other sites), raw HTML and links with other schemes are shown as text.
    """

    def __init__(self):
        self.parts = []
        self.closings = []  # one for each open element
        self.links = 0  # open ones
        self.names = MAX_NAMES  # that may still be marked
        self.image = None  # text pieces of the image that is open
        self.code = None  # text pieces of the code block that is open
        self.coloured = 0  # characters of code
        self.task = None  # where the box of an open task is in `parts`, and text pieces of the task
        self.in_head = False
        self.alignments, self.column = (), 0

    def write(self, events):
        """Return the HTML of `events`; raises OverBudget once a budget is exceeded."""
        for count, event in enumerate(events):
            if count > MAX_EVENTS:
                raise OverBudget
            if isinstance(event, str):
                self.write_mark(event)
                continue
            ((kind, content),) = event.items()
            if self.task and kind in ("Start", "End") and element_name(content) not in INLINE:
                self.close_task()
            if kind == "Start":
                self.open(content)
            elif kind == "TaskListMarker":
                self.open_task(is_done=content)
            elif kind == "End":
                self.parts.append(self.closings.pop()())
            else:
                self.write_text(kind, content)
        html = "".join(self.parts)
        if len(html) > MAX_HTML or html.count("&") > MAX_ENTITIES:
            raise OverBudget
        return html

    def write_mark(self, event):
        """Write a rule or a line break."""
        if self.task:
            self.task[1].append(" ")
        if self.image is not None:
            self.image.append(" ")
        elif event in LINE_BREAKS:
            self.parts.append("<br>\n")
        else:
            self.parts.append("<hr>\n")

    def write_text(self, kind, content):
        """Write text, code or raw HTML, escaped."""
        if self.task:
            self.task[1].append(content)
        if self.image is not None:
            self.image.append(content)
        elif self.code is not None:
            self.code.append(content)
        elif kind == "Code":
            self.parts.append(f"<code>{escape(content)}</code>")
        elif kind == "Text":
            self.parts.append(escape(content) if self.links else self.link_urls(content))
        elif kind == "Html":
            self.parts.append(escape(content).replace("\n", "<br>\n"))
        else:
            self.parts.append(escape(content))

    def open(self, tag):
        """Write an opening tag and push its closing tag."""
        if len(self.closings) >= MAX_NESTING:
            raise OverBudget
        name = element_name(tag)
        special = getattr(self, f"open_{name.lower()}", None)
        if special:
            self.closings.append(special(None if isinstance(tag, str) else tag[name]))
            return
        opening, closing = ELEMENTS[name]
        if self.image is None:
            self.parts.append(opening)
            self.closings.append(lambda: closing)
        else:
            self.closings.append(str)

    def open_heading(self, heading):
        level = min(int(heading["level"][1]) + 2, 6)
        self.parts.append(f"<h{level}>")
        return lambda: f"</h{level}>\n"

    def open_list(self, start):
        name = "ul" if start is None else "ol"
        self.parts.append(f"<{name}>\n" if start in (None, 1) else f'<ol start="{start}">\n')
        return lambda: f"</{name}>\n"

    def open_codeblock(self, kind):
        self.parts.append(ELEMENTS["CodeBlock"][0])
        self.code = []
        # ```python title="a.py"
        words = kind["Fenced"].split() if isinstance(kind, dict) else []
        return lambda: self.close_codeblock(words[0] if words else "")

    def close_codeblock(self, language):
        code, html = "".join(self.code), None
        self.code = None
        if language.lower() in LANGUAGES and self.coloured + len(code) <= MAX_COLOURED:
            self.coloured += len(code)
            html = colour_code(code, language)
        return (html or escape(code)) + ELEMENTS["CodeBlock"][1]

    def open_task(self, *, is_done):
        """Write the box of a task."""
        self.parts.append("<input checked" if is_done else "<input")
        self.task = len(self.parts), []
        self.parts.append("> ")

    def close_task(self):
        """Give the box of the open task the first paragraph of its text as its name."""
        at, texts = self.task
        self.parts[at] = f' aria-label="{escape("".join(texts).strip())}"> '
        self.task = None

    def open_table(self, alignments):
        # As a class: the Content-Security-Policy forbids styles.
        named = {"None": "", "Left": "left", "Center": "center", "Right": "right"}
        self.alignments = [named[alignment] for alignment in alignments]
        self.parts.append(ELEMENTS["Table"][0])
        return lambda: ELEMENTS["Table"][1]

    def open_tablehead(self, _nothing):
        self.column, self.in_head = 0, True
        self.parts.append(ELEMENTS["TableHead"][0])
        return self.close_tablehead

    def close_tablehead(self):
        self.in_head = False
        return ELEMENTS["TableHead"][1]

    def open_tablerow(self, _nothing):
        self.column = 0
        self.parts.append(ELEMENTS["TableRow"][0])
        return lambda: ELEMENTS["TableRow"][1]

    def open_tablecell(self, _nothing):
        align = self.alignments[self.column] if self.column < len(self.alignments) else ""
        self.column += 1
        name = "th" if self.in_head else "td"
        self.parts.append(f'<{name} class="{align}">' if align else f"<{name}>")
        return lambda: f"</{name}>\n"

    def open_link(self, link):
        address = f"mailto:{link['dest_url']}" if link["link_type"] == "Email" else link["dest_url"]
        if self.image is not None:
            return str
        if not is_linked(address):
            self.parts.append("[")
            return lambda: f"]({escape(address)})"
        self.links += 1
        self.parts.append(f'<a href="{escape(address)}">')
        start = len(self.parts)
        return lambda: self.close_link(address, start)

    def close_link(self, address, start):
        self.links -= 1
        if self.parts[start:] == [escape(address)]:
            self.parts[start - 1] = link_start(address, address)
        return "</a>"

    def open_image(self, image):
        if self.image is not None:
            return str
        self.image = []
        return lambda: self.close_image(image["dest_url"])

    def close_image(self, address):
        label = "".join(self.image) or address
        self.image = None
        if self.links:
            return escape(label)
        if OWN_FILE.fullmatch(address):
            # Where it is not shown, the link leads to the page of the file.
            address = escape(address.removesuffix("inline/"))
            return f'<a href="{address}" class="picture">{escape(label)}</a>'
        if not is_linked(address):
            return f"![{escape(label)}]({escape(address)})"
        return link_to(address, label)

    def link_urls(self, text):
        """Return `text` as HTML with its URLs linked, and with possible mentions marked."""
        if "://" not in text:
            return self.mark_names(text)
        parts, end = [], 0
        for match in ADDRESS.finditer(text):
            shown = trim_address(match[0])
            if LINKED.match(shown):
                parts += [self.mark_names(text[end : match.start()]), link_to(shown, shown)]
                end = match.start() + len(shown)
        return "".join([*parts, self.mark_names(text[end:])])

    def mark_names(self, text):
        """Return `text` as HTML in which MENTION finds what may be a name."""
        if "@" not in text and "\uff20" not in text:
            return escape(text)
        parts, end = [], 0
        for match in NAME.finditer(text):
            if self.names <= 0:
                break
            self.names -= 1
            mark = f'<bdi class="mention">{escape(match[0])}</bdi>'
            parts += [escape(text[end : match.start()]), mark]
            end = match.end()
        return "".join([*parts, escape(text[end:])])
