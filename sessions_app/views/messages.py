"""A session's page and its messages."""

from itertools import chain

from django.contrib import messages as notices
from django.contrib.auth.decorators import login_required
from django.db.models import Q
from django.http import JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from camp.db.keyset import encode
from camp.web.errors import wants_json
from sessions_app import unread, writing
from sessions_app.access import (
    get_deletable_message,
    get_own_message,
    get_restorable_message,
    get_visible_message,
    get_visible_session,
    get_writable_session,
    locks_session,
    login_required_at_session,
)
from sessions_app.forms import MessageForm, NewMessageForm
from sessions_app.reading import PAGE_SIZE, message_page, page_etag, page_range
from sessions_app.rendering.markdown import render as render_markdown


@require_safe
@login_required
def detail(request, session_id):
    """Show a session: latest messages, files, and a form to write."""
    session = get_visible_session(request.user, session_id, with_read_up_to=True)
    form = NewMessageForm(session, initial={"reply_to": request.GET.get("reply")})
    context = page_context(request, session, form)
    context |= unread.find_news(request.user, session, context["page"])
    unread.mark_page_read(request, session, context["page"])
    return render(request, "sessions_app/detail.html", context)


def page_context(request, session, form):
    """Return what the page of a session shows, with `form` for the next message."""
    page, shown = message_page(session, request.GET)
    return {
        "session": session,
        "address": session.get_absolute_url(),
        "page": page,
        "shown": shown,
        "form": form,
        "answered": form.find_answered(),
        "range": page_range(page),
        "etag": page_etag(session, request.user),
    }


@require_POST
@login_required_at_session
@locks_session
def create(request, session_id):
    """Write a message; for scripts the answer is JSON, its `id` or the `error`."""
    session = get_writable_session(request.user, session_id)
    form = NewMessageForm(session, request.POST)
    if not form.is_valid():
        if wants_json(request):
            return JsonResponse({"error": " ".join(chain(*form.errors.values()))}, status=400)
        context = page_context(request, session, form)
        return render(request, "sessions_app/detail.html", context)
    message = writing.add_message(session=session, author=request.user, **form.cleaned_data)
    if wants_json(request):
        return JsonResponse({"id": message.pk}, status=201)
    return redirect(message_url(message))


@require_safe
@login_required
def show(request, session_id, pk):
    """Lead to the page that contains a message: its permanent link."""
    return redirect(message_url(get_visible_message(request.user, session_id, pk)))


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@locks_session
def edit(request, session_id, pk):
    """Change one's own message."""
    message = get_own_message(request.user, session_id, pk)
    form = MessageForm(request.POST if request.method == "POST" else None, instance=message)
    if form.is_valid():
        if form.has_changed():
            writing.change_message(message=message, **form.cleaned_data)
        return redirect(message_url(message))
    context = {"form": form, "message": message, "session": message.session}
    return render(request, "sessions_app/message_edit.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@locks_session
def delete(request, session_id, pk):
    """Confirm, then delete a message: one's own, or any in one's own session."""
    message = get_deletable_message(request.user, session_id, pk)
    if request.method == "POST":
        writing.delete_message(message=message, user=request.user)
        undo = reverse("sessions:message_restore", args=[session_id, pk])
        notices.success(request, _("The message was deleted."), extra_tags=f"undo:{undo}")
        return redirect(message.session)
    message.html = render_markdown(message.content)
    context = {"shown": [message], "session": message.session}
    return render(request, "sessions_app/message_delete.html", context)


@require_POST
@login_required_at_session
@locks_session
def restore(request, session_id, pk):
    """Undo the deletion of a message."""
    message = get_restorable_message(request.user, session_id, pk)
    if message.deleted_at:
        writing.restore_message(message=message)
        notices.success(request, _("The message is back."))
    return redirect(message_url(message))


def message_url(message):
    """Return the URL of the page that contains a message, with its anchor."""
    later = Q(created_at__gt=message.created_at)
    later |= Q(created_at=message.created_at, id__gt=message.id)
    following = message.session.messages.present().filter(later).order_by("created_at", "id")
    keys = list(following.values_list("created_at", "id")[:PAGE_SIZE])
    query = urlencode({"after": encode(keys[0])}) if len(keys) == PAGE_SIZE else ""
    page = reverse("sessions:detail", args=[message.session.session_id])
    return f"{page}{'?' if query else ''}{query}#message-{message.pk}"
