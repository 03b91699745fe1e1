"""Template tags of the admin's pages."""

import re

from django import template
from django.utils.html import conditional_escape
from django.utils.safestring import mark_safe
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from camp.admin.log_messages import translate_log_message

register = template.Library()
register.filter("log_message", translate_log_message)

CELL = re.compile(r"<t[dh]\b")
BOOLEAN_ALT = re.compile(r'(<img src="[^"]*/icon-(yes|no|unknown)[^"]*" alt=")[^"]*"')


@register.filter
def labelled_rows(rows, headers):
    """Yield the HTML of the cells of each row, each with the text of its column's header.

    On small screens a row is a card; its labels come from the attribute `data-label`.
    """
    labels = [
        ""
        if "action-checkbox-column" in header["class_attrib"]
        else capfirst(conditional_escape(header["text"]))
        for header in headers
    ]
    for cells in rows:
        yield mark_safe("".join(map(label_cell, cells, labels)))


def label_cell(cell, label):
    """Return the HTML of a cell with a label, which is HTML too."""
    html = translate_booleans(cell)
    opening = CELL.match(html)
    return f'{opening[0]} data-label="{label}"{html[opening.end() :]}' if opening else html


@register.filter
def translate_booleans(html):
    """Return rendered HTML in which Django's icons of booleans have translated names.

    Django calls them "True", "False" and "None" in every language.
    """
    html = conditional_escape(html)
    if "/icon-" not in html:
        return html
    words = {"yes": _("Yes"), "no": _("No"), "unknown": _("Unknown")}
    return mark_safe(BOOLEAN_ALT.sub(lambda found: f'{found[1]}{words[found[2]]}"', html))
