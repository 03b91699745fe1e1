"""Files of the library in a session, and out of it again."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST

from files.library.listing import Listing
from files.library.lookup import own_file, own_session_named
from files.library.selection import keys
from files.library.services import move_to_session
from files.models import File
from files.navigation import next_url


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def attach(request):
    """Put files of the library into a session: `session` is its ID, `files` are chosen.

    GET shows the files to choose from.
    """
    given = request.POST if request.method == "POST" else request.GET
    session = own_session_named(request.user, given.get("session", ""))
    if session is None:
        raise Http404
    if request.method == "POST":
        return put_into(request, session)
    chosen = Listing(request.user, request.GET, besides=session)
    context = {"listing": chosen, "page": chosen.page, "session": session}
    return chosen.way_back(request.path) or render(request, "files/attach.html", context)


def put_into(request, session):
    """Move the chosen files; raise Http404 if one of them is somebody else's."""
    chosen = keys(request.POST.getlist("files"))
    files = File.objects.visible_to(request.user).filter(pk__in=chosen)
    if not chosen:
        messages.error(request, _("Choose at least one file."))
        return redirect(f"{reverse('files:attach')}?session={session.session_id}")
    if files.count() != len(chosen):
        raise Http404
    count = move_to_session(files=files, session=session)
    text = ngettext(
        "%(count)d file was added to the session.",
        "%(count)d files were added to the session.",
        count,
    )
    messages.success(request, text % {"count": count})
    return redirect(next_url(request, session.get_absolute_url()))


@require_POST
@login_required
def detach(request, pk):
    """Take a file out of its session; it stays in the library."""
    file = own_file(request.user, pk)
    session, file.session = file.session, None
    file.save(update_fields=["session"])
    messages.success(request, _("“%(name)s” is in no session any more.") % {"name": file.filename})
    there = session if session is not None and session.deleted_at is None else file
    return redirect(next_url(request, there.get_absolute_url()))
