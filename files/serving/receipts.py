"""Which requests are one download of a link, and when its downloads are used up.

A download takes as many requests as its client likes: a browser goes on where a line broke,
a download manager asks for several parts at once. What they have in common is the network
that they come from, and what they ask for. So the first request that would send bytes counts
one download and writes a receipt for both; further requests are taken from the receipt while

- it is not older than WINDOW since its last request, and
- all its requests together send less than twice the bytes of what is downloaded.

The bound leaves room to send again what was lost on the line, and never gives a second copy:
that counts as another download, whatever Range header asks for it. Bytes that the client left
without are given back when its request ends. An answer without bytes (HEAD, 304, 416) takes
nothing.
"""

import ipaddress
from datetime import timedelta

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.crypto import salted_hmac

from files.models import Receipt, Share

ZIP = "zip"  # the subject of a download of all files
WINDOW = timedelta(hours=6)
SALT = "files.receipt"
# Devices change the rest of their address from day to day: RFC 8981.
PREFIX = {4: 32, 6: 64}  # bits


def client_of(share, address):
    """Return by what a client at an address, None if unknown, is recognised; "" if by nothing."""
    if address is None:
        return ""
    prefix = PREFIX[ipaddress.ip_address(address).version]
    network = ipaddress.ip_network(f"{address}/{prefix}", strict=False)
    return salted_hmac(SALT, f"{share.pk} {network}", algorithm="sha256").hexdigest()


def of_client(share, subject, client):
    """Return the Receipts that a client may go on with."""
    receipts = Receipt.objects.filter(share=share, subject=subject, client=client)
    return receipts.filter(expires_at__gt=timezone.now()) if client else receipts.none()


def may_ask(share, subject, client):
    """Return whether a client gets answers without bytes, which count for nothing."""
    return not share.is_over or of_client(share, subject, client).exists()


def take(share, subject, client, *, size, asked):
    """Return the Receipt for sending `asked` bytes, or None if the limit does not allow it.

    `size` is all that there is to download, both in bytes.
    """
    now = timezone.now()
    with transaction.atomic():
        # Of two first requests at once, the second waits here and finds the receipt.
        list(Share.objects.select_for_update().filter(pk=share.pk).values_list("pk"))
        receipts = of_client(share, subject, client)
        receipt = receipts.filter(sent__lt=2 * size - asked).first()
        if receipt is not None:
            values = {"sent": F("sent") + asked, "expires_at": now + WINDOW}
            Receipt.objects.filter(pk=receipt.pk).update(**values)
            return receipt
        counted = Share.objects.open().filter(pk=share.pk)
        if not counted.update(downloads=F("downloads") + 1, used_at=now):
            return None
        receipts.delete()
        return Receipt.objects.create(
            share=share, subject=subject, client=client, sent=asked, expires_at=now + WINDOW
        )


def give_back(receipt, count):
    """Note that a request has ended, and `count` of the bytes taken for it were not sent."""
    values = {"sent": F("sent") - count, "expires_at": timezone.now() + WINDOW}
    Receipt.objects.filter(pk=receipt.pk).update(**values)


def give_back_unsent(response, receipt, asked):
    """Have a streaming response do so when it is closed; `asked` bytes were taken for it."""
    sent = 0

    def counted(blocks):
        nonlocal sent
        for block in blocks:
            # Before: a client may leave as soon as it has the last byte.
            sent += len(block)
            yield block

    response.streaming_content = counted(response.streaming_content)
    response._resource_closers.append(lambda: give_back(receipt, max(0, asked - sent)))


def remove_expired():
    """Delete the receipts that nobody can go on with."""
    Receipt.objects.filter(expires_at__lte=timezone.now()).delete()
