"""Limits per request: worker slots, slow clients and unexpected bodies."""

import io
import time
import weakref

from django.conf import settings
from django.utils.translation import gettext as _

from camp.web import affinity, slots
from camp.web.addresses import client_address
from camp.web.errors import error_response
from camp.web.request_body import LONGEST_PAUSE, MINIMUM_RATE, TooSlow
from camp.web.slots import HashingBusy, NoFreeSlot, TooManyWaits, worker_slots

# Responses up to this size are handed to the server at once, so no thread waits for a slow client.
ONE_PIECE = 128 * 2**10  # bytes
LENGTH_DIGITS = 19  # of a Content-Length: Python reads no number of thousands


class RequestLimitsMiddleware:
    """Limit concurrent requests, and threads that wait for slow clients.

    Must come before everything that reads a body or uses the database.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if is_length_missing(request):
            return error_response(request, 411)
        if is_length_malformed(request):
            return error_response(request, 400)
        try:
            with worker_slots.working():
                return limit_response(request, self.compute(request))
        except NoFreeSlot:
            return busy_response(request)

    def compute(self, request):
        """Return the response; one that only reads and is no file stays on one processor."""
        if request.method in ("GET", "HEAD"):
            affinity.stay_home()
        else:
            affinity.go_everywhere()
        response = self.get_response(request)
        if response.streaming:
            affinity.go_everywhere()
        return response

    def process_exception(self, request, exception):
        """Return 503 if a password could not be hashed in time."""
        if not isinstance(exception, HashingBusy):
            return None
        detail = _("Too many people are logging in at once. Try again in a moment.")
        return error_response(request, 503, detail=detail, retry_after=slots.HASHING_RETRY_AFTER)


class AnonymousBodyMiddleware:
    """Discard the body of anonymous requests, except for views marked `login_not_required`.

    Other views get the request without its body and redirect to the log-in page. Must come after
    the authentication middleware and before the CSRF middleware, which reads the body.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)

    def process_view(self, request, view, args, kwargs):
        length = content_length(request)
        if not length or request.user.is_authenticated:
            return None
        if not getattr(view, "login_required", True):
            limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
            return error_response(request, 413, limit=limit) if length > limit else None
        request.META["CONTENT_LENGTH"] = "0"
        request._stream = io.BytesIO()
        request.is_body_withheld = True  # and with it the token: see camp.web.views.csrf_failure
        return None


def is_length_missing(request):
    """Return whether the body is chunked without a length, which WSGI treats as empty."""
    return "HTTP_TRANSFER_ENCODING" in request.META and not request.META.get("CONTENT_LENGTH")


def is_length_malformed(request):
    """Return whether Content-Length is present but malformed (RFC 9110, section 8.6).

    Most servers refuse it themselves; Django raises ValueError when it reads the body.
    """
    length = request.META.get("CONTENT_LENGTH") or "0"
    return not (length.isascii() and length.isdigit()) or len(length) > LENGTH_DIGITS


def content_length(request):
    """Return the Content-Length in bytes; 0 if it is not a number, as Django does."""
    try:
        return max(0, int(request.META.get("CONTENT_LENGTH") or 0))
    except ValueError:
        return 0


def busy_response(request):
    """Return 503 for a client for which no thread is free."""
    detail = _("Too many transfers are under way at once. Try again in a moment.")
    return error_response(request, 503, detail=detail, retry_after=slots.RETRY_AFTER)


def close_and_replace(response, instead):
    """Close `response` and return `instead`."""
    response.close()
    return instead


def limit_response(request, response):
    """Return `response`, or an error response if the request body failed to arrive in time."""
    failure = getattr(request.META.get("wsgi.input"), "failure", None)
    if isinstance(failure, TooSlow):
        return close_and_replace(response, error_response(request, 408))
    if isinstance(failure, TooManyWaits | NoFreeSlot):
        return close_and_replace(response, busy_response(request))
    if response.streaming and request.method != "HEAD":
        return limit_stream(request, response)
    return response


def limit_stream(request, response):
    """Return a streaming response that counts as a wait, or 503 if too many threads wait."""
    length = response.headers.get("Content-Length", "")
    if length.isdecimal() and int(length) <= ONE_PIECE:
        response.streaming_content = [b"".join(response.streaming_content)]
        return response
    waits, address = slots.client_waits, client_address(request.META)
    try:
        waits.enter(address)
    except TooManyWaits:
        return close_and_replace(response, busy_response(request))
    # Called when the response is closed, or else when it is collected.
    response._resource_closers.append(weakref.finalize(response, waits.leave, address))
    response.streaming_content = at_minimum_rate(response.streaming_content)
    return response


def at_minimum_rate(chunks):
    """Yield `chunks`; stop if the client reads below the minimum rate."""
    patience = LONGEST_PAUSE
    for chunk in chunks:
        started = time.monotonic()
        yield chunk
        patience += len(chunk) / MINIMUM_RATE - (time.monotonic() - started)
        if patience < 0:
            return
        patience = min(patience, LONGEST_PAUSE + len(chunk) / MINIMUM_RATE)
