"""The trash: restore what was deleted, or delete it for good."""

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
from camp.web import batch_deletion
from camp.web.external_references import describe_references
from files.library.requests import parse_ids
from files.models import File
from sessions_app.models import Session

ORDER = ["-deleted_at", "-id"]


@dataclass
class TrashTab:
    """A tab of the trash: files or sessions."""

    name: str
    label: str
    model: type

    def rows(self, user):
        """Return what the user has in the trash."""
        return self.model.objects.trashed_by(user)

    @property
    def url(self):
        """The address of the tab."""
        return f"{reverse('files:trash')}?{urlencode({'of': self.name})}"


TABS = [
    TrashTab("files", gettext_lazy("Files"), File),
    TrashTab("sessions", gettext_lazy("Sessions"), Session),
]


def get_tab(name):
    """Return the tab of that name, the first for ""; raises Http404."""
    for tab in TABS:
        if tab.name == (name or TABS[0].name):
            return tab
    raise Http404


@require_safe
@login_required
def listing(request):
    """List what the user deleted, the latest first; `of` is "files" or "sessions".

    Without `of` it is the first tab that has something.
    """
    counts = [(tab, tab.rows(request.user).count()) for tab in TABS]
    filled = next((tab.name for tab, count in counts if count), "")
    params = request.GET.copy()
    tab = get_tab(params.get("of") or filled)
    params["of"] = tab.name
    page = KeysetPage(tab.rows(request.user), ORDER, params)
    if not page.rows and {"after", "before"} & request.GET.keys():
        return redirect(tab.url)  # the rows of this page are gone meanwhile
    for thing in page:
        thing.gone_at = thing.deleted_at + timedelta(days=settings.TRASH_DAYS)
    context = {"page": page, "kind": tab, "tabs": counts, "days": settings.TRASH_DAYS}
    return render(request, "files/trash.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def purge(request):
    """Delete for good: the `id` of the tab `of`, or without one everything on that tab."""
    params = request.POST if request.method == "POST" else request.GET
    tab = get_tab(params.get("of", ""))
    things = tab.rows(request.user)
    one = None
    if params.get("id", ""):
        one = get_object_or_404(things, pk__in=parse_ids([params["id"]]))
        things = things.filter(pk=one.pk)
    if request.method == "POST":
        referencing_tables = set()
        count = batch_deletion.purge(things, referencing_tables)
        if count or not referencing_tables:
            messages.success(request, describe_purge(count, one))
        if referencing_tables:
            messages.error(request, describe_references(sorted(referencing_tables)))
        return redirect(tab.url)
    context = {"kind": tab, "one": one, "count": things.count()}
    if tab.model is Session:
        context["shared"] = things.shared().count()
    return render(request, "files/purge.html", context)


def describe_purge(count, one):
    """Return the message that says what was deleted."""
    if one is not None:
        return _("“%(name)s” was deleted for good.") % {"name": one}
    text = ngettext(
        "%(count)d item was deleted for good.", "%(count)d items were deleted for good.", count
    )
    return text % {"count": count}
