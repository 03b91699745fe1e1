"""What django-axes counts failed log-ins by, and what it answers after too many.

The settings name the functions of this module; the counting happens in the database.
"""

import ipaddress
import math

from axes.handlers.proxy import AxesProxyHandler
from axes.utils import reset
from django.conf import settings
from django.contrib.auth import get_user_model
from django.utils import timezone
from django.utils.crypto import salted_hmac

from camp.client_address import client_address as address_of
from camp.errors import error_response
from camp.text import normalize

IPV6_HOST_BITS = 64  # one customer holds at least so many addresses: they count as one


def username(request, credentials):
    """Return the key that tries at one account count under, however it is written.

    Name and e-mail, in any case, lead to the same key; None where nothing was typed.
    What belongs to no account becomes a digest: it may be a password in the wrong field.
    """
    login = (credentials or {}).get("username")
    if login is None:
        return None
    # axes asks several times a request; the account is looked up once.
    keys = request.__dict__.setdefault("_login_keys", {})
    if login not in keys:
        user = get_user_model().objects.find(login)
        keys[login] = key(user.username) if user else _digest(login)
    return keys[login]


def key(username):
    """Return the form of a user name that tries count under."""
    return username.lower()


def client_address(request):
    """Return the address that tries come from, as text, or None where it is unknown."""
    address = address_of(request.META)
    if address is not None and address.version == 6:
        address = ipaddress.ip_address(int(address) >> IPV6_HOST_BITS << IPV6_HOST_BITS)
    return address and str(address)


def locked_out(request, response=None, credentials=None):
    """Return the answer to one try too many: 429, with the time to wait."""
    return error_response(request, 429, retry_after=_waiting_time(request, credentials))


def forgive(user):
    """Forget the failed log-ins at an account: its owner has proved to be that."""
    reset(username=key(user.username))


def _digest(login):
    text = normalize(login).strip().casefold()
    return f"?{salted_hmac('accounts.throttle', text).hexdigest()}"


def _waiting_time(request, credentials):
    """Return the seconds until enough of the failures are too old to count, at least 1."""
    handler = AxesProxyHandler.get_implementation()
    waiting = [1]
    for attempts in handler.get_user_attempts(request, credentials):
        failures = attempts.order_by("attempt_time")
        rows = list(failures.values_list("attempt_time", "failures_since_start"))
        left = sum(count for _moment, count in rows)
        for moment, count in rows:
            left -= count
            if left < settings.AXES_FAILURE_LIMIT:
                until = moment + settings.AXES_COOLOFF_TIME
                waiting.append((until - timezone.now()).total_seconds())
                break
    return math.ceil(max(waiting))
