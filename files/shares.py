"""Links to files for people without a log-in.

The address holds a token: the link's nonce and a signature of it under SECRET_KEY. So a
token cannot be guessed, a copy of the database gives none away, and the owner can be shown
the address again.
"""

import base64
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.hashers import check_password
from django.db.models import F
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac

from files.models import File, Share

SALT = "files.share"
SIGNATURE = 22  # characters of 6 bits each
NONCE = 16  # characters
# So many wrong passwords, then a pause for everybody who does not know it.
FAILURES = 10
PAUSE = timedelta(minutes=15)


def token_of(share):
    """Return the token in the address of a link."""
    return share.nonce + signature(share.nonce, settings.SECRET_KEY)


def signature(nonce, secret):
    """Return what makes a nonce a token."""
    digest = salted_hmac(SALT, nonce, secret=secret, algorithm="sha256").digest()
    return base64.urlsafe_b64encode(digest).decode("ascii")[:SIGNATURE]


def find(token):
    """Return the open Share of a token, or None."""
    nonce, given = token[:NONCE], token[NONCE:]
    secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    right = [constant_time_compare(given, signature(nonce, secret)) for secret in secrets]
    return Share.objects.open().filter(nonce=nonce).first() if any(right) else None


def files_of(share):
    """Return the files of a link that are there, still its owner's and not in the trash."""
    return File.objects.present().filter(shares=share, user_id=share.user_id)


def is_right(share, password):
    """Return whether a password opens a link; None while a pause has to be waited for."""
    now = timezone.now()
    pausing = share.failed_at is not None and share.failed_at > now - PAUSE
    if pausing and share.failures >= FAILURES:
        return None
    if check_password(password, share.password):
        return True
    known = F("failures") + 1 if pausing else 1
    Share.objects.filter(pk=share.pk).update(failures=known, failed_at=now)
    return False


def count_download(share):
    """Note one use of a link; returns False where its limit is reached already."""
    still = Share.objects.open().filter(pk=share.pk)
    return bool(still.update(downloads=F("downloads") + 1, used_at=timezone.now()))
