"""What people see when something goes wrong: the handlers that urls.py names."""

import sys

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import RequestDataTooBig, TooManyFilesSent
from django.http import UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.utils.encoding import iri_to_uri
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from camp.web.database_errors import is_trouble, unavailable
from camp.web.errors import error_response, wants_json

# Fields of forms that hold a text worth keeping; never a password.
WRITTEN = ("title", "content")


def bad_request(request, exception=None):
    """Answer a request that is not understood, or holds too much, with 400 or 413."""
    if isinstance(exception, RequestDataTooBig):
        return error_response(request, 413, limit=settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
    detail = ""
    if isinstance(exception, TooManyFilesSent):
        most = settings.DATA_UPLOAD_MAX_NUMBER_FILES
        detail = ngettext(
            "Camp takes up to %(count)d file at once. Nothing was kept.",
            "Camp takes up to %(count)d files at once. Nothing was kept.",
            most,
        ) % {"count": most}
    elif isinstance(exception, MultiPartParserError):
        detail = _("What was sent arrived damaged. Nothing was kept; please send it again.")
    return error_response(request, 400, detail=detail)


def permission_denied(request, exception=None):
    """Answer 403 to somebody who may see a thing and not do this with it."""
    return error_response(request, 403)


def csrf_failure(request, reason=""):
    """Answer 403 to a form without the right token; `reason` is for the log only.

    What was written comes back with the answer, unless another site may have sent it. Of people
    without a log-in the form may not even have been read: they get to log in.
    """
    if getattr(request, "is_body_withheld", False) and not wants_json(request):
        return redirect_to_login(request.get_full_path())
    page = previous_page(request)
    return error_response(request, 403, csrf=True, page=page, written=written(request, page))


def previous_page(request):
    """Return the address of the page of this site that a form was sent from, or ""."""
    address = request.headers.get("Referer", "")
    host, secure = {request.get_host()}, request.is_secure()
    known = url_has_allowed_host_and_scheme(address, host, require_https=secure)
    return iri_to_uri(address) if known and not address.startswith("/") else ""


def written(request, page):
    """Return the texts of a form that somebody may have thought about, as a list."""
    if not page or request.content_type != "application/x-www-form-urlencoded":
        return []
    return [text for name in WRITTEN if (text := request.POST.get(name, "")).strip()]


def not_found(request, exception=None):
    """Answer 404, the same whether a thing is missing or somebody else's."""
    return error_response(request, 404)


def server_error(request):
    """Answer 500, or 503 while the database cannot be worked with.

    Touches neither the session nor the user, either of which may be the cause.
    """
    error = sys.exc_info()[1]
    if is_trouble(error):
        return unavailable(request, error)
    if isinstance(error, UnreadablePostError):
        # The client went away while sending; nobody is there to read this.
        return error_response(request, 400)
    return error_response(request, 500)
