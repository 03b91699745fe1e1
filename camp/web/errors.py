"""Error responses, as an HTML page or as JSON.

They need neither the database nor a log-in, so they work when those fail.
"""

import logging
from collections.abc import Sequence

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext_lazy as _

from camp.config import shell
from camp.web import findings

logger = logging.getLogger("camp.web.errors")

# The error text in JSON responses; the pages use the same texts as headings.
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
# Used when the template cannot be rendered.
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
    tables_missing: bool = False,
) -> HttpResponse:
    """Return the error response for `status`, a key of SENTENCES.

    detail: a further sentence for the reader
    retry_after: seconds, for 429 and 503; also sent as the Retry-After header
    limit: bytes, for 413
    csrf, page, written: the 403 is a CSRF failure of a form on `page` with these typed texts
    cause: the finding behind a 503, if the reader may see it
    tables_missing: the database has no tables yet
    """
    context = {
        "detail": detail,
        "retry_after": retry_after,
        "limit": limit,
        "csrf": csrf,
        "page": page,
        "written": written,
        "commands": _commands(cause),
        "tables_missing": tables_missing,
        "email_is_set_up": settings.EMAIL_IS_SET_UP,
        "request_id": getattr(request, "request_id", ""),
    }
    with translation.override(language(request)):
        context["reason"] = findings.format_finding(cause) if cause else ""
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
    """Return whether the client accepts JSON and not HTML."""
    return request.accepts("application/json") and not request.accepts("text/html")


def _commands(cause):
    """Return the commands that fix the cause or show more about it."""
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
    """Return the reader's language, even if the middleware failed before setting it."""
    if hasattr(request, "LANGUAGE_CODE"):
        return translation.get_language()
    return translation.get_language_from_request(request)
