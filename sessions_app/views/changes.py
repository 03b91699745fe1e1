"""What changed on an open page of a session: live.js asks every few seconds."""

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.utils.cache import get_conditional_response
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from sessions_app import unread
from sessions_app.access import get_polled_session, get_visible_session
from sessions_app.reading import (
    PAGE_SIZE,
    page_etag,
    render_messages,
    shown_messages,
    stamps_between,
)

# What live.js replaces as a whole, by the name of its [data-live-part]
PARTS = {
    "files": "files/includes/session_file_list.html",
    "people": "sessions_app/includes/people.html",
}


@require_safe
@login_required
@never_cache
def changes(request, session_id):
    """Return as JSON what a page shows now; 304 if that is what the page has.

    Parameters: `from` and `to`, the first and the last message of the page (see `page_range`;
    without `to` it is the page that grows), `last`, the highest ID that it has, `ids`, further
    messages that it lacks, and `seen` if somebody looks at it.

    `messages` are [ID, stamp] in reading order; they are not `complete` if there are too many.
    `html` has those after `last` and those of `ids`.
    """
    request.is_poll = True  # for the access log
    session = get_polled_session(request.user, session_id)
    etag = page_etag(session, request.user)
    response = get_conditional_response(
        request, etag=etag, response=HttpResponse(headers={"ETag": etag})
    )
    if response.status_code == 304:
        return response
    session = get_visible_session(request.user, session_id, with_read_up_to=True)
    stamps, is_complete, last_time = stamps_between(session, request.GET)
    if last_time and "seen" in request.GET:
        unread.mark_read(request.user, session, last_time)
    last, wanted = numbers(request.GET.get("last", "0")), numbers(request.GET.get("ids", ""))
    lacking = {pk for pk, _stamp in stamps if pk > last[0]} | set(wanted)
    context = {"session": session, "shown": changed_messages(session, lacking)}
    body = {
        "user": str(request.user.pk),
        "title": str(session),
        "mayWrite": session.may_write,
        "messages": stamps,
        "complete": is_complete,
        "html": render_to_string("sessions_app/changes.html", context, request),
        "parts": {name: render_to_string(path, context, request) for name, path in PARTS.items()},
    }
    return JsonResponse(body, headers={"ETag": etag})


def changed_messages(session, pks):
    """Return those of the session's messages, in reading order, each with its `html`."""
    messages = shown_messages(session).for_reading().filter(pk__in=pks)
    return render_messages(list(messages.order_by("-created_at", "-id")[: 3 * PAGE_SIZE]))


def numbers(text):
    """Return the numbers of a list with commas; raises Http404 for anything else."""
    words = text.split(",") if text else []
    if len(words) > PAGE_SIZE or not all(word.isdecimal() and len(word) < 19 for word in words):
        raise Http404
    return [int(word) for word in words]
