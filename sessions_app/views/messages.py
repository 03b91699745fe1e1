"""A session's page and its messages."""

from django.contrib import messages as notices
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import Http404, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from camp.db.keyset import encode
from camp.web.errors import wants_json
from sessions_app import unread, writing
from sessions_app.access import (
    get_visible_message,
    get_visible_session,
    get_writable_session,
    login_required_at_session,
)
from sessions_app.forms import MessageForm, NewMessageForm
from sessions_app.markdown import render as render_markdown
from sessions_app.models import Message, Session
from sessions_app.reading import PAGE_SIZE, message_page, page_etag, page_range


@require_safe
@login_required
def detail(request, session_id):
    """Show a session: latest messages, files, and a form to write."""
    read_up_to = unread.read_up_to(request.user)
    session = get_visible_session(request.user, session_id, read_up_to=read_up_to)
    page, shown = message_page(session, request.GET)
    news = unread.find_news(request.user, session, page)
    unread.mark_page_read(request, session, page)
    return session_page(request, session, page, shown, NewMessageForm(), **news)


def session_page(request, session, page, shown, form, **news):
    """Return a page of a session, with `form` for the next message."""
    context = {
        "session": session,
        "page": page,
        "shown": shown,
        "form": form,
        "range": page_range(page),
        "etag": page_etag(session, request.user),
        **news,
    }
    return render(request, "sessions_app/detail.html", context)


@require_POST
@login_required_at_session
def create(request, session_id):
    """Write a message; for scripts the answer is JSON, its `id` or the `error`."""
    session = get_writable_session(request.user, session_id)
    form = NewMessageForm(request.POST)
    if not form.is_valid():
        if wants_json(request):
            return JsonResponse({"error": " ".join(form.errors["content"])}, status=400)
        return session_page(request, session, *message_page(session, request.GET), form)
    try:
        message = writing.add_message(session=session, author=request.user, **form.cleaned_data)
    except Session.DoesNotExist as error:
        raise Http404 from error
    if wants_json(request):
        return JsonResponse({"id": message.pk}, status=201)
    return redirect(message_url(message))


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def edit(request, session_id, pk):
    """Change one's own message."""
    message = get_editable_message(request, session_id, pk)
    form = MessageForm(request.POST if request.method == "POST" else None, instance=message)
    if form.is_valid():
        if form.has_changed():
            writing.change_message(message=message, **form.cleaned_data)
        return redirect(message_url(message))
    context = {"form": form, "message": message, "session": message.session}
    return render(request, "sessions_app/message_edit.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def delete(request, session_id, pk):
    """Confirm, then delete one's own message."""
    message = get_editable_message(request, session_id, pk)
    if request.method == "POST":
        writing.delete_message(message=message)
        notices.success(request, _("The message was deleted."))
        return redirect(message.session)
    message.html = render_markdown(message.content)
    context = {"shown": [message], "session": message.session}
    return render(request, "sessions_app/message_delete.html", context)


def get_editable_message(request, session_id, pk):
    """Return the message; raises Http404 unless visible, PermissionDenied unless the reader's."""
    message = get_visible_message(request.user, session_id, pk)
    if message.role != Message.Role.USER or message.author_id != request.user.pk:
        raise PermissionDenied
    return message


def message_url(message):
    """Return the URL of the page that contains a message, with its anchor."""
    later = Q(created_at__gt=message.created_at)
    later |= Q(created_at=message.created_at, id__gt=message.id)
    following = message.session.messages.filter(later).order_by("created_at", "id")
    keys = list(following.values_list("created_at", "id")[:PAGE_SIZE])
    query = urlencode({"after": encode(keys[0])}) if len(keys) == PAGE_SIZE else ""
    page = reverse("sessions:detail", args=[message.session.session_id])
    return f"{page}{'?' if query else ''}{query}#message-{message.pk}"
