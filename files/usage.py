"""How much room people take up."""

from django.db import transaction
from django.db.models import Sum

from camp.cache import cache_manager, cached
from files.models import File

EXPIRE = 60  # seconds that a sum computed beside an upload may be behind


def bytes_used(user):
    """Return the total size of the user's files, those in the trash included, in bytes."""
    return cached(key(user.pk), EXPIRE, lambda: total(user))


def total(user):
    """Return the same from the database, in one query."""
    return File.objects.filter(user=user).aggregate(total=Sum("size"))["total"] or 0


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
