"""Start of days in the reader's time zone, across daylight saving changes."""

from datetime import datetime, time, timedelta

from django.utils import timezone


def start_of_day(day):
    """Return the start of a date in the reader's time zone, as an aware datetime.

    Where clocks skip or repeat midnight, that is the first moment of the date.
    """
    return timezone.make_aware(datetime.combine(day, time.min))


def days_ago(count):
    """Return the start of the reader's day `count` days ago, as an aware datetime."""
    return start_of_day(timezone.localdate() - timedelta(days=count))
