"""How much room people take up."""

from collections import Counter

from django.db import transaction
from django.db.models import Sum

from camp.cache.manager import cache_manager, cached
from files.models import File, Version

EXPIRE = 60  # seconds that a sum computed beside an upload may be behind


def bytes_used(user):
    """Return how many bytes the user keeps: earlier versions and the trash are included."""
    return cached(key(user.pk), EXPIRE, lambda: total(user))


def total(user):
    """Return the same from the database, in one query."""
    return totals([user.pk])[user.pk]


def totals(people):
    """Return {user id: bytes} for those of some people who keep any. One query."""
    found = Counter()
    for user_id, size in together(sums(people)):
        found[user_id] += size
    return found


def sums(people):
    """Return querysets of (user id, bytes) for the files of some people and their versions."""
    files = File.objects.order_by().filter(user__in=people).values_list("user")
    versions = Version.objects.order_by().filter(file__user__in=people).values_list("file__user")
    return [files.annotate(sum=Sum("size")), versions.annotate(sum=Sum("size"))]


def together(querysets):
    """Return the rows of all querysets, as they are at one moment: by one query."""
    first, *rest = querysets
    return first.union(*rest, all=True)


def forget(user_id):
    """Have the sum computed again; call it after whatever changes it. None is nobody's."""
    if user_id is None:
        return
    cache_manager.delete_sync(key(user_id))
    # Until the commit, others still see, and might keep, the sum from before.
    if transaction.get_connection().in_atomic_block:
        transaction.on_commit(lambda: cache_manager.delete_sync(key(user_id)), robust=True)


def key(user_id):
    """Return the cache key of a user's sum."""
    return f"files:used:{user_id}"
