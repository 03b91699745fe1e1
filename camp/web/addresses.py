"""The client's address, with or without a proxy, and Camp's own public address.

Django validates the host name in the Host header (ALLOWED_HOSTS) but not its port: an attacker who
requests a password reset for someone else could choose the port that the e-mail links to.
"""

import ipaddress

from django.conf import settings
from django.http.request import split_domain_port, validate_host

from camp.config.env import without_port


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


def is_local_client(meta):
    """Return whether a request came from this machine or a private network, without a proxy."""
    address = client_address(meta)
    is_forwarded = "HTTP_X_FORWARDED_FOR" in meta and not settings.CAMP_HTTPS
    return bool(address and address.is_private and not is_forwarded)


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


STANDARD = {"http": "80", "https": "443"}


def public_host(request):
    """Return the host of a request, with a port only if it is one of Camp's.

    Raises DisallowedHost for a name that is not in ALLOWED_HOSTS.
    """
    host = request.get_host()
    domain, port = split_domain_port(host)
    if not port or is_own_port(request, domain, port):
        return host
    own = "" if settings.CAMP_HTTPS else request.META["SERVER_PORT"]
    return domain if own in ("", STANDARD["http"]) else f"{domain}:{own}"


def has_own_port(request):
    """Return whether the port in the Host header is Camp's, or there is none."""
    return public_host(request) == request.get_host()


def is_own_port(request, domain, port):
    """Return whether Camp is reachable at `domain` on `port`.

    That is a port listed in ALLOWED_HOSTS, or without a proxy the port that the server listens on.
    """
    for listed in settings.ALLOWED_HOSTS_WITH_PORT:
        name, own = split_domain_port(listed)
        if port == own and validate_host(domain, [name]):
            return True
    return not settings.CAMP_HTTPS and port == request.META["SERVER_PORT"]


def public_name() -> str:
    """Return the first public name in ALLOWED_HOSTS, with its port, or ""."""
    own = {"localhost", "127.0.0.1", "[::1]", "*"}
    names = (name for name in settings.ALLOWED_HOSTS if name not in own)
    name = next(names, "")
    listed = (each for each in settings.ALLOWED_HOSTS_WITH_PORT if without_port(each) == name)
    return next(listed, name).lstrip(".")


def site_url() -> str:
    """Return Camp's address without a slash at its end, for links that no request asks for.

    That is SITE_URL, else what the other settings tell.
    """
    if settings.SITE_URL:
        return settings.SITE_URL
    name = public_name()
    if settings.CAMP_HTTPS and name:
        return f"https://{name}"
    name = name or "localhost"
    return f"http://{name}" if split_domain_port(name)[1] else f"http://{name}:{settings.PORT}"
