"""Limits on wrong passwords: by account, by address, and by both together.

The settings have django-axes ask `Handler` before a log-in and tell it how that ended. Who is
logged in already types passwords too: see `try_password`. All count in the database.
"""

import contextlib
import ipaddress
from datetime import timedelta

from axes.handlers.base import AxesHandler
from django.conf import settings
from django.contrib.auth import get_user_model
from django.utils.crypto import salted_hmac

from accounts import limits
from accounts.identity import email_key, login_key
from accounts.limits import Limit
from accounts.models import AttemptCounter
from camp.web.client_address import client_address as address_of
from camp.web.client_address import parse_address
from camp.web.errors import error_response
from camp.web.hashing_slots import HashingBusy

Kind = AttemptCounter.Kind
# A site has a /48 (RFC 6177), and with it 65,536 networks to try from: all count as one.
IPV6_HOST_BITS = 80
# So many times LOGIN_FAILURE_LIMIT, from all addresses together, pause an account everywhere. More
# than one address needs: nobody is to lock somebody else out from a single place.
EVERYWHERE = 10
# E-mails that strangers may ask for; a whole camp may share an address.
EMAILS_TO_MAILBOX = 3
EMAILS_FROM_ADDRESS = 30
EMAIL_WINDOW = timedelta(hours=1)


class Handler(AxesHandler):
    """Counts a try to log in before the password is looked at.

    The parameters of its methods are those of django-axes.
    """

    def is_allowed(self, request, credentials=None):
        """Return whether a password may be looked at, and count it if so."""
        user, subject = _typed((credentials or {}).get("username") or "")
        address = client_address(request) or ""
        request.login_limits = [
            *account_limits(subject, user, address),
            Limit(
                Kind.ADDRESS,
                settings.LOGIN_ADDRESS_LIMIT,
                settings.AXES_COOLOFF_TIME,
                address=address,
            ),
        ]
        request.login_wait = limits.take(request.login_limits)
        return not request.login_wait

    def user_login_failed(self, sender, credentials, request=None, **kwargs):
        """Have the answer say so if this was the last try for now."""
        counted = getattr(request, "login_limits", None)
        if counted is None:
            return
        limits.sweep()
        request.login_wait = request.login_wait or limits.seconds_to_wait(counted)
        request.axes_locked_out = bool(request.login_wait)

    def user_logged_in(self, sender, request, user, **kwargs):
        """Take the try back, and forget earlier ones at the account from this address."""
        counted = getattr(request, "login_limits", None)
        if counted is not None:
            forget_tries(counted)

    def reset_attempts(self, *, ip_address=None, username=None, ip_or_username=False):
        """Remove counters, for the commands `axes_reset`; returns how many."""
        rows = AttemptCounter.objects.all()
        if username:
            _user, subject = _typed(username)
            rows = rows.filter(subject=subject)
        if ip_address:
            rows = rows.filter(address=_network(parse_address(ip_address)) or ip_address)
        return rows.delete()[0]


def account_limits(subject, user, address):
    """Return the limits for passwords at an account; `user` is None where there is none."""
    most, window = settings.AXES_FAILURE_LIMIT, settings.AXES_COOLOFF_TIME
    account = {"subject": subject, "user_id": user and user.pk}
    return [
        Limit(Kind.LOGIN, most, window, address=address, **account),
        Limit(Kind.ACCOUNT, most * EVERYWHERE, window, **account),
    ]


def try_password(user, password, address):
    """Return (whether the password is the user's, seconds to wait); for people who are logged in.

    Their wrong passwords count as those at log-in do, whichever form they are typed into. While
    they have to wait, no password is looked at.
    """
    counted = account_limits(str(user.pk), user, address)
    if wait := limits.take(counted):
        return False, wait
    with not_counted_if_busy(counted):
        right = user.check_password(password)
    if right:
        forget_tries(counted)
        return True, 0
    limits.sweep()
    return False, limits.seconds_to_wait(counted)


@contextlib.contextmanager
def not_counted_if_busy(counted):
    """Take a try back if the server was too busy to look at the password."""
    try:
        yield
    except HashingBusy:
        limits.give_back(counted)
        raise


def forget_tries(counted):
    """Take a try back that was right, and forget what was wrong before from the same place."""
    limits.give_back(counted)
    for limit in counted:
        if limit.kind == Kind.LOGIN:
            limit.rows().delete()


def client_address(request):
    """Return the address that tries come from, as text, or None where it is unknown."""
    return _network(address_of(request.META))


def locked_out(request, response=None, credentials=None):
    """Return the answer to one try too many: 429, with the time to wait."""
    return error_response(request, 429, retry_after=getattr(request, "login_wait", 0) or 1)


def tell_pause(response, seconds):
    """Return the page of a form with status 429 if people have to wait for so many seconds."""
    if seconds:
        response.status_code = 429
        response.headers["Retry-After"] = str(seconds)
    return response


def forgive(pk):
    """Forget the wrong passwords at an account: its owner has proved to be that, or it is gone."""
    AttemptCounter.objects.filter(subject=str(pk)).delete()


def may_ask_for_email(request, email):
    """Return whether an e-mail may be sent to a mailbox that a stranger names, and count it.

    It is the same for mailboxes that belong to no account.
    """
    limits.sweep()
    return not limits.take(
        [
            Limit(Kind.MAILBOX, EMAILS_TO_MAILBOX, EMAIL_WINDOW, digest("email", email_key(email))),
            Limit(
                Kind.ASKER,
                EMAILS_FROM_ADDRESS,
                EMAIL_WINDOW,
                address=client_address(request) or "",
            ),
        ]
    )


def digest(*words):
    """Return what stands for a text in the database: it may be a password in the wrong field."""
    return f"?{salted_hmac('accounts.throttle', ' '.join(words)).hexdigest()}"


def _typed(login):
    """Return (user or None, subject) of a name or e-mail: what tries count under.

    The same happens for names that nobody has.
    """
    user = get_user_model().objects.find(login)
    return user, str(user.pk) if user else digest(*login_key(login))


def _network(address):
    """Return an `ipaddress` object as text, one for each site with IPv6; None for None."""
    if address is not None and address.version == 6:
        address = ipaddress.ip_address(int(address) >> IPV6_HOST_BITS << IPV6_HOST_BITS)
    return address and str(address)
