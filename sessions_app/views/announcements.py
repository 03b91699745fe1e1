"""Announce a session to everyone, and withdraw that."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from sessions_app import announcements
from sessions_app.access import get_visible_session, locks_session, login_required_at_session


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@locks_session
def announce(request, session_id):
    """Confirm, then announce a session; only its owner may open it to everyone by that."""
    session = get_announceable_session(request.user, session_id)
    is_open = announcements.is_for_everyone(session)
    may_announce = is_open or session.user_id == request.user.pk
    if request.method == "POST":
        if not may_announce:
            raise PermissionDenied
        announcements.announce(session=session, user=request.user)
        messages.success(request, _("The session is announced to everyone."))
        return redirect(session)
    context = {"session": session, "is_open": is_open, "may_announce": may_announce}
    return render(request, "sessions_app/announce.html", context)


@require_POST
@login_required_at_session
@locks_session
def withdraw(request, session_id):
    """Take an announcement off the home pages."""
    session = get_announceable_session(request.user, session_id)
    announcements.withdraw(session=session)
    messages.success(request, _("The session is no longer announced. Everyone still sees it."))
    return redirect(session)


def get_announceable_session(user, session_id):
    """Return a session that the user sees; raises PermissionDenied without the permission."""
    session = get_visible_session(user, session_id)
    if not user.has_perm(announcements.PERMISSION):
        raise PermissionDenied
    return session
