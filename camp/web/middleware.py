"""Request IDs and the access log, compression, security headers, pages for malformed requests."""

import logging
import re
import secrets
import time

from django.conf import settings
from django.core.signals import request_started
from django.db import DataError
from django.dispatch import receiver
from django.utils.cache import patch_vary_headers
from django.utils.functional import SimpleLazyObject
from django.utils.http import parse_header_parameters
from django.utils.translation import gettext_lazy as _
from django_http_compression.middleware import HttpCompressionMiddleware

from camp.web import logging as logs
from camp.web.errors import error_response

HEADER = "X-Request-ID"
FOREIGN_CHARSET = "camp.foreign_charset"
ENCODINGS = ("utf-8", "utf8", "us-ascii", "ascii")
COMPRESSED_FROM = 1024  # bytes

logger = logging.getLogger("camp.access")
_acceptable = re.compile(r"[A-Za-z0-9._-]{1,64}").fullmatch


class RequestLogMiddleware:
    """Give each request an ID, send it as X-Request-ID, and log the response in one line.

    A proxy may set the ID in X-Request-ID. Views read it as `request.request_id`. A streaming
    response is logged when it ends. A view for scripts that poll sets `request.is_poll`.
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
def remove_foreign_charset(environ=None, **kwargs):
    """Remove a charset other than UTF-8 from the content type, and flag the request.

    Django decodes with any Python codec, even ones that are no text encoding (`rot13`), and does
    so while it builds the request, before any middleware runs.
    """
    kind, options = parse_header_parameters((environ or {}).get("CONTENT_TYPE") or "")
    if options.get("charset", "utf-8").lower() in ENCODINGS:
        return
    environ["CONTENT_TYPE"] = kind
    environ[FOREIGN_CHARSET] = True


class FormEncodingMiddleware:
    """Refuse forms that claim an encoding other than UTF-8."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if FOREIGN_CHARSET in request.META:
            return error_response(request, 400, detail=_("Camp accepts forms in UTF-8 only."))
        return self.get_response(request)


class UnstorableValueMiddleware:
    """Return 400 for a number, date or text that the database cannot store.

    SQLite's driver overflows, PostgreSQL raises a data error.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)

    def process_exception(self, request, exception):
        """Return the response, or None for any other exception."""
        with_nul = isinstance(exception, ValueError) and "NUL (0x00)" in str(exception)
        if not with_nul and not isinstance(exception, DataError | OverflowError):
            return None
        logger.warning("A value was refused by the database.", exc_info=exception)
        return error_response(request, 400)


class SecurityHeadersMiddleware:
    """Add the security headers that Django 5.2 has no setting for.

    https://www.w3.org/TR/CSP3/, https://www.w3.org/TR/permissions-policy/ and
    https://fetch.spec.whatwg.org/#cross-origin-resource-policy-header
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        for name, value in settings.SECURITY_HEADERS.items():
            response.headers.setdefault(name, value)
        if settings.DEBUG and response.status_code in (404, 500):
            del response.headers["Content-Security-Policy"]  # Django's pages have inline styles
        return response


class CompressionMiddleware(HttpCompressionMiddleware):
    """Compress pages, JSON and text; never a stream, so no file, range or export.

    See "Compression" in docs/development.md for BREACH.
    """

    def maybe_compress(self, request, response):
        """Compress `response` if it is long enough and the client accepts that."""
        if response.streaming or len(response.content) < COMPRESSED_FROM:
            return
        if "Content-Encoding" not in response.headers:
            patch_vary_headers(response, ["Accept-Encoding"])  # also if sent as it is
        super().maybe_compress(request, response)


class MethodNotAllowedMiddleware:
    """Add a page to 405 responses, which Django leaves empty."""

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
    """Log the response when the server closes it: at its end, or when the client disconnects."""
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
    """Return whether the request is not worth an INFO line.

    That is a static file, a healthy probe, or a poll that found nothing new.
    """
    if getattr(request, "is_poll", False):
        return response.status_code == 304
    quiet = (settings.STATIC_URL, "/health/")
    return response.status_code < 400 and request.path.startswith(quiet)


def _size(response):
    """Return the size of the body in bytes, or None if it is unknown."""
    if not response.streaming:
        return len(response.content)
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isdecimal() else None


def _user_id(request):
    """Return the user's id, or None; never runs a query just for the log."""
    user = getattr(request, "user", None)
    if isinstance(user, SimpleLazyObject):
        user = getattr(request, "_cached_user", None)
    return user.pk if user else None
