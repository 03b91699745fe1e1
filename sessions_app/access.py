"""Access to sessions and messages by URL."""

from functools import cache, wraps
from typing import NamedTuple

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.urls import reverse

from accounts.models import User
from sessions_app.models import Message, Session

# Parameters of a query that is written once, for any user and session
ANY_USER, ANY_SESSION = -1, "any"


def get_visible_session(user, session_id, **annotations):
    """Return a session that the user sees, with rights; raises Http404 for any other.

    One query for the owner, two for others.
    """
    own = Session.objects.owned_by(user).with_owner_rights().annotate(**annotations)
    for session in own.filter(session_id=session_id):
        return session
    sessions = Session.objects.visible_to(user).with_rights(user).annotate(**annotations)
    return get_object_or_404(sessions, session_id=session_id)


def get_own_session(user, session_id):
    """Return the user's session with that public ID.

    Raises Http404 if the user does not see it, PermissionDenied if it is somebody else's.
    """
    session = get_visible_session(user, session_id)
    if session.user_id != user.pk:
        raise PermissionDenied
    return session


def get_writable_session(user, session_id):
    """Return a session to which the user may add.

    Raises Http404 if the user does not see it, PermissionDenied if the user may only read it.
    """
    session = get_visible_session(user, session_id)
    if not session.may_write:
        raise PermissionDenied
    return session


class PolledSession(NamedTuple):
    """What `page_etag` needs of a session."""

    revision: int
    user_id: int | None
    may_write: bool


def get_polled_session(user, session_id):
    """Return a PolledSession that the user sees; raises Http404 for any other.

    For requests that come every few seconds from everybody: Django would take longer to write the
    query, and to make a Session, than the database to answer, so the query is written once.
    """
    sql, params = polled_session_sql()
    given = {ANY_USER: user.pk, ANY_SESSION: session_id}
    with connection.cursor() as cursor:
        cursor.execute(sql, [given.get(value, value) for value in params])
        row = cursor.fetchone()
    if row is None:
        raise Http404
    revision, user_id, may_write = row
    return PolledSession(revision, user_id, bool(may_write))


@cache
def polled_session_sql():
    """Return the SQL of the query, and its parameters with the constants above in their place."""
    user = User(pk=ANY_USER)
    sessions = Session.objects.visible_to(user).with_rights(user).filter(session_id=ANY_SESSION)
    return sessions.values_list("revision", "user_id", "may_write").query.sql_with_params()


def list_writable_sessions(user, count):
    """Return the newest sessions to which the user may add, own and others', as a list."""
    shared = Session.objects.shared_with(user).with_rights(user).filter(may_write=True)
    found = []
    for sessions in (Session.objects.owned_by(user), shared):
        found += sessions.only("session_id", "title", "updated_at").order_by("-updated_at", "-id")[
            :count
        ]
    return sorted(found, key=lambda each: (each.updated_at, each.pk), reverse=True)[:count]


def get_visible_message(user, session_id, pk):
    """Return a message of a session that the user sees; raises Http404 for any other."""
    messages = Message.objects.visible_to(user).select_related("session")
    return get_object_or_404(messages, session__session_id=session_id, pk=pk)


def login_required_at_session(view):
    """Redirect anonymous people to the log-in and then to the session's page.

    For URLs that accept only POST: after the log-in the browser could not open them.
    """

    @wraps(view)
    def guarded(request, session_id, **kwargs):
        if not request.user.is_authenticated:
            return redirect_to_login(reverse("sessions:detail", args=[session_id]))
        return view(request, session_id, **kwargs)

    return guarded
