"""How much room each person has, and how uploads at the same time share it.

Nothing is counted beside the rows: what is taken up is the sum of a person's files (earlier
versions and the trash too), of their unfinished uploads and of the reservations of forms that are
coming in. Whoever wants room first locks the person's row, so that of two uploads the
second sees what the first has reserved. A reservation only keeps a form from being read in
vain: it may lapse, so room is looked for again where the rows of files are written.
"""

from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Sum
from django.utils import timezone

from files.library import usage
from files.models import Quota, Reservation, Upload

# So long after its last sign of life a form counts as gone.
FORGOTTEN = timedelta(hours=1)


class OverQuota(Exception):
    """There is no room for so much; `left` (bytes) is what there is."""

    def __init__(self, left):
        super().__init__(left)
        self.left = left


@dataclass(frozen=True)
class Room:
    """What somebody has and takes up, in bytes; without a `limit` there is no end to it."""

    limit: int | None
    used: int

    @property
    def left(self):
        """Return what may still come; None without a limit."""
        return None if self.limit is None else max(0, self.limit - self.used)

    @property
    def percent(self):
        """Return how much of the limit is taken up, at most 100."""
        return min(100, round(100 * self.used / self.limit)) if self.limit else 100


def room_of(user):
    """Return the Room of somebody, for showing: the sum may be a minute old."""
    return Room(limit_of(user.pk), usage.bytes_used(user))


def limit_of(user_id):
    """Return how many bytes somebody may keep, or None."""
    own = Quota.objects.filter(user_id=user_id).values_list("limit", flat=True)
    for limit in own:
        return limit
    return settings.USER_QUOTA or None


@contextmanager
def reserving(user_id, size, reservation=None):
    """Within the block, write the row that takes up `size` bytes; raises OverQuota.

    A `reservation` for them ends with it. Of an Upload, whose row has taken up its bytes from
    the start, `size` is 0.
    """
    with transaction.atomic():
        left = locked_left(user_id, reservation)
        if left is not None and size > left:
            raise OverQuota(max(0, left))
        yield


def reserve_up_to(user_id, size):
    """Reserve `size` bytes for a form, or as many as are left; returns the Reservation.

    None means that nothing needs to be reserved. `release` it at the end.
    """
    if limit_of(user_id) is None:
        return None
    with transaction.atomic():
        left = locked_left(user_id)
        return Reservation.objects.create(user_id=user_id, size=min(size, max(0, left)))


def renew(reservation):
    """Show that a form is still coming in."""
    Reservation.objects.filter(pk=reservation.pk).update(renewed_at=timezone.now())


def release(reservation):
    """Give back what was reserved; the files that came have rows of their own by now."""
    if reservation is not None:
        Reservation.objects.filter(pk=reservation.pk).delete()


def locked_left(user_id, reservation=None):
    """Return what is left for somebody, and keep others from reserving until the commit.

    It is below 0 where a limit was lowered, and None without one. Room that a `reservation`
    holds is given back first.
    """
    limit = limit_of(user_id)
    if limit is None:
        return None
    people = get_user_model().objects.select_for_update(no_key=True)
    list(people.filter(pk=user_id).values_list("pk"))
    release(reservation)
    return limit - taken(user_id)


def taken(user_id):
    """Return how many bytes somebody's files and everything that is coming in take up."""
    uploads = Upload.objects.order_by().filter(user=user_id, file=None).values_list("user")
    alive = timezone.now() - FORGOTTEN
    forms = Reservation.objects.order_by().filter(user=user_id, renewed_at__gte=alive)
    coming = [
        uploads.annotate(sum=Sum("length")),
        forms.values_list("user").annotate(sum=Sum("size")),
    ]
    # What came in between two queries would be in neither.
    return sum(size for _user, size in usage.together([*usage.sums([user_id]), *coming]))
