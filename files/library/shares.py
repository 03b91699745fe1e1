"""Links to files for people without a log-in: their tokens, passwords and downloads.

The address holds a token: the link's nonce and a signature of it under SECRET_KEY. The row keeps
the nonce and a SHA-256 hash of the token. So a token cannot be guessed, a copy of the database
reveals none, and the database alone can check one, also on another machine with another key. As
long as the key is the same, the owner can be shown the address again. A token with a valid
signature counts too: links made under SECRET_KEY_FALLBACKS have another hash.

One download may take several requests: a browser resumes after a broken line, a download manager
asks for several parts at once. The first request that sends bytes counts one download and writes
a Receipt for the client's network and what it asks for. Further requests belong to it while

- its last request is not older than RECEIPT_EXPIRES, and
- all its requests together send less than twice the bytes of the download.

That leaves room to resend what was lost, and never gives a second copy, whatever Range header
asks for it. Bytes that were not sent are given back when the request ends. An answer without bytes
(HEAD, 304, 416) counts for nothing.
"""

import base64
import hashlib
import ipaddress
import math
import re
from contextlib import suppress
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.hashers import check_password, make_password
from django.core.cache import cache
from django.db import connection, transaction
from django.db.models import Case, F, Q, When
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac

from camp.db.compiled_query import open_cursor
from files.models import File, Receipt, Share

SALT = "files.share"
SIGNATURE = 22  # characters of 6 bits each
NONCE = 16  # characters
TOKEN = re.compile(rf"[0-9a-f]{{{NONCE}}}[\w-]{{{SIGNATURE}}}", re.ASCII)
# After this many wrong passwords a link accepts none for a while.
MAX_WRONG_PASSWORDS = 10
PASSWORD_PAUSE = timedelta(minutes=15)
# After this many unknown tokens from one address, all its requests are refused until the minute is
# over. Without the cache they are not counted; a token cannot be guessed anyway.
MAX_UNKNOWN_TOKENS = 30
UNKNOWN_TOKEN_SECONDS = 60
ZIP = "zip"  # the `subject` of a receipt for all files
RECEIPT_EXPIRES = timedelta(hours=6)
RECEIPT_SALT = "files.receipt"
# Devices change the rest of their address every day: RFC 8981.
NETWORK_BITS = {4: 32, 6: 64}


def create(*, user, files, days, limit=None, password=""):
    """Return a new Share of some of the user's Files, which ends after `days`."""
    share = Share(
        user=user,
        limit=limit,
        password=make_password(password) if password else "",
        expires_at=timezone.now() + timedelta(days=days),
    )
    share.token_hash = hash_token(sign_token(share.nonce, settings.SECRET_KEY))
    with transaction.atomic():
        share.save()
        share.files.set(files)
    return share


def token_of(share):
    """Return the token of a link, or None if another SECRET_KEY signed it."""
    tokens = (sign_token(share.nonce, secret) for secret in secret_keys())
    if not share.token_hash:
        return next(tokens)
    return next((token for token in tokens if hash_token(token) == share.token_hash), None)


def secret_keys():
    """Return the keys that may have signed a token, the present one first."""
    return [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]


def sign_token(nonce, secret):
    """Return the token of a nonce under a key."""
    digest = salted_hmac(SALT, nonce, secret=secret, algorithm="sha256").digest()
    return nonce + base64.urlsafe_b64encode(digest).decode("ascii")[:SIGNATURE]


def hash_token(token):
    """Return the hash of a token for the database; tokens are random, so no salt is needed."""
    return hashlib.sha256(token.encode()).hexdigest()


def is_valid(token, token_hash):
    """Return whether a token has that hash, or is signed under one of the keys."""
    checks = [constant_time_compare(hash_token(token), token_hash)]
    for secret in secret_keys():
        checks.append(constant_time_compare(token, sign_token(token[:NONCE], secret)))
    return any(checks)


def find(token, links=None):
    """Return the unexpired Share of a token, or None; its downloads may be used up.

    `links` is a queryset to search instead.
    """
    if not TOKEN.fullmatch(token):
        return None
    links = Share.objects.unexpired() if links is None else links
    share = links.filter(nonce=token[:NONCE]).first()
    return share if share and is_valid(token, share.token_hash) else None


def was_issued(token):
    """Return whether a token was issued here, even if its link has expired."""
    signed = bool(TOKEN.fullmatch(token)) and is_valid(token, "")
    return signed or find(token, Share.objects.all()) is not None


def count_unknown_token(address):
    """Count a token that was never issued, by the client's address."""
    cache.add(_unknown_tokens_key(address), 0, UNKNOWN_TOKEN_SECONDS)
    with suppress(ValueError):  # the minute ended just now
        cache.incr(_unknown_tokens_key(address))


def is_guessing(address):
    """Return whether too many such tokens came from an address; None is never blocked."""
    return address is not None and cache.get(_unknown_tokens_key(address), 0) >= MAX_UNKNOWN_TOKENS


