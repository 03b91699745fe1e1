"""Template tags of the admin's pages."""

import re

from django import template
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import mark_safe
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from camp.admin.log_messages import translate_log_message

register = template.Library()
register.filter("log_message", translate_log_message)

CELL = re.compile(r"<t[dh]\b")
BOOLEAN_ALT = re.compile(r'(<img src="[^"]*/icon-(yes|no|unknown)[^"]*" alt=")[^"]*"')


@register.filter
def labelled_cells(cells, headers):
    """Yield the rendered cells of a row, each with the text of its column's header.

    On small screens a row is a card; its labels come from the attribute `data-label`.
    """
    for cell, header in zip(cells, headers, strict=False):
        is_checkbox = "action-checkbox-column" in header["class_attrib"]
        label = "" if is_checkbox else capfirst(header["text"])
        opening = CELL.match(cell)
        if not opening:
            yield cell
            continue
        beginning = format_html('{} data-label="{}"', mark_safe(opening[0]), label)
        yield mark_safe(beginning + translate_booleans(cell)[opening.end() :])


@register.filter
def translate_booleans(html):
    """Return rendered HTML in which Django's icons of booleans have translated names.

    Django calls them "True", "False" and "None" in every language.
    """
    words = {"yes": _("Yes"), "no": _("No"), "unknown": _("Unknown")}
    html = conditional_escape(html)
    return mark_safe(BOOLEAN_ALT.sub(lambda found: f'{found[1]}{words[found[2]]}"', html))
