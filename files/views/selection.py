"""Actions on several files, and moving files into sessions and out of them."""

from datetime import datetime

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models.functions import Lower
from django.http import Http404
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST

from camp.db.row_locks import lock_rows
from camp.web.batch_deletion import purge
from camp.web.errors import error_response
from camp.web.external_references import describe_references
from files.library.listing import FileList
from files.library.requests import (
    Selection,
    get_session_or_none,
    get_visible_file,
    next_url,
    parse_ids,
    save_selection,
    with_next,
)
from files.models import File
from files.serving.zips import MAX_FILES, zip_response
from sessions_app.access import list_writable_sessions, lock_session_to_add
from sessions_app.models import Session
from sessions_app.revisions import mark_changed

SESSIONS_TO_CHOOSE = 50
NAMED = 10  # files that are named before they are deleted
MAX_SHARED = 500  # files of one link


@require_POST
@login_required
def selection(request):
    """Do `action` with the selected files, at once or after a page that confirms it."""
    action = request.POST.get("action", "")
    selected = Selection(request.user, request.POST, to_read=action == "zip")
    if action not in allowed_actions(selected):
        raise Http404
    summary = selected.summary()
    if not summary["count"]:
        if selected.ids and selected.session is not None:
            messages.error(request, _("You can do that only with files of your own."))
        else:
            messages.error(request, _("Choose at least one file."))
        return redirect(previous_page(request, selected))
    if action == "zip":
        return send_zip(request, selected)
    if action == "share":
        return redirect_to_share(request, selected)
    if request.POST.get("sure") or action == "restore":
        return FUNCTIONS[action](request, selected)
    return confirmation_page(request, selected, action, summary)


def allowed_actions(selected):
    """Return what can be done with a selection."""
    if selected.in_trash:
        return TRASH_ACTIONS
    return SHARED_ACTIONS if selected.filter.is_shared else ACTIONS


def confirmation_page(request, selected, action, summary):
    """Return the page that says what will happen to how many files."""
    context = {
        "action": action,
        "fields": [*selected.fields(), ("next", previous_page(request, selected))],
        "back": previous_page(request, selected),
        "leaves_others": selected.session is not None and selected.session.is_shared,
        **summary,
    }
    if action in ("delete", "purge"):
        files = selected.files.order_by(Lower("filename"), "pk")
        context["names"] = list(files.values_list("filename", flat=True)[:NAMED])
        context["more"] = summary["count"] - len(context["names"])
    if action == "move":
        context["sessions"] = list_writable_sessions(request.user, SESSIONS_TO_CHOOSE)
    return render(request, "files/selection.html", context)


def send_zip(request, selected):
    """Send the files as one ZIP."""
    files = list(selected.files.in_path_order()[: MAX_FILES + 1])
    if len(files) > MAX_FILES:
        return error_response(request, 413)
    return zip_response(files, f"camp_{timezone.localdate():%Y%m%d}.zip")


def redirect_to_share(request, selected):
    """Go on to the form for a link to the files."""
    ids = list(selected.files.order_by("pk").values_list("pk", flat=True)[: MAX_SHARED + 1])
    if len(ids) > MAX_SHARED:
        text = _("A link can have at most %(count)d files.") % {"count": MAX_SHARED}
        messages.error(request, text)
        return redirect(previous_page(request, selected))
    query = urlencode({"chosen": save_selection(request, ids)})
    return redirect(f"{reverse('files:link_new')}?{query}")


def trash_files(request, selected):
    """Move the files to the trash, all with the same time, by which `undo` finds them."""
    moment = timezone.now()
    with transaction.atomic():
        selected.files.mark_sessions_changed()
        count = selected.files.update(deleted_at=moment)
    text = ngettext("%(count)d file was deleted.", "%(count)d files were deleted.", count)
    query = urlencode({"deleted": moment.isoformat()})
    undo = with_next(f"{reverse('files:undo')}", previous_page(request, selected)) + f"&{query}"
    messages.success(request, text % {"count": count}, extra_tags=f"undo:{undo}")
    return redirect(previous_page(request, selected))


def move_files(request, selected):
    """Move the files to the session `to`, or with "" out of theirs."""
    session = get_session_or_none(request.user, request.POST.get("to", ""), to_add=True)
    count = move_to_session(request.user, selected.files, session)
    if session is not None:
        report_added(request, count)
        return redirect(previous_page(request, selected))
    text = ngettext(
        "%(count)d file was removed from its session.",
        "%(count)d files were removed from their sessions.",
        count,
    )
    messages.success(request, text % {"count": count})
    return redirect(previous_page(request, selected))


