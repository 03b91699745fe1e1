"""Days as they begin where the reader is, whatever the clocks do there."""

from datetime import datetime, time, timedelta

from django.utils import timezone


def midnight(day):
    """Return the moment at which a date begins for the reader, as an aware datetime.

    Where clocks skip or repeat midnight it is the first moment of that date.
    """
    return timezone.make_aware(datetime.combine(day, time.min))


def days_ago(count):
    """Return the moment at which the reader's day `count` days before today began."""
    return midnight(timezone.localdate() - timedelta(days=count))
