"""The links that a person made to their files: new ones, the list, and their end."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Count
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from camp.db.keyset import KeysetPage
from camp.web.external_references import atomic_deletion
from camp.web.public_address import public_host
from files.forms import ShareForm
from files.library import shares
from files.library.selection import keys, remembered
from files.models import File, Share

MOST = 500  # files of one link
SHOWN = 5  # names of a link in the list


@require_safe
@login_required
def listing(request):
    """List the reader's links, the newest first, with their use."""
    links = Share.objects.visible_to(request.user).annotate(count=Count("files"))
    links = links.prefetch_related(Share.first_files(SHOWN))
    page = KeysetPage(links, ["-created_at", "-id"], request.GET)
    for share in page:
        share.url = address(request, share)
    return render(request, "files/links.html", {"page": page})


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def new(request):
    """Make a link to the files with the given `id`s, or those that were `chosen` before."""
    given = request.POST if request.method == "POST" else request.GET
    before = given.get("chosen", "")
    chosen = remembered(request, before) if before else keys(given.getlist("id"))
    files = list(File.objects.visible_to(request.user).filter(pk__in=chosen)[:MOST])
    if not chosen or len(files) != len(chosen):
        if before:
            messages.error(request, _("Choose the files again."))
            return redirect("files:list")
        raise Http404
    form = ShareForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        share = shares.create(user=request.user, files=files, **form.cleaned_data)
        text = _("The link is ready: %(url)s")
        messages.success(request, text % {"url": address(request, share)})
        return redirect("files:links")
    return render(request, "files/link_new.html", {"form": form, "files": files})


@require_POST
@login_required
def revoke(request, pk):
    """End a link at once."""
    share = get_object_or_404(Share.objects.visible_to(request.user), pk=pk)
    with atomic_deletion():
        share.delete()
    messages.success(request, _("The link leads nowhere any more."))
    return redirect("files:links")


def address(request, share):
    """Return the full address of a link, or "" where only those who have it know it."""
    token = shares.token_of(share)
    if token is None:
        return ""
    path = reverse("share", args=[token])
    scheme = "https" if settings.CAMP_HTTPS else request.scheme
    return f"{scheme}://{public_host(request)}{path}"
