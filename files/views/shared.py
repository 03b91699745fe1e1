"""What people without a log-in see of a link: its files, and nothing else."""

import math
from functools import wraps

from django.contrib.auth.decorators import login_not_required
from django.db.models.functions import Lower
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_safe

from accounts.throttle import client_address
from camp.fs.filenames import download_name
from camp.web.errors import error_response
from files.library import shares
from files.serving import receipts
from files.serving.downloads import bytes_given, discard, file_response
from files.serving.zips import zip_response

ARCHIVE = "camp.zip"


def shared(view):
    """Give a view the Share of its token; what it answers is in no index and no cache.

    The link may be used up: a download that began before may still go on.
    """

    @wraps(view)
    def guarded(request, token, **kwargs):
        place = client_address(request)
        share = None if shares.is_guessing(place) else shares.find(token)
        if share is None:
            response = nothing(request, token, place)
        else:
            response = view(request, share, token, **kwargs)
        response.headers["X-Robots-Tag"] = "noindex, nofollow"
        # The address is the key: no other site may learn it. With "no-referrer" browsers would
        # send the password from nowhere (Origin: null), and it would be refused.
        response.headers["Referrer-Policy"] = "same-origin"
        return response

    return guarded


def nothing(request, token, place):
    """Return the answer to a token that leads nowhere from a place, a client's address."""
    if shares.is_guessing(place):
        detail = _("Too many links that lead nowhere were asked for. Try again in a minute.")
        return error_response(request, 429, detail=detail, retry_after=shares.MISSED_FOR)
    if not shares.was_made(token):
        shares.note_miss(place)
    return over(request)


def over(request):
    """Return the answer to a link that leads nowhere."""
    return error_response(request, 404, detail=_("This link does not exist, or it is over."))


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
@shared
def page(request, share, token):
    """Show the files of a link; ask for its password first, if it has one."""
    if share.is_over:
        return over(request)
    if request.method == "POST" and share.password:
        right = shares.is_right(share, request.POST.get("password", ""))
        if not right:
            return locked(request, share, right)
        request.session[key(share)] = share.password
        return redirect("share", token)
    if not is_unlocked(request, share):
        return render(request, "files/share_locked.html")
    files = list(shares.files_of(share).order_by(Lower("filename"), "pk"))
    for file in files:
        file.saved_as = download_name(file.filename)
    context = {"share": share, "files": files, "token": token, "archive": ARCHIVE}
    return render(request, "files/share.html", context)


def locked(request, share, right):
    """Return the form again after a password that is not `right`, None if one has to wait."""
    if right is not None:
        wrong = {"wrong": _("This is not the password.")}
        return render(request, "files/share_locked.html", wrong)
    seconds = shares.seconds_to_wait(share)
    minutes = math.ceil(seconds / 60)
    text = ngettext(
        "Too many wrong passwords. Try again in %(count)d minute.",
        "Too many wrong passwords. Try again in %(count)d minutes.",
        minutes,
    )
    wrong = {"wrong": text % {"count": minutes}}
    response = render(request, "files/share_locked.html", wrong, status=429)
    response.headers["Retry-After"] = str(seconds)
    return response


def is_unlocked(request, share):
    """Return whether the reader may see what the link leads to."""
    return not share.password or request.session.get(key(share)) == share.password


def key(share):
    """Return where a browser's session remembers the password of a link, hashed."""
    return f"share-{share.pk}"


@require_safe
@shared
def download(request, share, token, pk, name=""):
    """Send one file of a link; `name` is for whoever names what is saved by the address."""
    if not is_unlocked(request, share):
        return redirect("share", token)
    file = get_object_or_404(shares.files_of(share), pk=pk)
    # Other servers would not tell what they have sent.
    response = file_response(request, file, by_camp=share.limit is not None)
    asked = bytes_given(request, file, response)
    return counted(request, share, str(pk), response, size=file.size, asked=asked)


@require_safe
@shared
def archive(request, share, token, name=""):
    """Send all files of a link as one ZIP."""
    if not is_unlocked(request, share):
        return redirect("share", token)
    files = list(shares.files_of(share).order_by(Lower("filename"), "pk"))
    if not files:
        raise Http404
    response = zip_response(files, ARCHIVE)
    size = int(response.headers["Content-Length"])
    asked = size
    if request.method == "HEAD":
        response.streaming_content, asked = (), None
    return counted(request, share, receipts.ZIP, response, size=size, asked=asked)


def counted(request, share, subject, response, *, size, asked):
    """Return `response`, or that the link is over where its limit does not allow it.

    It gives `asked` bytes of `size`, or None without a body; see files/serving/receipts.py.
    """
    client = receipts.client_of(share, client_address(request))
    if asked is None:
        allowed = receipts.may_ask(share, subject, client)
    else:
        allowed = receipt = receipts.take(share, subject, client, size=size, asked=asked)
    if not allowed:
        discard(response)
        return over(request)
    if asked is not None and response.streaming:
        receipts.give_back_unsent(response, receipt, asked)
        if share.limit is not None:
            # What waits in nginx would count as sent.
            response.headers["X-Accel-Buffering"] = "no"
    return response
