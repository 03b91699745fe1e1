"""Doing one thing with many files: the reader is told how many before and after."""

from datetime import datetime

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models.functions import Lower
from django.http import Http404
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from camp.web.errors import error_response
from camp.web.external_references import describe_references
from files.library import services
from files.library.lookup import own_session_named
from files.library.selection import Selection, remember
from files.models import File
from files.navigation import next_url, with_next
from files.serving.zips import MOST, zip_response
from sessions_app.models import Session

SESSIONS_TO_CHOOSE = 50
MOST_SHARED = 500  # files of one link


@require_POST
@login_required
def selection(request):
    """Do `action` with the chosen files, at once or after a question that tells the number."""
    chosen = Selection(request.user, request.POST)
    action = request.POST.get("action", "")
    if action not in (TRASH_ACTIONS if chosen.trashed else ACTIONS):
        raise Http404
    summary = chosen.summary()
    if not summary["count"]:
        messages.error(request, _("Choose at least one file."))
        return redirect(back(request, chosen))
    if action == "zip":
        return as_zip(request, chosen)
    if action == "share":
        return to_share(request, chosen)
    if request.POST.get("sure") or action == "restore":
        return ACT[action](request, chosen)
    return question(request, chosen, action, summary)


def question(request, chosen, action, summary):
    """Return the page that tells what will happen to how many files."""
    context = {
        "action": action,
        "fields": [*chosen.fields(), ("next", back(request, chosen))],
        "back": back(request, chosen),
        **summary,
    }
    if action == "move":
        sessions = Session.objects.visible_to(request.user)
        context["sessions"] = sessions.order_by("-updated_at", "-id")[:SESSIONS_TO_CHOOSE]
    return render(request, "files/selection.html", context)


def as_zip(request, chosen):
    """Send the files as one ZIP."""
    files = list(chosen.files.order_by(Lower("filename"), "pk")[: MOST + 1])
    if len(files) > MOST:
        return error_response(request, 413)
    return zip_response(files, f"camp_{timezone.localdate():%Y%m%d}.zip")


def to_share(request, chosen):
    """Send the reader on to where a link to the files is made."""
    ids = list(chosen.files.order_by("pk").values_list("pk", flat=True)[: MOST_SHARED + 1])
    if len(ids) > MOST_SHARED:
        text = _("A link leads to %(count)d files at most.") % {"count": MOST_SHARED}
        messages.error(request, text)
        return redirect(back(request, chosen))
    query = urlencode({"chosen": remember(request, ids)})
    return redirect(f"{reverse('files:link_new')}?{query}")


def delete(request, chosen):
    """Put the files into the trash; all of them at one moment, by which they are found again."""
    moment = timezone.now()
    count = chosen.files.update(deleted_at=moment)
    text = ngettext("%(count)d file was deleted.", "%(count)d files were deleted.", count)
    query = urlencode({"deleted": moment.isoformat()})
    undo = with_next(f"{reverse('files:undo')}", back(request, chosen)) + f"&{query}"
    messages.success(request, text % {"count": count}, extra_tags=f"undo:{undo}")
    return redirect(back(request, chosen))


def move(request, chosen):
    """Put the files into the session `to`, or with "" into none."""
    session = own_session_named(request.user, request.POST.get("to", ""))
    count = services.move_to_session(files=chosen.files, session=session)
    if session is None:
        text = ngettext(
            "%(count)d file is in no session any more.",
            "%(count)d files are in no session any more.",
            count,
        )
    else:
        text = ngettext(
            "%(count)d file was added to the session.",
            "%(count)d files were added to the session.",
            count,
        )
    messages.success(request, text % {"count": count})
    return redirect(back(request, chosen))


def restore(request, chosen):
    """Take the files out of the trash."""
    count = chosen.files.update(deleted_at=None)
    told_back(request, count)
    return redirect(back(request, chosen))


def purge(request, chosen):
    """Delete the files for good."""
    held = set()
    count = services.purge(chosen.files, held)
    text = ngettext(
        "%(count)d thing is gone for good.", "%(count)d things are gone for good.", count
    )
    if count or not held:
        messages.success(request, text % {"count": count})
    if held:
        messages.error(request, describe_references(sorted(held)))
    return redirect(back(request, chosen))


ACT = {"delete": delete, "move": move, "restore": restore, "purge": purge}
ACTIONS = ("delete", "move", "zip", "share")
TRASH_ACTIONS = ("restore", "purge")


@require_POST
@login_required
def undo(request):
    """Bring back what was deleted at the moment `deleted`."""
    files = File.objects.trashed_by(request.user).filter(deleted_at=moment_named(request))
    told_back(request, files.update(deleted_at=None))
    return redirect(next_url(request, reverse("files:list")))


def moment_named(request) -> datetime:
    """Return the time in `deleted`; raise Http404 for what is none."""
    try:
        moment = parse_datetime(request.GET.get("deleted", ""))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise Http404
    return moment


def told_back(request, count):
    """Tell how many files are back."""
    text = ngettext("%(count)d file is back.", "%(count)d files are back.", count)
    messages.success(request, text % {"count": count})


def back(request, chosen):
    """Return where the reader came from."""
    return next_url(request, reverse("files:trash" if chosen.trashed else "files:list"))
