"""Answers that say what went wrong, as a page or as JSON.

They need neither the database nor a log-in, so that they work when those do not.
"""

import logging
from collections.abc import Sequence

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext_lazy as _

from camp.config import shell
from camp.web import findings

logger = logging.getLogger("camp.web.errors")

# What clients get that ask for JSON; the pages have these as headings.
SENTENCES = {
    400: _("The request was invalid"),
    403: _("You are not allowed to do that"),
    404: _("Page not found"),
    405: _("This address is not a page"),
    409: _("This cannot be deleted"),
    408: _("The request took too long"),
    411: _("The length of the request is missing"),
    413: _("The request is too large"),
    429: _("Too many attempts"),
    500: _("Something went wrong"),
    503: _("Camp will be right back"),
}
# For the day on which templates cannot be rendered.
LAST_RESORT = (
    '<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>Camp</title>'
    "<h1>Something went wrong</h1><p>Please try again in a moment.</p></html>"
)


def error_response(
    request: HttpRequest,
    status: int,
    *,
    detail: str = "",
    retry_after: int | None = None,
    limit: int | None = None,
    csrf: bool = False,
    page: str = "",
    written: Sequence[str] = (),
    cause: findings.Finding | None = None,
    being_prepared: bool = False,
) -> HttpResponse:
    """Return the answer for `status`, one of SENTENCES.

    `detail` is a sentence for the reader, where there is more to say than the page does.
    `retry_after` (seconds) is for 429 and 503, and becomes a header too; `limit` (bytes)
    is for 413; `csrf` says that a 403 is about the form's token, which was on `page` and held
    the texts `written`. For 503 `cause` is what
    is wrong, where the reader may know it, and `being_prepared` says that tables are missing.
    """
    context = {
        "detail": detail,
        "retry_after": retry_after,
        "limit": limit,
        "csrf": csrf,
        "page": page,
        "written": written,
        "commands": _commands(cause),
        "being_prepared": being_prepared,
        "request_id": getattr(request, "request_id", ""),
    }
    with translation.override(language(request)):
        context["reason"] = findings.sentence(cause) if cause else ""
        if wants_json(request):
            body = {"error": str(detail or SENTENCES[status])}
            if cause:
                body |= {"reason": context["reason"], "fix": context["commands"]}
            response = JsonResponse(body, status=status)
        else:
            response = HttpResponse(_page(status, context), status=status)
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    response.headers["Cache-Control"] = "no-store"
    return response


def wants_json(request: HttpRequest) -> bool:
    """Return whether the client asks for JSON and would not take a page."""
    return request.accepts("application/json") and not request.accepts("text/html")


def _commands(cause):
    """Return the commands that mend what is wrong, or find out more."""
    if cause is None:
        return []
    return list(dict.fromkeys(filter(None, [cause.fix, shell.manage("doctor")])))


def _page(status, context):
    try:
        # Without the request, so that no context processor asks for the user.
        return render_to_string(f"errors/{status}.html", context)
    except Exception as error:
        logger.error("The page for %s cannot be rendered: %s", status, error)
        return LAST_RESORT


def language(request):
    """Return the language of the reader, also where the middleware failed to choose it."""
    if hasattr(request, "LANGUAGE_CODE"):
        return translation.get_language()
    return translation.get_language_from_request(request)
