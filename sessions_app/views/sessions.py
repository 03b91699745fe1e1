"""The list of sessions; create, rename, delete and restore."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from sessions_app.access import get_own_session, locks_session, login_required_at_session
from sessions_app.forms import NewSessionForm, RenameForm
from sessions_app.lists import SessionPage
from sessions_app.models import Session
from sessions_app.revisions import mark_changed


@require_safe
@login_required
def listing(request):
    """List the sessions that the reader sees, most recently changed first; see SessionPage."""
    page = SessionPage(request.user, request.GET)
    if not page.rows and {"after", "before"} & request.GET.keys():
        # The rows of this page were deleted meanwhile.
        params = request.GET.copy()
        params.pop("after", None)
        params.pop("before", None)
        return redirect(f"{reverse('sessions:list')}?{params.urlencode()}")
    return render(request, "sessions_app/list.html", {"page": page, "query": page.query})


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def new(request):
    """Start a session."""
    data = request.POST if request.method == "POST" else None
    form = NewSessionForm(data, instance=Session(user=request.user))
    if form.is_valid():
        return redirect(form.save())
    return render(request, "sessions_app/new.html", {"form": form})


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@locks_session
def rename(request, session_id):
    """Rename a session."""
    session = get_own_session(request.user, session_id)
    form = RenameForm(request.POST if request.method == "POST" else None, instance=session)
    if form.is_valid():
        session.save(update_fields=["title", "search_text", "updated_at"])
        mark_changed([session.pk])
        messages.success(request, _("The session has a new title."))
        return redirect(session)
    # An invalid title must not become the heading.
    session.refresh_from_db(fields=["title"])
    return render(request, "sessions_app/rename.html", {"form": form, "session": session})


@require_POST
@login_required_at_session
@locks_session
def delete(request, session_id):
    """Move a session to the trash; its files stay in the library."""
    session = get_own_session(request.user, session_id)
    session.trash()
    undo = reverse("sessions:restore", args=[session.session_id])
    text = _("“%(title)s” was deleted.") % {"title": session}
    if session.is_shared:
        text += " " + _("The others in it no longer see it either.")
    messages.success(request, text, extra_tags=f"undo:{undo}")
    return redirect("sessions:list")


@require_POST
@login_required_at_session
@locks_session
def restore(request, session_id):
    """Restore a session from the trash."""
    own = Session.objects.filter(user=request.user, deletion_started_at=None)
    session = get_object_or_404(own, session_id=session_id)
    if session.deleted_at:
        session.restore()
        messages.success(request, _("“%(title)s” is back.") % {"title": session})
    return redirect(session)
