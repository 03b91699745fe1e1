"""The number of each request and its line in the log; a page for refused methods."""

import logging
import re
import secrets
import time

from django.conf import settings
from django.utils.functional import SimpleLazyObject

from camp import logs
from camp.errors import error_response

HEADER = "X-Request-ID"

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
