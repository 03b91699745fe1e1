"""The filter of lists by dates: a period such as this month, or a range of days."""

from datetime import UTC, timedelta

from django.contrib import admin
from django.contrib.admin.exceptions import DisallowedModelAdminLookup
from django.db.models import DateTimeField
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from camp.web.days import start_of_day

PERIODS = {
    "today": gettext_lazy("Today"),
    "week": gettext_lazy("Past 7 days"),
    "month": gettext_lazy("This month"),
    "year": gettext_lazy("This year"),
}


class InvalidDateError(DisallowedModelAdminLookup):
    """A value in the address that is no date; `detail` says so to the reader."""

    def __init__(self, value):
        super().__init__(value)
        sentence = _("“%(value)s” is not a date. Write a day like this: %(example)s.")
        self.detail = sentence % {"value": value[:40], "example": timezone.localdate().isoformat()}


class DateRangeFilter(admin.FieldListFilter):
    """Filter by a period, or by the first and the last day of a range.

    Days are those of the reader's time zone. In an address that is opened later, a period counts
    from that day. The parameters `__gte` and `__lt` also take moments, as in Django's own filter.
    """

    template = "admin/date_range_filter.html"
    error = ""

    def __init__(self, field, request, params, model, model_admin, field_path):
        names = ["gte", "lte", "lt", "within", *(["isnull"] if field.null else [])]
        self.names = {name: f"{field_path}__{name}" for name in names}
        super().__init__(field, request, params, model, model_admin, field_path)
        given = {name: request.GET.get(full, "").strip() for name, full in self.names.items()}
        self.period, self.empty = given["within"], given.get("isnull", "")
        self.since = first_moment(given["gte"])
        self.until = end_of_day(given["lte"]) or first_moment(given["lt"])
        if self.period:
            self.since, self.until = period_bounds(self.period)
        elif self.since and self.until and self.since >= self.until:
            self.error = _("The first day is after the last one.")

    def expected_parameters(self):
        return list(self.names.values())

    def queryset(self, request, queryset):
        """Return the rows within the range."""
        if self.error:
            return queryset.none()
        bounds = {"gte": self.since, "lt": self.until}
        limits = {f"{self.field_path}__{name}": bound for name, bound in bounds.items() if bound}
        if self.empty in ("True", "False"):
            limits[self.names["isnull"]] = self.empty == "True"
        return queryset.filter(**limits)

    @property
    def first_day(self):
        """The first day of the range as an ISO date, or ""."""
        if self.period or not self.since:
            return ""
        return timezone.localdate(self.since).isoformat()

    @property
    def last_day(self):
        """The last day of the range as an ISO date, or ""."""
        if self.period or not self.until:
            return ""
        return timezone.localdate(self.until - timedelta(microseconds=1)).isoformat()

    def choices(self, changelist):
        """Yield the links, which need no form."""
        own = self.expected_parameters()
        kept = {name: value for name, value in changelist.params.items() if name not in own}
        self.other_parameters = kept

        def choice(display, selected, **new):
            query = {self.names[name]: value for name, value in new.items()}
            return {
                "selected": selected,
                "query_string": changelist.get_query_string(query, own),
                "display": display,
            }

        yield choice(_("Any date"), not (self.since or self.until or self.empty))
        for name, display in PERIODS.items():
            yield choice(display, self.period == name, within=name)
        if self.field.null:
            yield choice(_("No date"), self.empty == "True", isnull="True")
            yield choice(_("Has date"), self.empty == "False", isnull="False")


admin.FieldListFilter.register(
    lambda field: isinstance(field, DateTimeField), DateRangeFilter, take_priority=True
)


def first_moment(text):
    """Return the moment where a day or time begins; None for ""."""
    return parse_moment(text, timedelta(0))


def end_of_day(text):
    """Return the moment where the day after begins; None for ""."""
    return parse_moment(text, timedelta(days=1))


def parse_moment(text, days):
    """Return the start of the day `days` after an ISO date, or the moment of an ISO date and time.

    Raises InvalidDateError.
    """
    if not text:
        return None
    try:
        day = parse_date(text)
        moment = start_of_day(day + days) if day else parse_datetime(text)
        if moment is None:
            raise InvalidDateError(text)
        if timezone.is_naive(moment):
            moment = timezone.make_aware(moment)
        moment.astimezone(UTC)  # as the database will
        # The filter shows the days.
        timezone.localdate(moment - timedelta(days=1))
    except (ValueError, OverflowError):
        raise InvalidDateError(text) from None
    return moment


def period_bounds(name):
    """Return the first moment of a period and the one after it; raises InvalidDateError."""
    if name not in PERIODS:
        raise InvalidDateError(name)
    today = timezone.localdate()
    tomorrow = today + timedelta(days=1)
    first, after = {
        "today": (today, tomorrow),
        "week": (today - timedelta(days=6), tomorrow),
        "month": (today.replace(day=1), (today.replace(day=28) + timedelta(days=4)).replace(day=1)),
        "year": (today.replace(month=1, day=1), today.replace(year=today.year + 1, month=1, day=1)),
    }[name]
    return start_of_day(first), start_of_day(after)
