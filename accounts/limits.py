"""Limits on how often something may be tried, counted in the database before it is tried.

So however many tries come at once, and to however many processes, no more than the limit are
looked at.
"""

import math
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.db.models import Case, F, Q, Value, When
from django.utils import timezone

from accounts.models import AttemptCounter

BATCH = 500  # rows removed at a time


@dataclass(frozen=True)
class Limit:
    """At most `most` tries within `window`, for a subject, an address, or both together."""

    kind: str  # one of AttemptCounter.Kind
    most: int
    window: timedelta
    subject: str = ""
    address: str = ""
    user_id: int | None = None

    def rows(self):
        """Return the row of the limit, if there is one, as a queryset."""
        return AttemptCounter.objects.filter(
            kind=self.kind, subject=self.subject, address=self.address
        )


class ReachedError(Exception):
    """A limit was reached already."""


def take(limits):
    """Count a try towards each limit and return 0, or the seconds to wait if one is reached.

    In that case nothing is counted. Limits must come in the same order of kinds everywhere,
    or two tries could wait for each other's rows.
    """
    now = timezone.now()
    try:
        with transaction.atomic():
            for limit in limits:
                _count(limit, now)
    except ReachedError:
        return max(1, seconds_to_wait(limits))
    return 0


def seconds_to_wait(limits):
    """Return for how many seconds no further try is allowed; 0 if one is now."""
    now = timezone.now()
    ends = [
        end
        for limit in limits
        for end in limit.rows()
        .filter(count__gte=limit.most, ends_at__gt=now)
        .values_list("ends_at", flat=True)
    ]
    return math.ceil((max(ends) - now).total_seconds()) if ends else 0


def give_back(limits):
    """Take a try back that was counted and turned out to be right."""
    with transaction.atomic():
        for limit in limits:
            limit.rows().filter(count__gt=0).update(count=F("count") - 1)


def sweep():
    """Remove counters that are over, up to BATCH of them."""
    over = AttemptCounter.objects.filter(ends_at__lte=timezone.now())
    with transaction.atomic():
        # Rows that a try holds are left to it.
        keys = list(over.select_for_update(skip_locked=True).values_list("pk", flat=True)[:BATCH])
        AttemptCounter.objects.filter(pk__in=keys).delete()


def _count(limit, now):
    """Count a try towards a limit; raises ReachedError."""
    over = Q(ends_at__lte=now)
    end = now + limit.window
    changes = {
        "count": Case(When(over, then=1), default=F("count") + 1),
        "ends_at": Case(When(over, then=Value(end)), default=F("ends_at")),
    }
    for _attempt in range(2):
        if limit.rows().filter(over | Q(count__lt=limit.most)).update(**changes):
            return
        row = AttemptCounter(
            kind=limit.kind,
            subject=limit.subject,
            address=limit.address,
            user_id=limit.user_id,
            ends_at=end,
        )
        AttemptCounter.objects.bulk_create([row], ignore_conflicts=True)
    raise ReachedError
