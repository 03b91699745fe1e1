"""Rate limits, counted in the database before the attempt.

Concurrent attempts in any number of processes cannot exceed the limit.
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
    """At most `most` attempts within `window`, per subject, per address, or per pair of both."""

    kind: str  # one of AttemptCounter.Kind
    most: int
    window: timedelta
    subject: str = ""
    address: str = ""
    user_id: int | None = None

    def rows(self):
        """Return a queryset of the limit's row, if there is one."""
        return AttemptCounter.objects.filter(
            kind=self.kind, subject=self.subject, address=self.address
        )


class ReachedError(Exception):
    """A limit is reached."""


def count_attempt(limits):
    """Count an attempt towards each limit and return 0, or the seconds to wait if one is reached.

    In that case nothing is counted. Limits must have the same order of kinds everywhere to avoid
    deadlocks.
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
    """Return the seconds until another attempt is allowed; 0 if one is allowed now."""
    now = timezone.now()
    ends = [
        end
        for limit in limits
        for end in limit.rows()
        .filter(count__gte=limit.most, ends_at__gt=now)
        .values_list("ends_at", flat=True)
    ]
    return math.ceil((max(ends) - now).total_seconds()) if ends else 0


def uncount_attempt(limits):
    """Undo the count of an attempt that succeeded."""
    with transaction.atomic():
        for limit in limits:
            limit.rows().filter(count__gt=0).update(count=F("count") - 1)


def delete_expired():
    """Delete up to BATCH expired counters."""
    over = AttemptCounter.objects.filter(ends_at__lte=timezone.now())
    with transaction.atomic():
        # Skip rows that a running attempt has locked.
        keys = list(over.select_for_update(skip_locked=True).values_list("pk", flat=True)[:BATCH])
        AttemptCounter.objects.filter(pk__in=keys).delete()


def _count(limit, now):
    """Count an attempt towards a limit; raises ReachedError."""
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
