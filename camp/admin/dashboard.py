"""The admin's front page: figures, and activity of the last days.

Any registered ModelAdmin can contribute by defining these methods:

- `front_page_numbers()` returns what is to be counted, as JSON types; it may take long;
- `front_page_figures(numbers)` returns a list of Figure made of that;
- `front_page_days(since)` returns {date: rows} from `since`, midnight DAYS - 1 days ago in the
    reader's time zone, and `front_page_days_label` says what the rows are.

The numbers are exact, but kept for all readers (see camp.web.shared_results): the page says when
they were counted if that is long ago. Everyone sees those of tables that they may view.
"""

from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import pairwise

from django.db.models import Count, Q
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from camp.web import shared_results
from camp.web.days import start_of_day

DAYS = 14
COUNTED = 1000  # rows of a relation that pages count
FRONT_PAGE_KEY = "admin:"  # of shared results
FRONT_PAGE_EXPIRE = 60  # seconds

# The plot's own units; the page scales it.
SLOT, BAR, HEIGHT, LEAST = 20, 14, 56, 2


@dataclass
class Figure:
    """A number on the front page, worded in the reader's language."""

    label: str
    value: str
    note: str = ""
    url: str = ""


@dataclass
class Series:
    """Events per day; days without any are left out."""

    label: str
    counts: dict[date, int]
    bars: list = field(default_factory=list)

    @property
    def total(self):
        """Return the sum of all days."""
        return sum(self.counts.values())

    @property
    def readable_total(self):
        """Return the sum of all days, formatted for the reader."""
        return readable_number(self.total)

    @property
    def summary(self):
        """Return the plot as a sentence, for screen readers."""
        if not self.total:
            return _("None in these days.")
        day, most = max(self.counts.items(), key=lambda item: item[1])
        text = ngettext(
            "%(total)s in all; the most on %(day)s: %(most)s.",
            "%(total)s in all; the most on %(day)s: %(most)s.",
            self.total,
        )
        return text % {
            "total": self.readable_total,
            "day": date_format(day, "MONTH_DAY_FORMAT"),
            "most": readable_number(most),
        }


@dataclass
class Bar:
    """One day of a Series, in plot units."""

    label: str
    x: int
    y: int
    width: int
    height: int


class FrontPage:
    """The template's data: figures, a plot for each series, and their table.

    `as_of` is the time from which they are if newer ones are being counted. `is_pending` means
    that some were never counted.
    """

    width = SLOT * DAYS
    height = HEIGHT

    def __init__(self, figures, series, first, results=()):
        self.figures, self.series = figures, series
        stale = [result.computed_at for result in results if result.is_stale]
        self.is_pending = None in stale
        self.as_of = min(filter(None, stale), default=None)
        self.days = [first + timedelta(days=number) for number in range(DAYS)]
        for one in series:
            one.bars = make_bars(one.counts, self.days)

    @property
    def rows(self):
        """Yield each day with its number in every series."""
        for day in reversed(self.days):
            yield day, [one.counts.get(day, 0) for one in self.series]


def first_day():
    """Return the first date of the plots, in the reader's time zone."""
    return timezone.localdate() - timedelta(days=DAYS - 1)


def make_bars(counts, days):
    """Return a Bar for each of `days` that has events."""
    most = max(counts.values(), default=0)
    found = []
    for number, day in enumerate(days):
        count = counts.get(day, 0)
        if not count:
            continue
        height = max(LEAST, round(count / most * HEIGHT))
        label = f"{date_format(day, 'MONTH_DAY_FORMAT')}: {readable_number(count)}"
        x = number * SLOT + (SLOT - BAR) // 2
        found.append(Bar(label, x, HEIGHT - height, BAR, height))
    return found


def counts_by_day(queryset, column, since):
    """Return {date: rows} for DAYS days from `since`; days without rows are left out.

    One query. The day boundaries are computed here, because the databases disagree about time
    zones and comparing timestamps is cheaper than converting them to dates.
    """
    first = timezone.localdate(since)
    days = [first + timedelta(days=number) for number in range(DAYS + 1)]
    counts = {}
    for day, following in pairwise(days):
        within = Q(
            **{f"{column}__gte": start_of_day(day), f"{column}__lt": start_of_day(following)}
        )
        counts[f"{day:d%Y%m%d}"] = Count("pk", filter=within)
    found = queryset.filter(**{f"{column}__gte": since}).aggregate(**counts)
    return {day: found[f"{day:d%Y%m%d}"] for day in days[:-1] if found[f"{day:d%Y%m%d}"]}


def readable_number(number):
    """Return a number with the reader's thousands separators."""
    return number_format(number, force_grouping=True)


def readable_capped_count(number):
    """Return a count that stopped after COUNTED, for the reader."""
    if number <= COUNTED:
        return readable_number(number)
    return _("more than %(count)s") % {"count": readable_number(COUNTED)}


def forget_front_page():
    """Have the front page's figures counted again when somebody opens it."""
    shared_results.outdate(FRONT_PAGE_KEY)
