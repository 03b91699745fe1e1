"""How much people store, for a page of the admin."""

import time

from django.utils.translation import gettext as _

from camp.admin.model_admin import COUNTED
from camp.cache.manager import cache_manager
from camp.templatetags.camp import readable_bytes
from files.library import quota

BUDGET = 0.1  # seconds a page for those who keep many files


def usage_of_page(users):
    """Return {user id: bytes} for users with their `files_kept`.

    The sum of somebody with more than COUNTED files may be a minute old, and is None until a page
    has had the time to add it up.
    """
    many = [user for user in users if user.files_kept > COUNTED]
    few = [user.pk for user in users if user.files_kept <= COUNTED]
    usage = dict.fromkeys(few, 0) | (quota.usage_of(few) if few else {})
    end = time.monotonic() + BUDGET
    for user in many:
        if time.monotonic() < end:
            usage[user.pk] = quota.bytes_used(user)
        else:
            usage[user.pk] = cache_manager.get_sync(quota.usage_cache_key(user.pk))
    return usage


def readable_usage(size):
    """Return a number of bytes for the reader; None was not added up yet."""
    return _("being added up") if size is None else readable_bytes(size)
