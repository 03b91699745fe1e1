"""503 pages for a database that is unavailable or has no tables yet.

Everyone is asked to wait. Requests from the machine itself, and all requests with DEBUG on,
also get the cause and the command that fixes it.
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

from camp.db.errors import is_connection_error, is_transient, lacks_tables
from camp.db.statement_timeout import is_timeout
from camp.web import findings
from camp.web.errors import error_response, language

RETRY_AFTER = 10  # seconds; a database that restarts is back by then
# Behind a proxy on this machine every request comes from loopback.
PROXY_HEADERS = (
    "Forwarded",
    "Via",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Real-IP",
)


class DatabaseErrorMiddleware:
    """Show the 503 page with DEBUG on too, where Django would show a traceback."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        error = request.__dict__.pop("_database_error", None)
        if error is not None and response.status_code == 500:
            return unavailable_response(request, error)
        return response


@receiver(got_request_exception)
def record_database_error(request=None, **kwargs):
    """Store the exception on the request for the middleware, which only sees the response."""
    error = sys.exc_info()[1]
    if request is not None and is_database_outage(error):
        request._database_error = error


def is_database_outage(error):
    """Return whether an exception means that the database is unusable at the moment."""
    if not isinstance(error, DatabaseError | InterfaceError):
        return False
    known = (is_connection_error, lacks_tables, is_transient, is_timeout)
    return any(matches(error) for matches in known)


def unavailable_response(request, error):
    """Return a 503 response, with the cause if the client may see it."""
    request.__dict__.pop("_database_error", None)
    if is_timeout(error):
        with translation.override(language(request)):
            detail = _("This took too long and was stopped. Narrow it down, or try again later.")
        return error_response(request, 503, retry_after=RETRY_AFTER, detail=detail)
    with translation.override(language(request)):
        cause = findings.explain(error) if may_see_cause(request) else None
    return error_response(
        request,
        503,
        retry_after=RETRY_AFTER,
        cause=cause,
        tables_missing=lacks_tables(error),
    )


def may_see_cause(request):
    """Return whether the request comes from the operator.

    That is a request from this machine without a proxy in between. nginx with its defaults adds
    no header, but sends HTTP/1.0, which no browser does.
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
    """Return whether an IP address is a loopback address."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
