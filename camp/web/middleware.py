"""The number of each request and its line in the log; a page for refused methods."""

import logging
import re
import secrets
import time

from django.conf import settings
from django.core.signals import request_started
from django.db import DataError
from django.dispatch import receiver
from django.utils.functional import SimpleLazyObject
from django.utils.http import parse_header_parameters
from django.utils.translation import gettext_lazy as _

from camp.web import logging as logs
from camp.web.errors import error_response

HEADER = "X-Request-ID"
FOREIGN_CHARSET = "camp.foreign_charset"
ENCODINGS = ("utf-8", "utf8", "us-ascii", "ascii")

logger = logging.getLogger("camp.access")
_acceptable = re.compile(r"[A-Za-z0-9._-]{1,64}").fullmatch


class RequestLogMiddleware:
    """Number each request, tell the client the number, and log the answer in one line.

    A proxy in front may give the number as X-Request-ID. The view finds it as
    `request.request_id`. A download is logged at its end, with the time that it took.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        started = time.perf_counter()
        given = request.headers.get(HEADER, "")
        request.request_id = given if _acceptable(given) else secrets.token_hex(8)
        with logs.request_id(request.request_id):
            response = self.get_response(request)
            response.headers[HEADER] = request.request_id
            if response.streaming:
                _log_when_closed(request, response, started)
            else:
                _log(request, response, started)
        return response


@receiver(request_started)
def note_foreign_charset(environ=None, **kwargs):
    """Take a charset other than UTF-8 out of the content type, and leave a note of it.

    Django decodes with any codec of Python's, also those that give no text (`rot13`), and does
    so while it makes the request: no middleware comes before that.
    """
    kind, options = parse_header_parameters((environ or {}).get("CONTENT_TYPE") or "")
    if options.get("charset", "utf-8").lower() in ENCODINGS:
        return
    environ["CONTENT_TYPE"] = kind
    environ[FOREIGN_CHARSET] = True


class FormEncodingMiddleware:
    """Refuse forms that claim another encoding than UTF-8, the one of all pages."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if FOREIGN_CHARSET in request.META:
            return error_response(request, 400, detail=_("Camp takes forms in UTF-8 only."))
        return self.get_response(request)


class UnstorableValueMiddleware:
    """Answer 400 where a number, date or text of the request is beyond what databases hold.

    Where each database notices differs: SQLite's driver overflows, PostgreSQL refuses the value.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)

    def process_exception(self, request, exception):
        """Return the answer, or None for any other exception."""
        with_nul = isinstance(exception, ValueError) and "NUL (0x00)" in str(exception)
        if not with_nul and not isinstance(exception, DataError | OverflowError):
            return None
        logger.warning("A value was refused by the database.", exc_info=exception)
        return error_response(request, 400)


class SecurityHeadersMiddleware:
    """Add the security headers that Django has no setting for, to every answer.

    https://www.w3.org/TR/permissions-policy/ and
    https://fetch.spec.whatwg.org/#cross-origin-resource-policy-header
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        for name, value in settings.SECURITY_HEADERS.items():
            response.headers.setdefault(name, value)
        return response


class MethodNotAllowedMiddleware:
    """Give a page to whoever opens an address that only takes forms; Django's is empty."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        if response.status_code != 405 or response.content:
            return response
        explained = error_response(request, 405)
        explained.headers["Allow"] = response.headers["Allow"]
        return explained


def _log_when_closed(request, response, started):
    """Log as soon as the server closes the response: at its end, or when the client left."""
    close = response.close
    pending = [True]  # servers may close twice

    def close_and_log():
        try:
            close()
        finally:
            if pending:
                pending.clear()
                with logs.request_id(request.request_id):
                    _log(request, response, started)

    response.close = close_and_log


def _log(request, response, started):
    access = {
        "method": request.method if request.method.isalpha() else "?",
        "path": logs.safe_path(request),
        "status": response.status_code,
        "bytes": _size(response),
        "ms": round((time.perf_counter() - started) * 1000, 1),
        "user": _user_id(request),
    }
    text = "{method} {path} {status} {size} {ms}ms user={user}".format(
        **access | {"user": access["user"] or "-"},
        size="-" if access["bytes"] is None else f"{access['bytes']}B",
    )
    level = logging.DEBUG if _is_routine(request, response) else logging.INFO
    logger.log(level, "%s", text, extra={"access": access})


def _is_routine(request, response):
    """Return whether nobody would look for this: a static file, or a healthy probe."""
    quiet = (settings.STATIC_URL, "/health/")
    return response.status_code < 400 and request.path.startswith(quiet)


def _size(response):
    """Return the bytes of the body, or None where they are not known beforehand."""
    if not response.streaming:
        return len(response.content)
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isdecimal() else None


def _user_id(request):
    """Return the id of who asked, without a query for the sake of the log."""
    user = getattr(request, "user", None)
    if isinstance(user, SimpleLazyObject):
        user = getattr(request, "_cached_user", None)
    return user.pk if user else None
