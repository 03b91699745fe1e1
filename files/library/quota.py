"""How much room people have and use, and how uploads at the same time share it.

There is no counter: the room in use is the sum of a person's files (earlier versions and the
trash included), unfinished uploads, and reservations of forms that are arriving. To reserve room
is to lock the person's row first, so that of two uploads the second sees what the first has
reserved. A reservation only avoids reading a form in vain: it may lapse, so the room is checked
again when the rows of the files are written.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import BigIntegerField, Sum, Value
from django.utils import timezone

from camp.cache.manager import cache_manager, get_or_compute
from camp.db.compiled_query import compile_query
from camp.db.row_locks import lock_rows
from files.models import File, Quota, Reservation, Upload, Version

# A form that was not renewed for this long is gone.
RESERVATION_EXPIRES = timedelta(hours=1)
USAGE_CACHE_SECONDS = 60


class OverQuota(Exception):
    """There is not enough room; `left` (bytes) is what there is."""

    def __init__(self, left: int) -> None:
        super().__init__(left)
        self.left = left


@dataclass(frozen=True)
class Room:
    """The room that a person has and uses, in bytes; `limit` is None if there is no quota."""

    limit: int | None
    used: int

    @property
    def left(self):
        """Return the free bytes; None without a limit."""
        return None if self.limit is None else max(0, self.limit - self.used)

    @property
    def percent(self):
        """Return how much of the limit is used, at most 100."""
        return min(100, round(100 * self.used / self.limit)) if self.limit else 100


def room_of(user):
    """Return the Room of a user, for display: the sum may be a minute old. One query."""
    used = cache_manager.get_sync(usage_cache_key(user.pk))
    if used is not None:
        return Room(limit_of(user.pk), used)
    own = Quota.objects.filter(user=user).annotate(mark=Value(None, BigIntegerField()))
    rows = list(union_all([own.values_list("mark", "limit"), *usage_queries([user.pk])]))
    limits = [limit for user_id, limit in rows if user_id is None]
    # PostgreSQL sums bigints as numeric.
    used = int(sum(size for user_id, size in rows if user_id is not None))
    cache_manager.set_sync(usage_cache_key(user.pk), used, USAGE_CACHE_SECONDS)
    return Room(limits[0] if limits else settings.USER_QUOTA or None, used)


def limit_of(user_id):
    """Return how many bytes a user may keep, or None."""
    for limit in read_own_limit(user_id):
        return limit
    return settings.USER_QUOTA or None


@compile_query
def read_own_limit(user_id):
    """Return the limit that organisers have set for one user, if any; it may be None."""
    return Quota.objects.filter(user_id=user_id).values_list("limit", flat=True)


@contextmanager
def reserve(user_id: int, size: int, reservation: Reservation | None = None) -> Iterator[None]:
    """Within the block, write the row that uses `size` bytes; raises OverQuota.

    A `reservation` for them is released. The file of an Upload, whose row has used its bytes from
    the start, has the `size` 0.
    """
    with transaction.atomic():
        left = lock_and_get_room(user_id, reservation)
        if left is not None and size > left:
            raise OverQuota(max(0, left))
        yield


def reserve_up_to(user_id: int, size: int) -> Reservation | None:
    """Reserve `size` bytes for a form, or as many as are left; returns the Reservation.

    None means that there is no limit. `release` it at the end.
    """
    if limit_of(user_id) is None:
        return None
    with transaction.atomic():
        left = lock_and_get_room(user_id)
        return Reservation.objects.create(user_id=user_id, size=min(size, max(0, left)))


def renew(reservation):
    """Keep the reservation of a form that is still arriving from lapsing."""
    Reservation.objects.filter(pk=reservation.pk).update(renewed_at=timezone.now())


def release(reservation: Reservation | None) -> None:
    """Remove a reservation; the files of the form have rows of their own by now."""
    if reservation is not None:
        Reservation.objects.filter(pk=reservation.pk).delete()


def remove_expired_reservations():
    """Remove the reservations that a killed server left."""
    expired = timezone.now() - RESERVATION_EXPIRES
    Reservation.objects.filter(renewed_at__lt=expired).delete()


def lock_and_get_room(user_id: int, reservation: Reservation | None = None) -> int | None:
    """Return how many bytes a user has left; until the commit nobody else can reserve any.

    It is below 0 after a limit was lowered, and None without a limit. A `reservation` is released
    first.
    """
    limit = limit_of(user_id)
    if limit is None:
        return None
    lock_rows(get_user_model().objects.filter(pk=user_id))
    release(reservation)
    return limit - bytes_used_and_reserved(user_id)


def bytes_used_and_reserved(user_id):
    """Return how many bytes a user's files and unfinished uploads use. One query."""
    uploads = Upload.objects.order_by().filter(user=user_id, file=None).values_list("user")
    alive = timezone.now() - RESERVATION_EXPIRES
    forms = Reservation.objects.order_by().filter(user=user_id, renewed_at__gte=alive)
    arriving = [
        uploads.annotate(sum=Sum("length")),
        forms.values_list("user").annotate(sum=Sum("size")),
    ]
    # Between two queries an upload could become a file, and be in neither.
    return sum(size for _user, size in union_all([*usage_queries([user_id]), *arriving]))


def bytes_used(user):
    """Return how many bytes a user's files use, versions and trash included; it is cached."""
    return get_or_compute(
        usage_cache_key(user.pk), USAGE_CACHE_SECONDS, lambda: usage_of([user.pk])[user.pk]
    )


def usage_of(user_ids):
    """Return a Counter {user id: bytes used by files}. One query."""
    found = Counter()
    for user_id, size in union_all(usage_queries(user_ids)):
        found[user_id] += size
    return found


def usage_queries(user_ids):
    """Return querysets of (user id, bytes) for the files of users, and for their versions."""
    files = File.objects.order_by().filter(user__in=user_ids).values_list("user")
    versions = Version.objects.order_by().filter(file__user__in=user_ids).values_list("file__user")
    return [files.annotate(sum=Sum("size")), versions.annotate(sum=Sum("size"))]


def union_all(querysets):
    """Return the rows of all querysets at one moment: by one query."""
    first, *rest = querysets
    return first.union(*rest, all=True)


def forget_usage(user_id: int | None) -> None:
    """Drop the cached usage of a user; call it after every change of it. None does nothing."""
    if user_id is None:
        return
    cache_manager.delete_sync(usage_cache_key(user_id))
    # Until the commit, others still compute, and may cache, the old sum.
    if transaction.get_connection().in_atomic_block:
        transaction.on_commit(
            lambda: cache_manager.delete_sync(usage_cache_key(user_id)), robust=True
        )


def usage_cache_key(user_id):
    """Return the cache key of a user's usage."""
    return f"files:used:{user_id}"
