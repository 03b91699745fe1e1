"""What a request names: the user's own files, sessions and selections, and the next page."""

import re
import secrets

from django.core.exceptions import PermissionDenied
from django.db.models import Count, Sum
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils.http import url_has_allowed_host_and_scheme, urlencode

from files.library.listing import FileFilter
from files.models import File, Version
from sessions_app.access import get_visible_session, get_writable_session

NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)
MAX_ID = 2**63 - 1  # SQLite raises for more
# The browser's session keeps the last selections that another page needs: servers and proxies
# refuse addresses with hundreds of numbers.
SESSION_KEY = "chosen_files"
MAX_SELECTIONS = 5


def get_visible_file(user, pk):
    """Return a file that the user sees, with its session and owner; raises Http404."""
    files = File.objects.visible_to(user).select_related("session", "user")
    return get_object_or_404(files, pk=pk)


def get_own_file(user, pk):
    """Return the user's file with its session.

    Raises Http404 if the user does not see it, PermissionDenied if it is somebody else's.
    """
    file = get_visible_file(user, pk)
    if file.user_id != user.pk:
        raise PermissionDenied
    return file


def get_own_file_or_none(user, number):
    """Return the user's file by a number as text, None for ""; raises Http404."""
    if not number:
        return None
    if not NUMBER.fullmatch(number):
        raise Http404
    return get_own_file(user, int(number))


def get_own_version(user, pk, version):
    """Return an earlier version of the user's file `pk`; raises Http404 for any other."""
    files = File.objects.owned_by(user).filter(pk=pk)
    versions = Version.objects.select_related("file").filter(file__in=files)
    return get_object_or_404(versions, pk=version)


def get_session_or_none(user, session_id, *, to_add=False):
    """Return a session that the user sees by its public ID, None for "".

    Raises Http404 for any other, and if it is `to_add` files, PermissionDenied if the user may only
    read it.
    """
    # PostgreSQL refuses NUL in a query.
    session_id = session_id.replace("\x00", "")
    get = get_writable_session if to_add else get_visible_session
    return get(user, session_id) if session_id else None


def parse_ids(texts):
    """Return the numbers in the fields of a form, each once; raises Http404."""
    if not all(text.isascii() and text.isdecimal() and len(text) < 20 for text in texts):
        raise Http404
    ids = dict.fromkeys(map(int, texts))
    if any(number > MAX_ID for number in ids):
        raise Http404
    return list(ids)


class Selection:
    """The files that a form selects: the user's own, or with `to_read` all that the user sees.

    `id` names single ones; with `all` it is every file that `q`, `kind`, `size`, `date`, `owner`
    and `session` leave. With `trashed` they are in the trash. Raises Http404 for an `id` that is no
    number, and for a session that the user does not see.
    """

    def __init__(self, user, params, *, to_read=False):
        self.in_trash = bool(params.get("trashed"))
        self.is_all = bool(params.get("all"))
        self.filter = FileFilter(params)
        self.session = get_session_or_none(user, params.get("session", ""))
        self.ids = parse_ids(params.getlist("id"))
        if self.in_trash:
            files = File.objects.trashed_by(user)
        elif to_read and self.filter.is_shared and self.is_all and self.session is None:
            files = File.objects.found_by_session(user)
        elif to_read and not (self.is_all and self.session is None):
            files = File.objects.visible_to(user)
        else:
            files = File.objects.owned_by(user)
        if not self.is_all:
            self.files = files.filter(pk__in=self.ids)
        elif self.session is not None:
            self.files = self.filter.apply(files.filter(session=self.session))
        else:
            self.files = self.filter.apply(files)

    def summary(self):
        """Return {"count", "size"}: the number of files, and their bytes."""
        return self.files.aggregate(count=Count("pk"), size=Sum("size", default=0))

    def fields(self):
        """Yield the (name, value) of form fields that select the same files again."""
        if self.in_trash:
            yield "trashed", "1"
        if not self.is_all:
            yield from (("id", number) for number in self.ids)
            return
        yield "all", "1"
        yield from self.filter.fields().items()
        if self.session is not None:
            yield "session", self.session.session_id


def save_selection(request, ids):
    """Keep the numbers of files for another page; returns the name to load them by."""
    name = secrets.token_urlsafe(6)
    earlier = list(request.session.get(SESSION_KEY, {}).items())[1 - MAX_SELECTIONS :]
    request.session[SESSION_KEY] = {**dict(earlier), name: list(ids)}
    return name


def load_selection(request, name):
    """Return the numbers saved under a name, [] if they are gone."""
    return request.session.get(SESSION_KEY, {}).get(name, [])


def next_url(request, default):
    """Return the path in `next` if it is on this site, else `default`."""
    address = request.POST.get("next") or request.GET.get("next") or ""
    is_safe = url_has_allowed_host_and_scheme(
        address, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    # Django's redirect would take a word for the name of a view.
    return address if is_safe and address.startswith("/") else default


def with_next(url, address):
    """Return `url` with `address` as its `next`."""
    return f"{url}?{urlencode({'next': address})}"
