"""The trash: what was deleted can come back from here, or go for good."""

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods, require_safe

from camp.db.keyset import KeysetPage
from camp.web.external_references import describe_references
from files.library import services
from files.library.selection import keys
from files.models import File
from sessions_app.models import Session

ORDER = ["-deleted_at", "-id"]


@dataclass
class Kind:
    """A kind of things in the trash."""

    name: str
    label: str
    model: type

    def of(self, user):
        """Return those of the user."""
        return self.model.objects.trashed_by(user)

    @property
    def url(self):
        """The address of its list."""
        return f"{reverse('files:trash')}?{urlencode({'of': self.name})}"


KINDS = [
    Kind("files", gettext_lazy("Files"), File),
    Kind("sessions", gettext_lazy("Sessions"), Session),
]


def kind_named(name):
    """Return the Kind of that name, the first for ""; raise Http404 for any other."""
    for kind in KINDS:
        if kind.name == (name or KINDS[0].name):
            return kind
    raise Http404


@require_safe
@login_required
def listing(request):
    """List what the reader deleted, the latest first; `of` chooses files or sessions."""
    kind = kind_named(request.GET.get("of", ""))
    page = KeysetPage(kind.of(request.user), ORDER, request.GET)
    if not page.rows and {"after", "before"} & request.GET.keys():
        return redirect(kind.url)  # what was on this page went meanwhile
    for thing in page:
        thing.gone_at = thing.deleted_at + timedelta(days=settings.TRASH_DAYS)
    context = {"page": page, "kind": kind, "kinds": KINDS, "days": settings.TRASH_DAYS}
    return render(request, "files/trash.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def purge(request):
    """Delete for good: the `id` of the kind `of`, or without one all of that kind."""
    given = request.POST if request.method == "POST" else request.GET
    kind = kind_named(given.get("of", ""))
    things = kind.of(request.user)
    one = None
    if given.get("id", ""):
        one = get_object_or_404(things, pk__in=keys([given["id"]]))
        things = things.filter(pk=one.pk)
    if request.method == "POST":
        held = set()
        count = services.purge(things, held)
        if count or not held:
            messages.success(request, gone(count, one))
        if held:
            messages.error(request, describe_references(sorted(held)))
        return redirect(kind.url)
    context = {"kind": kind, "one": one, "count": things.count()}
    return render(request, "files/purge.html", context)


def gone(count, one):
    """Return the sentence that tells what was deleted."""
    if one is not None:
        return _("“%(name)s” is gone for good.") % {"name": one}
    text = ngettext(
        "%(count)d thing is gone for good.", "%(count)d things are gone for good.", count
    )
    return text % {"count": count}
