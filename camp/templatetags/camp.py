"""Template tags for sizes, dates, icons and undo links."""

import re
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from pathlib import Path

from django import template
from django.templatetags.static import static
from django.utils import formats, timezone
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from camp.db.old_metadata import format_metadata

register = template.Library()

ICONS = Path(__file__).resolve().parent.parent / "static" / "camp" / "icons.svg"
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
UNITS = ("KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
NO_BREAK_SPACE = "\u00a0"
SPACE_BETWEEN_SENTENCES = re.compile(r"(。(?:</[a-z]+>)?)\s+")


@register.filter(name="bytes")
def readable_bytes(count, language=None):
    """Return a number of bytes in binary units, localised: `1.5 MiB`.

    One decimal below 100, none above. Returns "" for anything that is not a number. `language` is
    the active one, for a caller with many numbers.
    """
    try:
        size = max(int(count), 0)
    except (TypeError, ValueError):
        return ""
    if size < 1024:
        text = ngettext("%(size)s byte", "%(size)s bytes", size) % {"size": size}
        return text.replace(" ", NO_BREAK_SPACE)
    return format_size(size, language or get_language())


@lru_cache(maxsize=10_000)
def format_size(size, language):
    """Return `size`, at least 1024 bytes, as text in the language, which must be the active one."""
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
    """Return a `<time>` element; see Clock.show."""
    return Clock().show(moment)


@register.simple_tag
def when_exactly(moment):
    """Return a `<time>` element with the full date and time, within a day beside the age."""
    return Clock().show_exactly(moment)


class Clock:
    """Formats moments for one page: as of now, in the reader's language and time zone."""

    def __init__(self):
        self.now = timezone.now()
        self.zone, self.language = timezone.get_current_timezone(), get_language()
        self.year = self.now.astimezone(self.zone).year

    def show(self, moment):
        """Return a `<time>` element: relative within a day, then the date.

        `moment` is an aware datetime, or None (then ""); the title attribute has the full date
        and time.
        """
        if not isinstance(moment, datetime):
            return ""
        start, date = describe(moment, self.zone, self.language, self.year)
        # What mark_safe returns, without its search for lazy texts.
        return SafeString(f"{start}{self.get_age(moment) or date}</time>")

    def show_exactly(self, moment):
        """Return a `<time>` element: the full date and time, within a day beside the age."""
        if not isinstance(moment, datetime):
            return ""
        text = formats.date_format(moment.astimezone(self.zone), "DATETIME_FORMAT")
        if (age := self.get_age(moment)) is not None:
            text = _("%(age)s (%(date)s)") % {"age": age, "date": text}
        return format_html('<time datetime="{}">{}</time>', utc_format(moment), text)

    def get_age(self, moment):
        """Return how long ago a moment is, as HTML; None if it is not within a day."""
        passed = self.now - moment
        # Slightly future times, from a skewed clock, are "just now" too.
        if -MINUTE < passed < DAY:
            return describe_age(int(passed / MINUTE), self.language)
        return None


def utc_format(moment):
    """Return an aware datetime as ISO 8601 in UTC, without fractions."""
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='seconds')}Z"


@lru_cache(maxsize=10_000)
def describe(moment, zone, language, this_year):
    """Return the start tag of a `<time>` element, and the date without the year if it is this.

    Cached, because formatting takes Django 50 µs.
    """
    local = moment.astimezone(zone)
    start = format_html(
        '<time datetime="{}" title="{}">',
        utc_format(moment),
        formats.date_format(local, "DATETIME_FORMAT"),
    )
    short = "MONTH_DAY_FORMAT" if local.year == this_year else "DATE_FORMAT"
    return start, escape(formats.date_format(local, short))


@lru_cache(maxsize=10_000)
def describe_age(minutes, language):
    """Return how long ago something was, in the language, which must be the active one."""
    if minutes < 1:
        return escape(_("just now"))
    if minutes < 60:
        text = ngettext("%(count)d minute ago", "%(count)d minutes ago", minutes)
        return escape(text % {"count": minutes})
    hours = minutes // 60
    return escape(ngettext("%(count)d hour ago", "%(count)d hours ago", hours) % {"count": hours})


@register.simple_tag
@cache
def icon(name):
    """Return the icon `name` of icons.svg, hidden from screen readers.

    Raises KeyError for unknown names.
    """
    if str(name) not in icon_names():
        raise KeyError(name)
    address = static("camp/icons.svg")
    return mark_safe(f'<svg class="icon" aria-hidden="true"><use href="{address}#{name}"/></svg>')


@cache
def icon_names():
    """Return the names of the icons."""
    return set(re.findall(r'<symbol id="([\w-]+)"', ICONS.read_text(encoding="utf-8")))


@register.filter(is_safe=True)
def join_sentences(text):
    """Return the text without white space between Japanese sentences, also after a closing tag.

    For sentences that are translated one by one: `{% filter join_sentences %}…{% endfilter %}`.
    """
    return SPACE_BETWEEN_SENTENCES.sub(r"\1", text)


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
