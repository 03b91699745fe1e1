"""The list of files, and the page of a file."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from files.content_types import Kind
from files.forms import RenameForm
from files.library.listing import FileList
from files.library.neighbours import PictureNeighbours, place_query
from files.library.requests import (
    get_own_file,
    get_session_or_none,
    get_visible_file,
    next_url,
    with_next,
)
from files.models import File
from files.serving.previews import Preview
from sessions_app.access import list_writable_sessions
from sessions_app.models import Session

SESSIONS_TO_CHOOSE = 50
MAX_SAME = 10  # files with the same content on the page of a file


@require_safe
@login_required
def listing(request):
    """List files; `q` searches, `kind`, `session` and others filter, `sort` orders.

    Those of the user, and with `owner` those of others that the user sees.
    """
    session = get_session_or_none(request.user, request.GET.get("session", ""))
    files = FileList(request.user, request.GET, session=session)
    context = {"listing": files, "page": files.page, "session": session}
    context["place"] = place_query(request.GET)
    redirection = files.redirect_if_page_empty(request.path)
    return redirection or render(request, "files/list.html", context)


@require_safe
@login_required
def detail(request, pk):
    """Show a file, its preview, and what can be done with it."""
    file = get_visible_file(request.user, pk)
    return file_page(request, file, RenameForm(initial={"filename": file.filename}))


def file_page(request, file, form, status=200):
    """Return the page of a file, with `form` to rename it, which is for its owner."""
    session = shown_session(file, request.user)
    in_trash = file.session_id and file.session.deleted_at
    is_own = file.user_id == request.user.pk
    sessions, same = [], []
    if is_own:
        sessions = list_writable_sessions(request.user, SESSIONS_TO_CHOOSE)
        same = list(File.objects.same_as(file)[: MAX_SAME + 1])
    context = {
        "file": file,
        "is_own": is_own,
        "form": form,
        "session": session,
        "in_hidden_session": file.session_id and not session and not in_trash,
        "may_detach": session and (is_own or session.user_id == request.user.pk),
        "sessions": [each for each in sessions if each.pk != file.session_id],
        "preview": Preview(file),
        "pictures": file.kind == Kind.IMAGE and PictureNeighbours(file, request.user, request.GET),
        "links": file.shares.visible_to(request.user).open().count(),
        "same": same[:MAX_SAME],
        "more_same": len(same) > MAX_SAME,
    }
    return render(request, "files/detail.html", context, status=status)


def shown_session(file, user):
    """Return the session of a file if the user sees it, else None."""
    session = file.session
    if session is None or session.deleted_at:
        return None
    if user.pk == session.user_id or user.pk != file.user_id:
        return session
    return Session.objects.visible_to(user).filter(pk=session.pk).first()


@require_POST
@login_required
def rename(request, pk):
    """Rename a file."""
    file = get_own_file(request.user, pk)
    form = RenameForm(request.POST)
    if not form.is_valid():
        return file_page(request, file, form, status=400)
    file.filename = form.cleaned_data["filename"]
    file.save(update_fields=["filename", "search_text"])
    messages.success(request, _("The file is now called “%(name)s”.") % {"name": file.filename})
    return redirect(next_url(request, file.get_absolute_url()))


@require_POST
@login_required
def delete(request, pk):
    """Move a file to the trash."""
    file = get_own_file(request.user, pk)
    file.trash()
    back = next_url(request, reverse("files:list"))
    undo = with_next(reverse("files:restore", args=[file.pk]), back)
    text = _("“%(name)s” was deleted.") % {"name": file.filename}
    messages.success(request, text, extra_tags=f"undo:{undo}")
    return redirect(back)


@require_POST
@login_required
def restore(request, pk):
    """Take a file out of the trash."""
    file = get_object_or_404(File, user=request.user, pk=pk)
    if file.deleted_at:
        file.restore()
        messages.success(request, _("“%(name)s” was restored.") % {"name": file.filename})
    return redirect(next_url(request, file.get_absolute_url()))
