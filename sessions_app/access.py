"""Access to sessions and messages by URL."""

from functools import wraps

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.urls import reverse

from camp.db.compiled_query import compile_query
from camp.db.row_locks import lock_rows
from sessions_app.models import Message, Session
from sessions_app.unread import read_up_to


def get_visible_session(user, session_id, *, with_read_up_to=False):
    """Return a session that the user sees, with rights; raises Http404 for any other. One query.

    It may have the annotation `read_up_to`; see `unread.read_up_to`.
    """
    for session in find_visible_session(user, session_id, with_read_up_to=with_read_up_to):
        return session
    raise Http404


@compile_query
def find_visible_session(user, session_id, *, with_read_up_to):
    """Return the session with that public ID, with rights, if the user sees it."""
    found = Session.objects.visible_to(user).with_rights(user).filter(session_id=session_id)
    return found.annotate(read_up_to=read_up_to(user)) if with_read_up_to else found


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


def list_writable_sessions(user, count):
    """Return the newest sessions to which the user may add, own and others', as a list."""
    shared = Session.objects.shared_with(user).with_rights(user).filter(may_write=True)
    found = []
    for sessions in (Session.objects.owned_by(user), shared):
        found += sessions.only("session_id", "title", "updated_at").order_by("-updated_at", "-id")[
            :count
        ]
    return sorted(found, key=lambda each: (each.updated_at, each.pk), reverse=True)[:count]


def get_polled_session(user, session_id):
    """Return what `page_etag` needs of a session, as a named tuple; raises Http404 as above.

    For requests that come every few seconds from everybody.
    """
    for session in find_polled_session(user, session_id):
        return session
    raise Http404


@compile_query
def find_polled_session(user, session_id):
    """Return the revision, the owner and the rights of `find_visible_session`."""
    found = Session.objects.visible_to(user).with_rights(user).filter(session_id=session_id)
    return found.values_list("revision", "user_id", "may_write", named=True)


def get_visible_message(user, session_id, pk, messages=None):
    """Return a message of a session that the user sees; raises Http404 for any other.

    Its session has `may_write`. `messages` are by default those that are not deleted.
    """
    session = get_visible_session(user, session_id)
    messages = Message.objects.present() if messages is None else messages
    message = get_object_or_404(messages.for_reading(), session=session, pk=pk)
    message.session = session
    return message


def get_own_message(user, session_id, pk):
    """Return a message that the user may change.

    Raises Http404 if the user does not see it, PermissionDenied if somebody else wrote it or the
    user may only read by now.
    """
    message = get_visible_message(user, session_id, pk)
    if not message.session.may_write or not message.is_of(user):
        raise PermissionDenied
    return message


def get_deletable_message(user, session_id, pk):
    """Return a message that the user may delete: any as the owner of the session, else as above.

    Raises as `get_own_message` does.
    """
    message = get_visible_message(user, session_id, pk)
    is_own = message.session.may_write and message.is_of(user)
    if message.session.user_id != user.pk and not is_own:
        raise PermissionDenied
    return message


def get_restorable_message(user, session_id, pk):
    """Return a message whose deletion the user may undo: their own deletion, or the owner any.

    Raises Http404 if the user does not see the session, PermissionDenied if somebody else deleted
    it. One that was restored already is returned too.
    """
    message = get_visible_message(user, session_id, pk, Message.objects.all())
    is_owner = message.session.user_id == user.pk
    if message.deleted_at and not is_owner and message.deleted_by_id != user.pk:
        raise PermissionDenied
    return message


def lock_session_to_add(user_id, session):
    """Lock a session to which a file is to be added, before any other row; returns it as it is now.

    None if the user may not add to it any more, or `session` is None.
    """
    if session is None:
        return None
    session = Session.objects.select_for_update(no_key=True).filter(pk=session.pk).first()
    if session is None or session.user_id == user_id:
        return session
    return Session.objects.writable_by(user_id).filter(pk=session.pk).first()


def locks_session(view):
    """Have a view run POST in a transaction that has locked its session.

    What the view finds out about the session, such as the rights of the user, holds until the end.
    """

    @wraps(view)
    def locking(request, session_id, **kwargs):
        if request.method != "POST":
            return view(request, session_id, **kwargs)
        with transaction.atomic():
            lock_rows(Session.objects.filter(session_id=session_id))
            return view(request, session_id, **kwargs)

    return locking


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
