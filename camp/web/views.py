"""The home page, and the error handlers named in urls.py and settings.py."""

import sys

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import DisallowedHost, RequestDataTooBig, TooManyFilesSent
from django.http import UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.http.request import split_domain_port
from django.shortcuts import render
from django.utils import translation
from django.utils.encoding import iri_to_uri
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from camp.web.addresses import is_local_client
from camp.web.database_errors import is_database_outage, unavailable_response
from camp.web.errors import error_response, language, wants_json

# Form fields whose text is shown again after a CSRF failure; never a password.
WRITTEN = ("title", "content")


def bad_request(request, exception=None):
    """Return 400 for a malformed request, or 413 for one that is too large."""
    if isinstance(exception, RequestDataTooBig):
        return error_response(request, 413, limit=settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
    detail = ""
    if isinstance(exception, TooManyFilesSent):
        most = settings.DATA_UPLOAD_MAX_NUMBER_FILES
        detail = ngettext(
            "Camp accepts up to %(count)d file at once. Nothing was saved.",
            "Camp accepts up to %(count)d files at once. Nothing was saved.",
            most,
        ) % {"count": most}
    elif isinstance(exception, MultiPartParserError):
        detail = _("The data arrived damaged. Nothing was saved; please send it again.")
    elif isinstance(exception, DisallowedHost):
        detail = explain_unknown_host(request)
    return error_response(request, 400, detail=detail)


def explain_unknown_host(request):
    """Return how to allow the host name of a request, or "" for readers from other networks."""
    name, _port = split_domain_port(request._get_raw_host())
    if not name or not is_local_client(request.META):
        return ""
    values = {"name": name, "names": ",".join([*settings.ALLOWED_HOSTS, name])}
    # The middleware that sets the language may not have run.
    with translation.override(language(request)):
        return (
            _(
                "Camp does not answer to the name “%(name)s”. To allow it, its operator writes "
                "this line into .env.local and starts Camp again: ALLOWED_HOSTS=%(names)s"
            )
            % values
        )


def permission_denied(request, exception=None):
    """Return 403: the object is visible to this person, but the action is not allowed."""
    return error_response(request, 403)


def csrf_failure(request, reason=""):
    """Return 403 for a form without a valid CSRF token; `reason` is for the log only.

    The page shows the text that was typed, unless another site may have sent it. The body of an
    anonymous request may not have been read at all: that one is redirected to the log-in page.
    """
    if getattr(request, "is_body_withheld", False) and not wants_json(request):
        return redirect_to_login(request.get_full_path())
    page = previous_page(request)
    return error_response(request, 403, csrf=True, page=page, written=typed_texts(request, page))


def previous_page(request):
    """Return the URL of the page on this site that sent the form, or ""."""
    address = request.headers.get("Referer", "")
    host, secure = {request.get_host()}, request.is_secure()
    known = url_has_allowed_host_and_scheme(address, host, require_https=secure)
    return iri_to_uri(address) if known and not address.startswith("/") else ""


def typed_texts(request, page):
    """Return the texts typed into the form, as a list of strings."""
    if not page or request.content_type != "application/x-www-form-urlencoded":
        return []
    return [text for name in WRITTEN if (text := request.POST.get(name, "")).strip()]


def not_found(request, exception=None):
    """Return 404, identical for a missing object and for someone else's."""
    return error_response(request, 404)


def server_error(request):
    """Return 500, or 503 while the database is unusable.

    Reads neither the session nor the user: either may be the cause.
    """
    error = sys.exc_info()[1]
    if is_database_outage(error):
        return unavailable_response(request, error)
    if isinstance(error, UnreadablePostError):
        # The client disconnected while sending; nobody reads this response.
        return error_response(request, 400)
    return error_response(request, 500)


@require_safe
def home(request):
    """Show recent sessions and files, or what Camp is.

    The lists come from template tags of the apps, because camp.web imports no app.
    """
    name = "home.html" if request.user.is_authenticated else "welcome.html"
    return render(request, name, {"signup_open": settings.SIGNUP_OPEN})
