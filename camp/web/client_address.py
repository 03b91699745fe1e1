"""The client's network address, with or without a proxy in front."""

import ipaddress

from django.conf import settings


def client_address(meta):
    """Return the client's address of a WSGI environ, or None where it is unknown.

    X-Forwarded-For is trusted only behind a configured proxy, and only its last entry, which
    that proxy wrote; clients can forge the others.
    """
    hops = [meta.get("REMOTE_ADDR", "")]
    if settings.CAMP_HTTPS:
        hops.insert(0, meta.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2])
    found = filter(None, map(parse_address, hops))
    return next(found, None)


def parse_address(text):
    """Return an `ipaddress` object of a text that may hold a port, or None if it is none."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if address.version == 6 and address.ipv4_mapped:
        return address.ipv4_mapped
    return address
