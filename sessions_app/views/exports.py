"""Session downloads."""

from django.contrib.auth.decorators import login_required
from django.http import StreamingHttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from camp.web.content_disposition import attachment
from sessions_app import export
from sessions_app.access import get_visible_session
from sessions_app.titles import shorten


@require_safe
@login_required
def as_markdown(request, session_id):
    """Download a session as Markdown, with times in the reader's zone."""
    session = get_visible_session(request.user, session_id)
    pieces = export.markdown(session, request.user, timezone.get_current_timezone())
    return download(session, pieces, "text/markdown", ".md")


@require_safe
@login_required
def as_json(request, session_id):
    """Download a session as JSON."""
    session = get_visible_session(request.user, session_id)
    return download(session, export.json_text(session), "application/json", ".json")


def download(session, pieces, content_type, suffix):
    """Return a response that streams `pieces` of text as a file named after the session."""
    response = StreamingHttpResponse(pieces, content_type=f"{content_type}; charset=utf-8")
    response["Content-Disposition"] = attachment(shorten(str(session)) + suffix)
    return response
