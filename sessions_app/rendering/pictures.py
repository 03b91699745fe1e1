"""Pictures in messages: those of the session's own files."""

import re
from urllib.parse import urlsplit

from django.utils.html import format_html
from django.utils.safestring import mark_safe

# What may be one in rendered Markdown: its address, and its label as HTML
PICTURE = re.compile('<a (?=[^<>]*class="picture")[^<>]*href="([^"<>]*)"[^<>]*>([^<]*)</a>')
NUMBER = re.compile(r"/files/(\d+)/")
MAX_PICTURES = 200  # on one page


def find_pictures(htmls, host):
    """Return {address: number of the file} for the pictures in some rendered messages.

    Of absolute addresses only those at `host`, as in `request.get_host()`.
    """
    found = {}
    for html in htmls:
        for address, _label in PICTURE.findall(html):
            parts = urlsplit(address)
            if parts.netloc in ("", host) and len(found) < MAX_PICTURES:
                found[address] = int(NUMBER.match(parts.path)[1])
    return found


def show_pictures(html, pictures):
    """Return a rendered message with its pictures shown; others stay links.

    `pictures` are by address (page, source, width, height), the size None if it is not known.
    """

    def show(match):
        address, label = match.groups()
        if address not in pictures:
            return match[0]
        page, source, width, height = pictures[address]
        size = format_html(' width="{}" height="{}"', width, height) if width else ""
        # The label is HTML already, but for its quotation marks.
        label = mark_safe(label.replace('"', "&quot;"))
        return format_html(
            '<a class="picture" href="{}"><img src="{}" alt="{}"{} loading="lazy"></a>',
            *(page, source, label, size),
        )

    return mark_safe(PICTURE.sub(show, html)) if pictures else html
