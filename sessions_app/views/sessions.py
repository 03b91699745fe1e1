"""The list of sessions; create, rename, delete and restore."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import IntegerField
from django.db.models.expressions import RawSQL
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from camp.db.keyset import KeysetPage
from camp.db.search_text import cut_search
from sessions_app.access import get_own_session, login_required_at_session
from sessions_app.forms import NewSessionForm, RenameForm
from sessions_app.models import Message, Session


@require_safe
@login_required
def listing(request):
    """List the reader's sessions, most recently changed first; `q` searches titles and messages."""
    query = cut_search(request.GET.get("q", ""))
    sessions = Session.objects.owned_by(request.user).search(query)
    sessions = sessions.for_list(**count_annotations())
    page = KeysetPage(sessions, ["-updated_at", "-id"], request.GET)
    if not page.rows and {"after", "before"} & request.GET.keys():
        # The rows of this page were deleted meanwhile.
        params = request.GET.copy()
        params.pop("after", None)
        params.pop("before", None)
        return redirect(f"{reverse('sessions:list')}?{params.urlencode()}")
    return render(request, "sessions_app/list.html", {"page": page, "query": query})


def count_annotations():
    """Return annotations with a session's numbers of messages and files.

    As SQL: as expressions, Django took longer to write them than the database to count.
    """
    # The files app is a higher layer: use its relation only.
    files = Session.files.rel.related_model
    return {
        # All minus deleted: an index has the rows of each, and none the two at once.
        "message_count": count_sql(Message) - count_sql(Message, "AND deleted_at IS NOT NULL"),
        "file_count": count_sql(files, "AND deleted_at IS NULL"),
    }


def count_sql(model, condition=""):
    """Return an expression that counts the rows of `model` of a session."""
    own = f"session_id = {Session._meta.db_table}.id {condition}"
    sql = f"SELECT COUNT(*) FROM {model._meta.db_table} WHERE {own}"  # noqa: S608
    return RawSQL(sql, (), IntegerField())  # noqa: S611


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
def rename(request, session_id):
    """Rename a session."""
    session = get_own_session(request.user, session_id)
    form = RenameForm(request.POST if request.method == "POST" else None, instance=session)
    if form.is_valid():
        session.save(update_fields=["title", "search_text", "updated_at"])
        messages.success(request, _("The session has a new title."))
        return redirect(session)
    # An invalid title must not become the heading.
    session.refresh_from_db(fields=["title"])
    return render(request, "sessions_app/rename.html", {"form": form, "session": session})


@require_POST
@login_required_at_session
def delete(request, session_id):
    """Move a session to the trash; its files stay in the library."""
    session = get_own_session(request.user, session_id)
    session.trash()
    undo = reverse("sessions:restore", args=[session.session_id])
    text = _("“%(title)s” was deleted.") % {"title": session}
    messages.success(request, text, extra_tags=f"undo:{undo}")
    return redirect("sessions:list")


@require_POST
@login_required_at_session
def restore(request, session_id):
    """Restore a session from the trash."""
    own = Session.objects.filter(user=request.user, deletion_started_at=None)
    session = get_object_or_404(own, session_id=session_id)
    if session.deleted_at:
        session.restore()
        messages.success(request, _("“%(title)s” is back.") % {"title": session})
    return redirect(session)
