"""Results that take long to compute, kept in the database for all processes.

A page shows the last result and its time. A stale one is computed again by one thread of one
process, and the page waits for it only a moment. So no page takes long, not even after a restart,
and no result is computed twice at once.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Q
from django.utils import timezone

from camp.models import SharedResult

logger = logging.getLogger("camp.web.shared_results")

WAIT = 0.1  # seconds that a page waits for new results
# A computation that began longer ago has failed, or its process was killed.
CLAIM_EXPIRES = timedelta(minutes=1)


@dataclass(frozen=True)
class Computation:
    """How to compute the result `key`, which is stale after some seconds.

    `compute` returns JSON types. It runs in another thread, with the default language and time
    zone, unless BACKGROUND_JOBS_INLINE is set.
    """

    key: str
    seconds: float
    compute: Callable[[], Any]


@dataclass(frozen=True)
class Result:
    """A value and the time from which it is; both None if it was never computed.

    `is_stale` means that a new one is being computed.
    """

    value: Any = None
    computed_at: datetime | None = None
    is_stale: bool = False


def get_results(computations):
    """Return a list with the Result of each Computation; waits at most WAIT."""
    end = time.monotonic() + WAIT
    threads = [compute_if_stale(one) for one in computations]
    for thread in filter(None, threads):
        thread.join(max(0, end - time.monotonic()))
    rows = SharedResult.objects.in_bulk([one.key for one in computations])
    return [describe(rows.get(one.key), one) for one in computations]


def describe(row, computation):
    """Return the Result of a row, which may be None."""
    if row is None or row.computed_at is None:
        return Result(is_stale=True)
    return Result(row.value, row.computed_at, is_stale(row, computation))


def is_stale(row, computation):
    """Return whether a row should be computed again."""
    end = timezone.now() - timedelta(seconds=computation.seconds)
    return row.outdated or row.computed_at is None or row.computed_at < end


def compute_if_stale(computation):
    """Start a computation unless its result is fresh or somebody else computes it.

    Returns the thread, or None.
    """
    row, _is_new = SharedResult.objects.get_or_create(key=computation.key)
    if not is_stale(row, computation) or not claim(computation.key):
        return None
    if settings.BACKGROUND_JOBS_INLINE:
        keep(computation)
        return None
    thread = threading.Thread(
        target=run, args=(computation,), name=f"result-{computation.key}", daemon=True
    )
    thread.start()
    return thread


def claim(key):
    """Return whether the caller is to compute a result, because nobody else does."""
    now = timezone.now()
    is_free = Q(claimed_at=None) | Q(claimed_at__lt=now - CLAIM_EXPIRES)
    rows = SharedResult.objects.filter(is_free, key=key)
    return bool(rows.update(claimed_at=now, outdated=False))


def keep(computation):
    """Compute a result and keep it. It is from the time when the computation began."""
    now = timezone.now()
    value = computation.compute()
    rows = SharedResult.objects.filter(key=computation.key)
    rows.update(value=value, computed_at=now, claimed_at=None)


def run(computation):
    """Do the same in a thread. After an error the next try is made when the claim has expired."""
    try:
        keep(computation)
    except Exception as error:
        logger.error("Not computed: %s (%s)", computation.key, type(error).__name__)
    finally:
        connection.close()


def outdate(prefix):
    """Have the results whose key begins with `prefix` computed again when they are wanted."""
    SharedResult.objects.filter(key__startswith=prefix).update(outdated=True)
