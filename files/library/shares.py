"""Links to files for people without a log-in.

The address holds a token: the link's nonce and a signature of it under SECRET_KEY. The row
keeps the nonce and a SHA-256 hash of the token. So a token cannot be guessed; a copy of the
database or a backup gives none away, yet is all that it takes to check one, also on another
machine with another key; and while the key is the same, the owner can be shown the address
again. A token that is rightly signed counts as well: links made under SECRET_KEY_FALLBACKS
have another hash.
"""

import base64
import hashlib
import math
import re
from contextlib import suppress
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.hashers import check_password, make_password
from django.core.cache import cache
from django.db import transaction
from django.db.models import Case, F, Q, When
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac

from files.models import File, Share

SALT = "files.share"
SIGNATURE = 22  # characters of 6 bits each
NONCE = 16  # characters
TOKEN = re.compile(rf"[0-9a-f]{{{NONCE}}}[\w-]{{{SIGNATURE}}}", re.ASCII)
# So many wrong passwords, then a pause for everybody who does not know it.
FAILURES = 10
PAUSE = timedelta(minutes=15)
# So many tokens that were never made from one place, then no link leads anywhere from there
# until the minute is over. While the cache is away nobody counts: no guess would be right.
MISSES = 30
MISSED_FOR = 60  # seconds


def create(*, user, files, days, limit=None, password=""):
    """Return a new Share of some of the user's Files, which ends after `days`."""
    share = Share(
        user=user,
        limit=limit,
        password=make_password(password) if password else "",
        expires_at=timezone.now() + timedelta(days=days),
    )
    share.token_hash = hashed(signed_token(share.nonce, settings.SECRET_KEY))
    with transaction.atomic():
        share.save()
        share.files.set(files)
    return share


def token_of(share):
    """Return the token in the address of a link, or None if another SECRET_KEY made it."""
    tokens = (signed_token(share.nonce, secret) for secret in secret_keys())
    if not share.token_hash:
        return next(tokens)
    return next((token for token in tokens if hashed(token) == share.token_hash), None)


def secret_keys():
    """Return the keys that a token may be signed under, the present one first."""
    return [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]


def signed_token(nonce, secret):
    """Return the token of a nonce under a key."""
    digest = salted_hmac(SALT, nonce, secret=secret, algorithm="sha256").digest()
    return nonce + base64.urlsafe_b64encode(digest).decode("ascii")[:SIGNATURE]


def hashed(token):
    """Return the hash that the database keeps of a token; it is random enough for a plain one."""
    return hashlib.sha256(token.encode()).hexdigest()


def is_valid(token, token_hash):
    """Return whether a token has that hash, or is signed under one of the keys."""
    right = [constant_time_compare(hashed(token), token_hash)]
    for secret in secret_keys():
        right.append(constant_time_compare(token, signed_token(token[:NONCE], secret)))
    return any(right)


def find(token, links=None):
    """Return the Share of a token, or None; the link may be used up, but not over.

    `links` is a queryset to look in instead.
    """
    if not TOKEN.fullmatch(token):
        return None
    links = Share.objects.unexpired() if links is None else links
    share = links.filter(nonce=token[:NONCE]).first()
    return share if share and is_valid(token, share.token_hash) else None


def was_made(token):
    """Return whether a token was made here, whatever became of its link."""
    signed = bool(TOKEN.fullmatch(token)) and is_valid(token, "")
    return signed or find(token, Share.objects.all()) is not None


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