def _unknown_tokens_key(address):
    return f"share:misses:{address}"


def files_of(share):
    """Return the files of a link that still belong to its owner and are not in the trash."""
    return File.objects.present().filter(shares=share, user_id=share.user_id)


def find_linked(files, user):
    """Return the IDs of those of some FileRows that an open link of the user leads to.

    One query if some are the user's, and one more for who has made a link: most people have none.
    """
    own = [file.id for file in files if file.user_id == user.pk]
    if not own:
        return ()
    # As SQL: Django takes longer to write it than the database to answer.
    with open_cursor(connection) as cursor:
        made = f"SELECT 1 FROM {Share._meta.db_table} WHERE user_id = %s LIMIT 1"  # noqa: S608
        cursor.execute(made, [user.pk])
        if cursor.fetchone() is None:
            return ()
    links = Share.objects.visible_to(user).filter(expires_at__gt=timezone.now())
    open_links = links.filter(Q(limit=None) | Q(downloads__lt=F("limit")))
    rows = Share.files.through.objects.filter(file__in=own, share__in=open_links)
    return set(rows.values_list("file_id", flat=True))


def check_share_password(share, password):
    """Return whether a password is right; None during the pause after too many wrong ones.

    A try is counted before it is checked, so that parallel requests get no more tries.
    """
    now, row = timezone.now(), Share.objects.filter(pk=share.pk)
    is_recent = Q(failed_at__gt=now - PASSWORD_PAUSE)
    failures = Case(When(is_recent, then=F("failures") + 1), default=1)
    if not row.exclude(is_recent, failures__gte=MAX_WRONG_PASSWORDS).update(
        failures=failures, failed_at=now
    ):
        return None
    is_right = check_password(password, share.password)
    if is_right:
        row.update(failures=F("failures") - 1)
    return is_right


def seconds_to_wait(share):
    """Return how many seconds the pause after wrong passwords still lasts, at least 1."""
    share.refresh_from_db(fields=["failed_at"])
    return max(1, math.ceil((share.failed_at + PASSWORD_PAUSE - timezone.now()).total_seconds()))


def client_key(share, address):
    """Return a keyed hash of the network of a client; "" for an unknown address, None."""
    if address is None:
        return ""
    prefix = NETWORK_BITS[ipaddress.ip_address(address).version]
    network = ipaddress.ip_network(f"{address}/{prefix}", strict=False)
    return salted_hmac(RECEIPT_SALT, f"{share.pk} {network}", algorithm="sha256").hexdigest()


def open_receipts(share, subject, client):
    """Return the Receipts to which another request of a client may belong."""
    receipts = Receipt.objects.filter(share=share, subject=subject, client=client)
    return receipts.filter(expires_at__gt=timezone.now()) if client else receipts.none()


def allows_request(share, subject, client):
    """Return whether a client may get an answer without bytes."""
    return not share.is_closed or open_receipts(share, subject, client).exists()


def count_download(share, subject, client, *, size, requested):
    """Return the Receipt for sending `requested` bytes, or None if the limit does not allow it.

    `size` is the length of the whole download, both in bytes.
    """
    now = timezone.now()
    with transaction.atomic():
        # Of two first requests at once, the second waits here and finds the receipt.
        list(Share.objects.select_for_update().filter(pk=share.pk).values_list("pk"))
        receipts = open_receipts(share, subject, client)
        receipt = receipts.filter(sent__lt=2 * size - requested).first()
        if receipt is not None:
            values = {"sent": F("sent") + requested, "expires_at": now + RECEIPT_EXPIRES}
            Receipt.objects.filter(pk=receipt.pk).update(**values)
            return receipt
        counted = Share.objects.open().filter(pk=share.pk)
        if not counted.update(downloads=F("downloads") + 1, used_at=now):
            return None
        receipts.delete()
        return Receipt.objects.create(
            share=share,
            subject=subject,
            client=client,
            sent=requested,
            expires_at=now + RECEIPT_EXPIRES,
        )


def end_request(receipt, unsent):
    """Give back the bytes of a request that were not sent."""
    values = {"sent": F("sent") - unsent, "expires_at": timezone.now() + RECEIPT_EXPIRES}
    Receipt.objects.filter(pk=receipt.pk).update(**values)


def track_sent_bytes(response, receipt, requested):
    """Call `end_request` when a streaming response of `requested` bytes is closed."""
    sent = 0

    def count_blocks(blocks):
        nonlocal sent
        for block in blocks:
            # Before: a client may leave as soon as it has the last byte.
            sent += len(block)
            yield block

    response.streaming_content = count_blocks(response.streaming_content)
    response._resource_closers.append(lambda: end_request(receipt, max(0, requested - sent)))


def remove_expired_receipts():
    """Delete the receipts to which no request can belong any more."""
    Receipt.objects.filter(expires_at__lte=timezone.now()).delete()
