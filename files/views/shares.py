"""Shared links: their owner makes and ends them, people without a log-in use them."""

import math
from functools import wraps

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required, login_required
from django.db.models import Count
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.throttle import client_address
from camp.db.keyset import KeysetPage
from camp.fs.filenames import download_name
from camp.web.addresses import public_host
from camp.web.errors import error_response
from camp.web.external_references import atomic_deletion
from files.forms import ShareForm
from files.library import shares
from files.library.requests import load_selection, parse_ids
from files.models import File, Share
from files.serving.downloads import count_file_bytes, discard, file_response
from files.serving.previews import thumbnail_response
from files.serving.zips import zip_response

MAX_FILES = 500  # files of one link
NAMES_SHOWN = 5  # names of a link in the list
ARCHIVE = "camp.zip"


@require_safe
@login_required
def listing(request):
    """List the user's links, the newest first, with their downloads."""
    links = Share.objects.visible_to(request.user).annotate(count=Count("files"))
    links = links.prefetch_related(Share.first_files(NAMES_SHOWN))
    page = KeysetPage(links, ["-created_at", "-id"], request.GET)
    for share in page:
        share.url = share_url(request, share)
    return render(request, "files/links.html", {"page": page})


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def new(request):
    """Make a link to the files with the given `id`s, or to those of the selection `chosen`."""
    params = request.POST if request.method == "POST" else request.GET
    selection = params.get("chosen", "")
    chosen = load_selection(request, selection) if selection else parse_ids(params.getlist("id"))
    files = list(File.objects.owned_by(request.user).filter(pk__in=chosen)[:MAX_FILES])
    if not chosen or len(files) != len(chosen):
        if selection:
            messages.error(request, _("Choose the files again."))
            return redirect("files:list")
        raise Http404
    form = ShareForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        share = shares.create(user=request.user, files=files, **form.cleaned_data)
        url = share_url(request, share)
        link = format_html('<a href="{}">{}</a>', url, url)
        messages.success(request, format_html(_("The link is ready: {link}"), link=link))
        return redirect("files:links")
    return render(request, "files/link_new.html", {"form": form, "files": files})


@require_POST
@login_required
def revoke(request, pk):
    """Delete a link."""
    share = get_object_or_404(Share.objects.visible_to(request.user), pk=pk)
    with atomic_deletion():
        share.delete()
    messages.success(request, _("This link no longer works."))
    return redirect("files:links")


def share_url(request, share):
    """Return the full address of a link; "" if another SECRET_KEY made it."""
    token = shares.token_of(share)
    if token is None:
        return ""
    path = reverse("share", args=[token])
    scheme = "https" if settings.CAMP_HTTPS else request.scheme
    return f"{scheme}://{public_host(request)}{path}"


def shared(view):
    """Give a view the Share of its token; search engines and caches keep no response.

    The limit of downloads may be reached: a download that began before may still go on.
    """

    @wraps(view)
    def guarded(request, token, **kwargs):
        address = client_address(request)
        share = None if shares.is_guessing(address) else shares.find(token)
        if share is None:
            response = unknown_link(request, token, address)
        else:
            response = view(request, share, token, **kwargs)
        response.headers["X-Robots-Tag"] = "noindex, nofollow"
        # The address is a secret: no other site may learn it. With "no-referrer" browsers would
        # post the password with "Origin: null", and it would be refused.
        response.headers["Referrer-Policy"] = "same-origin"
        return response

    return guarded


def unknown_link(request, token, address):
    """Return the response to a token without a link, from a client's address."""
    if shares.is_guessing(address):
        detail = _("Too many invalid links were opened. Try again in a minute.")
        return error_response(request, 429, detail=detail, retry_after=shares.UNKNOWN_TOKEN_SECONDS)
    if not shares.was_issued(token):
        shares.count_unknown_token(address)
    return expired_link(request)


def expired_link(request):
    """Return the response for a link that does not exist or has expired."""
    return error_response(request, 404, detail=_("This link does not exist, or it has expired."))


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
@shared
def shared_page(request, share, token):
    """Show the files of a link; ask for its password first, if it has one."""
    if share.is_closed:
        return expired_link(request)
    if request.method == "POST" and share.password:
        is_right = shares.check_share_password(share, request.POST.get("password", ""))
        if not is_right:
            return password_page(request, share, is_right)
        request.session[session_key(share)] = share.password
        return redirect("share", token)
    if not is_unlocked(request, share):
        return render(request, "files/share_locked.html")
    files = list(shares.files_of(share).in_path_order())
    for file in files:
        file.saved_as = download_name(file.filename)
    context = {"share": share, "files": files, "token": token, "archive": ARCHIVE}
    return render(request, "files/share.html", context)


def password_page(request, share, is_right):
    """Return the form again after a wrong password; None means too many of them."""
    if is_right is not None:
        wrong = {"wrong": _("The password is wrong.")}
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
    """Return whether this browser may see the files of the link."""
    return not share.password or request.session.get(session_key(share)) == share.password


def session_key(share):
    """Return the key under which a browser's session has the password hash of a link."""
    return f"share-{share.pk}"


@require_safe
@shared
def shared_download(request, share, token, pk, name=""):
    """Send one file of a link; `name` only ends the address, under which programs save."""
    if not is_unlocked(request, share):
        return redirect("share", token)
    file = get_object_or_404(shares.files_of(share), pk=pk)
    # nginx and object stores do not report what they have sent.
    response = file_response(request, file, by_camp=share.limit is not None)
    requested = count_file_bytes(request, file, response)
    return limited(request, share, str(pk), response, size=file.size, requested=requested)


@require_safe
@shared
def shared_thumbnail(request, share, token, pk):
    """Send the thumbnail of an image of a link; that is no download."""
    if share.is_closed:
        return expired_link(request)
    if not is_unlocked(request, share):
        return redirect("share", token)
    response = thumbnail_response(get_object_or_404(shares.files_of(share), pk=pk))
    response.headers["Cache-Control"] = "private, no-store"
    return response


@require_safe
@shared
def shared_archive(request, share, token, name=""):
    """Send all files of a link as one ZIP."""
    if not is_unlocked(request, share):
        return redirect("share", token)
    files = list(shares.files_of(share).in_path_order())
    if not files:
        raise Http404
    response = zip_response(files, ARCHIVE)
    size = int(response.headers["Content-Length"])
    requested = size
    if request.method == "HEAD":
        response.streaming_content, requested = (), None
    return limited(request, share, shares.ZIP, response, size=size, requested=requested)


def limited(request, share, subject, response, *, size, requested):
    """Return `response`, or the page for an expired link if the limit does not allow it.

    It has `requested` bytes of `size`, or None without a body; see files/library/shares.py.
    """
    client = shares.client_key(share, client_address(request))
    if requested is None:
        allowed = shares.allows_request(share, subject, client)
    else:
        allowed = receipt = shares.count_download(
            share, subject, client, size=size, requested=requested
        )
    if not allowed:
        discard(response)
        return expired_link(request)
    if requested is not None and response.streaming:
        shares.track_sent_bytes(response, receipt, requested)
        if share.limit is not None:
            # What nginx has buffered would count as sent.
            response.headers["X-Accel-Buffering"] = "no"
    return response
