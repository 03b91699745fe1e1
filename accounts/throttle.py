"""Limits on wrong passwords: by account, by address, and by both together.

django-axes calls `Handler` before and after each log-in. Forms of logged-in people that ask for a
password use `try_password`. All attempts are counted in the database.
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
from camp.web.addresses import client_address as address_of
from camp.web.addresses import parse_address
from camp.web.errors import error_response
from camp.web.slots import HashingBusy

Kind = AttemptCounter.Kind
# A site has a /48 (RFC 6177), so 65,536 subnets: all count as one.
IPV6_HOST_BITS = 80
# This multiple of LOGIN_FAILURE_LIMIT, from all addresses, pauses an account everywhere. It takes
# more than one address has, so that nobody can lock someone else out from one place.
EVERYWHERE = 10
# E-mails that an anonymous client may request; a whole camp may share an address.
EMAILS_TO_MAILBOX = 3
EMAILS_FROM_ADDRESS = 30
EMAIL_WINDOW = timedelta(hours=1)
# Names and e-mails without an account that a person may type when looking for people.
UNKNOWN_PEOPLE = 30
PEOPLE_WINDOW = timedelta(hours=1)


class Handler(AxesHandler):
    """Count an attempt to log in before checking the password.

    The parameters of its methods are those of django-axes.
    """

    def is_allowed(self, request, credentials=None):
        """Return whether the password may be checked, and count the attempt if so."""
        user, subject = _find_subject((credentials or {}).get("username") or "")
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
        request.login_wait = limits.count_attempt(request.login_limits)
        return not request.login_wait

    def user_login_failed(self, sender, credentials, request=None, **kwargs):
        """Flag the response if this was the last attempt for now."""
        counted = getattr(request, "login_limits", None)
        if counted is None:
            return
        limits.delete_expired()
        request.login_wait = request.login_wait or limits.seconds_to_wait(counted)
        request.axes_locked_out = bool(request.login_wait)

    def user_logged_in(self, sender, request, user, **kwargs):
        """Undo the count, and forget earlier failures for the account from this address."""
        counted = getattr(request, "login_limits", None)
        if counted is not None:
            uncount_and_reset(counted)

    def reset_attempts(self, *, ip_address=None, username=None, ip_or_username=False):
        """Delete counters, for the `axes_reset` commands; return their number."""
        rows = AttemptCounter.objects.all()
        if username:
            _user, subject = _find_subject(username)
            rows = rows.filter(subject=subject)
        if ip_address:
            rows = rows.filter(address=_network(parse_address(ip_address)) or ip_address)
        return rows.delete()[0]


def account_limits(subject, user, address):
    """Return the limits of password attempts for an account; `user` is None if there is none."""
    most, window = settings.AXES_FAILURE_LIMIT, settings.AXES_COOLOFF_TIME
    account = {"subject": subject, "user_id": user and user.pk}
    return [
        Limit(Kind.LOGIN, most, window, address=address, **account),
        Limit(Kind.ACCOUNT, most * EVERYWHERE, window, **account),
    ]


def try_password(user, password, address):
    """Return (password is right, seconds to wait) for a logged-in user.

    Failures count like those at log-in, whichever form asks. While the person has to wait, no
    password is checked.
    """
    counted = account_limits(str(user.pk), user, address)
    if wait := limits.count_attempt(counted):
        return False, wait
    with uncount_if_busy(counted):
        right = user.check_password(password)
    if right:
        uncount_and_reset(counted)
        return True, 0
    limits.delete_expired()
    return False, limits.seconds_to_wait(counted)


@contextlib.contextmanager
def uncount_if_busy(counted):
    """Undo the count if the server was too busy to check the password."""
    try:
        yield
    except HashingBusy:
        limits.uncount_attempt(counted)
        raise


def uncount_and_reset(counted):
    """Undo the count of a successful attempt, and forget earlier failures from the same place."""
    limits.uncount_attempt(counted)
    for limit in counted:
        if limit.kind == Kind.LOGIN:
            limit.rows().delete()


def client_address(request):
    """Return the client's address as text, or None if it is unknown."""
    return _network(address_of(request.META))


def lockout_response(request, response=None, credentials=None):
    """Return the response to one attempt too many: 429, with the time to wait."""
    return error_response(request, 429, retry_after=getattr(request, "login_wait", 0) or 1)


def render_form_or_lockout(response, seconds):
    """Return the form's page, with status 429 if the person has to wait."""
    if seconds:
        response.status_code = 429
        response.headers["Retry-After"] = str(seconds)
    return response


def reset_failures(pk):
    """Forget the failures for an account whose owner has proved it, or that is deleted."""
    AttemptCounter.objects.filter(subject=str(pk)).delete()


def count_email_request(request, email):
    """Return whether an e-mail may be sent to an address given by an anonymous client, and count
    it.

    Addresses without an account are treated the same.
    """
    limits.delete_expired()
    return not limits.count_attempt(
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


def count_password_link(user):
    """Return whether an organiser may create a password link for `user`, and count it."""
    subject = digest("password link", str(user.pk))
    return not limits.count_attempt([Limit(Kind.MAILBOX, EMAILS_TO_MAILBOX, EMAIL_WINDOW, subject)])


def find_active_user(text, asker):
    """Return (active user or None, seconds to wait) for a name or e-mail that `asker` typed.

    Only names without an active account count. While the asker has to wait, none is looked up.
    """
    counted = [Limit(Kind.PEOPLE, UNKNOWN_PEOPLE, PEOPLE_WINDOW, str(asker.pk), user_id=asker.pk)]
    if wait := limits.count_attempt(counted):
        return None, wait
    user = get_user_model().objects.find(text)
    if user is None or not user.is_active:
        limits.delete_expired()
        return None, 0
    limits.uncount_attempt(counted)
    return user, 0


def digest(*words):
    """Return a digest for the database: the text may be a password in the wrong field."""
    return f"?{salted_hmac('accounts.throttle', ' '.join(words)).hexdigest()}"


def _find_subject(login):
    """Return (user or None, subject) for a typed name or e-mail: the subject of the limits.

    Unknown names are treated the same.
    """
    user = get_user_model().objects.find(login)
    return user, str(user.pk) if user else digest(*login_key(login))


def _network(address):
    """Return an address as text, one per site for IPv6; None for None."""
    if address is not None and address.version == 6:
        address = ipaddress.ip_address(int(address) >> IPV6_HOST_BITS << IPV6_HOST_BITS)
    return address and str(address)
