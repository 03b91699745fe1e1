"""Links to files for people without a log-in.

The address holds a token: the link's nonce and a signature of it under SECRET_KEY. So a
token cannot be guessed, a copy of the database gives none away, and the owner can be shown
the address again.
"""

import base64
import math
from contextlib import suppress
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.hashers import check_password
from django.core.cache import cache
from django.db.models import Case, F, Q, When
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac

from files.models import File, Share

SALT = "files.share"
SIGNATURE = 22  # characters of 6 bits each
NONCE = 16  # characters
# So many wrong passwords, then a pause for everybody who does not know it.
FAILURES = 10
PAUSE = timedelta(minutes=15)
# So many tokens that were never made from one place, then no link leads anywhere from there
# until the minute is over. While the cache is away nobody counts: no guess would be right.
MISSES = 30
MISSED_FOR = 60  # seconds


def token_of(share):
    """Return the token in the address of a link."""
    return share.nonce + signature(share.nonce, settings.SECRET_KEY)


def signature(nonce, secret):
    """Return what makes a nonce a token."""
    digest = salted_hmac(SALT, nonce, secret=secret, algorithm="sha256").digest()
    return base64.urlsafe_b64encode(digest).decode("ascii")[:SIGNATURE]


def is_signed(token):
    """Return whether a token was made here, whatever became of its link."""
    nonce, given = token[:NONCE], token[NONCE:]
    secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    right = [constant_time_compare(given, signature(nonce, secret)) for secret in secrets]
    return any(right)


def find(token):
    """Return the open Share of a token, or None."""
    return Share.objects.open().filter(nonce=token[:NONCE]).first() if is_signed(token) else None


def note_miss(place):
    """Note that a token which was never made came from a place, a client's address."""
    cache.add(_misses(place), 0, MISSED_FOR)
    with suppress(ValueError):  # the minute ended just now
        cache.incr(_misses(place))


def is_guessing(place):
    """Return whether too many such tokens came from there; from None, nobody counts."""
    return place is not None and cache.get(_misses(place), 0) >= MISSES


def _misses(place):
    return f"share:misses:{place}"


def files_of(share):
    """Return the files of a link that are there, still its owner's and not in the trash."""
    return File.objects.present().filter(shares=share, user_id=share.user_id)


def is_right(share, password):
    """Return whether a password opens a link; None while a pause has to be waited for.

    A try is counted before it is looked at: however many come at once, no more are.
    """
    now, row = timezone.now(), Share.objects.filter(pk=share.pk)
    lately = Q(failed_at__gt=now - PAUSE)
    failures = Case(When(lately, then=F("failures") + 1), default=1)
    if not row.exclude(lately, failures__gte=FAILURES).update(failures=failures, failed_at=now):
        return None
    right = check_password(password, share.password)
    if right:
        row.update(failures=F("failures") - 1)
    return right


def seconds_to_wait(share):
    """Return how long the pause after wrong passwords goes on, at least 1."""
    share.refresh_from_db(fields=["failed_at"])
    return max(1, math.ceil((share.failed_at + PAUSE - timezone.now()).total_seconds()))


def count_download(share):
    """Note one use of a link; returns False where its limit is reached already."""
    still = Share.objects.open().filter(pk=share.pk)
    return bool(still.update(downloads=F("downloads") + 1, used_at=timezone.now()))
