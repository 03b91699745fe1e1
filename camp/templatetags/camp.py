"""Template tags for sizes, dates, icons and undo links."""

import re
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from django import template
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from camp.db.old_metadata import format_metadata

register = template.Library()

ICONS = Path(__file__).resolve().parent.parent / "static" / "camp" / "icons.svg"
UNITS = ("KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
NO_BREAK_SPACE = "\u00a0"


@register.filter(name="bytes")
def readable_bytes(count):
    """Return a number of bytes in binary units, localised: `1.5 MiB`.

    One decimal below 100, none above. Returns "" for anything that is not a number.
    """
    try:
        size = max(int(count), 0)
    except (TypeError, ValueError):
        return ""
    if size < 1024:
        text = ngettext("%(size)s byte", "%(size)s bytes", size) % {"size": size}
        return text.replace(" ", NO_BREAK_SPACE)
    amount, unit = size / 1024, UNITS[0]
    for bigger in UNITS[1:]:
        # Rounding must not yield 1,024 of a unit instead of 1 of the next.
        if amount < 1023.5:
            break
        amount, unit = amount / 1024, bigger
    digits = 1 if amount < 99.95 and round(amount, 1) % 1 else 0
    number = formats.number_format(round(amount, digits), digits, force_grouping=True)
    return f"{number}{NO_BREAK_SPACE}{unit}"


@register.filter
def old_metadata(text):
    """Return the old backend's metadata of a row as readable text; "" if it is empty."""
    return format_metadata(text)


@register.simple_tag
def when(moment):
    """Return a `<time>` element: relative within a day, then the date.

    `moment` is an aware datetime, or None (then ""); the title attribute has the full date and
    time.
    """
    if not isinstance(moment, datetime):
        return ""
    local = timezone.localtime(moment)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        moment.astimezone(UTC).isoformat(timespec="seconds"),
        formats.date_format(local, "DATETIME_FORMAT"),
        relative(moment) or short_date(local),
    )


def relative(moment):
    """Return how long ago `moment` was, or "" if it is not within the last day."""
    passed = timezone.now() - moment
    # Slightly future times, from a skewed clock, are "just now" too.
    if timedelta(minutes=-1) < passed < timedelta(minutes=1):
        return _("just now")
    minutes = int(passed.total_seconds() // 60)
    if 0 < minutes < 60:
        text = ngettext("%(count)d minute ago", "%(count)d minutes ago", minutes)
        return text % {"count": minutes}
    hours = minutes // 60
    if 0 < hours < 24:
        return ngettext("%(count)d hour ago", "%(count)d hours ago", hours) % {"count": hours}
    return ""


def short_date(local):
    """Return the date, without the year if it is the current one."""
    this_year = local.year == timezone.localtime().year
    return formats.date_format(local, "MONTH_DAY_FORMAT" if this_year else "DATE_FORMAT")


@register.simple_tag
def icon(name):
    """Return the icon `name` of icons.svg as an inline SVG, hidden from screen readers.

    Inline, because a `default-src 'none'` policy stops some browsers from loading a sprite by
    `<use>`. Raises KeyError for unknown names.
    """
    return mark_safe(
        '<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">'
        f"{shapes()[str(name)]}</svg>"
    )


@cache
def shapes():
    """Return the icons' inner markup by name."""
    text = ICONS.read_text(encoding="utf-8")
    return dict(re.findall(r'<symbol id="([\w-]+)" viewBox="0 0 24 24">(.*?)</symbol>', text))


@register.filter
def undo_url(message):
    """Return the URL that undoes the action a message reports, or "".

    A view sets it with `messages.success(request, text, extra_tags="undo:" + url)`.
    """
    for tag in (message.extra_tags or "").split():
        if tag.startswith("undo:/") and not tag.startswith("undo://"):
            return tag.removeprefix("undo:")
    return ""


@register.filter
def minutes(seconds):
    """Return seconds (a number or a timedelta) as whole minutes, rounded up, at least 1."""
    if isinstance(seconds, timedelta):
        seconds = seconds.total_seconds()
    return max(1, -(-int(seconds) // 60))
