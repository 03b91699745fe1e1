"""What people see while the database is away, or its tables are not there yet.

Everybody is told to wait. Whoever sits at the machine itself, or has DEBUG on, is told
what is wrong and which command mends it.
"""

import ipaddress
import sys

from django.conf import settings
from django.core.signals import got_request_exception
from django.db import DatabaseError, InterfaceError
from django.dispatch import receiver
from django.http.request import split_domain_port
from django.utils import translation
from django.utils.translation import gettext as _

from camp.db.errors import is_connection_error, is_passing, lacks_tables
from camp.db.statement_timeout import is_timeout
from camp.web import findings
from camp.web.errors import error_response, language

RETRY_AFTER = 10  # seconds; a database that restarts is back by then
# A proxy on this machine would make everybody seem to sit at it.
PROXY_HEADERS = (
    "Forwarded",
    "Via",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Real-IP",
)


class DatabaseTroubleMiddleware:
    """With DEBUG Django shows a traceback for every error; this one has a better page."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        error = request.__dict__.pop("_database_trouble", None)
        if error is not None and response.status_code == 500:
            return unavailable(request, error)
        return response


@receiver(got_request_exception)
def note_trouble(request=None, **kwargs):
    """Remember what went wrong for the middleware, which only sees the answer."""
    error = sys.exc_info()[1]
    if request is not None and is_trouble(error):
        request._database_trouble = error


def is_trouble(error):
    """Return whether an exception says that the database cannot be worked with just now."""
    if not isinstance(error, DatabaseError | InterfaceError):
        return False
    known = (is_connection_error, lacks_tables, is_passing, is_timeout)
    return any(matches(error) for matches in known)


def unavailable(request, error):
    """Answer 503, with the cause for whoever may know it."""
    request.__dict__.pop("_database_trouble", None)
    if is_timeout(error):
        with translation.override(language(request)):
            detail = _("This took too long and was stopped. Ask for less, or try again later.")
        return error_response(request, 503, retry_after=RETRY_AFTER, detail=detail)
    with translation.override(language(request)):
        cause = findings.explain(error) if may_know(request) else None
    return error_response(
        request,
        503,
        retry_after=RETRY_AFTER,
        cause=cause,
        being_prepared=lacks_tables(error),
    )


def may_know(request):
    """Return whether the request comes from somebody who looks after this place.

    That is whoever asks from this very machine, without a proxy in between. nginx that is
    told nothing adds no header, but asks as HTTP/1.0, which no browser does.
    """
    if settings.DEBUG:
        return True
    if settings.CAMP_HTTPS or request.META.get("SERVER_PROTOCOL") != "HTTP/1.1":
        return False
    if any(name in request.headers for name in PROXY_HEADERS):
        return False
    host, _port = split_domain_port(request.META.get("HTTP_HOST", ""))
    return is_loopback(request.META.get("REMOTE_ADDR", "")) and (
        host == "localhost" or is_loopback(host.strip("[]"))
    )


def is_loopback(address):
    """Return whether an IP address means this machine."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