def move_to_session(user, files, session):
    """Move the user's files to a session, or with None out of theirs; returns how many.

    `files` is a queryset. Raises PermissionDenied if the user may not add to the session any more.
    """
    with transaction.atomic():
        if session is not None:
            session = lock_session_to_add(user.pk, session)
            if session is None:
                raise PermissionDenied
        files.mark_sessions_changed()
        count = files.update(session=session)
        if session is not None and count:
            session.touch()
    return count


def report_added(request, count):
    """Add the message how many files were added to a session."""
    text = ngettext(
        "%(count)d file was added to the session.",
        "%(count)d files were added to the session.",
        count,
    )
    messages.success(request, text % {"count": count})


def restore_files(request, selected):
    """Take the files out of the trash."""
    report_restored(request, restore_all(selected.files))
    return redirect(previous_page(request, selected))


def restore_all(files):
    """Take a queryset of files out of the trash; returns how many."""
    with transaction.atomic():
        files.mark_sessions_changed()
        return files.update(deleted_at=None)


def purge_files(request, selected):
    """Delete the files for good."""
    referencing_tables = set()
    count = purge(selected.files, referencing_tables)
    text = ngettext(
        "%(count)d item was deleted for good.", "%(count)d items were deleted for good.", count
    )
    if count or not referencing_tables:
        messages.success(request, text % {"count": count})
    if referencing_tables:
        messages.error(request, describe_references(sorted(referencing_tables)))
    return redirect(previous_page(request, selected))


FUNCTIONS = {
    "delete": trash_files,
    "move": move_files,
    "restore": restore_files,
    "purge": purge_files,
}
ACTIONS = ("delete", "move", "zip", "share")
SHARED_ACTIONS = ("zip",)
TRASH_ACTIONS = ("restore", "purge")


@require_POST
@login_required
def undo(request):
    """Restore what was deleted at the time `deleted`."""
    files = File.objects.trashed_by(request.user).filter(deleted_at=parse_deletion_time(request))
    report_restored(request, restore_all(files))
    return redirect(next_url(request, reverse("files:list")))


def parse_deletion_time(request) -> datetime:
    """Return the time in `deleted`; raises Http404."""
    try:
        moment = parse_datetime(request.GET.get("deleted", ""))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise Http404
    return moment


def report_restored(request, count):
    """Add the message how many files are back."""
    text = ngettext("%(count)d file was restored.", "%(count)d files were restored.", count)
    messages.success(request, text % {"count": count})


def previous_page(request, selected):
    """Return the address from which the user came."""
    return next_url(request, reverse("files:trash" if selected.in_trash else "files:list"))


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def attach(request):
    """Move the chosen `files` to the `session`; GET shows the files to choose from."""
    params = request.POST if request.method == "POST" else request.GET
    session = get_session_or_none(request.user, params.get("session", ""), to_add=True)
    if session is None:
        raise Http404
    if request.method == "POST":
        return attach_chosen(request, session)
    files = FileList(request.user, request.GET, excluding_session=session)
    context = {"listing": files, "page": files.page, "session": session}
    redirection = files.redirect_if_page_empty(request.path)
    return redirection or render(request, "files/attach.html", context)


def attach_chosen(request, session):
    """Move the chosen files; raises Http404 if one of them is somebody else's."""
    chosen = parse_ids(request.POST.getlist("files"))
    files = File.objects.owned_by(request.user).filter(pk__in=chosen)
    if not chosen:
        messages.error(request, _("Choose at least one file."))
        return redirect(f"{reverse('files:attach')}?session={session.session_id}")
    if files.count() != len(chosen):
        raise Http404
    report_added(request, move_to_session(request.user, files, session))
    return redirect(next_url(request, session.get_absolute_url()))


@require_POST
@login_required
def detach(request, pk):
    """Take a file out of its session, for the owner of either; it stays in its owner's library."""
    with transaction.atomic():
        lock_rows(Session.objects.filter(files=pk))
        file = get_visible_file(request.user, pk)
        session = file.session
        if request.user.pk not in (file.user_id, session and session.user_id):
            raise PermissionDenied
        if session is not None:
            File.objects.filter(pk=pk, session=session).update(session=None)
            mark_changed([session.pk])
    messages.success(
        request, _("“%(name)s” was removed from its session.") % {"name": file.filename}
    )
    visible = Session.objects.visible_to(request.user)
    if session is None or not visible.filter(pk=session.pk).exists():
        return redirect(next_url(request, file.get_absolute_url()))
    return redirect(next_url(request, session.get_absolute_url()))
