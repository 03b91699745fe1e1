"""Several files that a person chose: by their numbers, or all that a list would show."""

import secrets

from django.db.models import Count, Sum
from django.http import Http404

from files.library.listing import Choice
from files.library.lookup import own_session_named
from files.models import File

MAX_KEY = 2**63 - 1  # more makes SQLite raise
# Where a browser's session keeps the last choices that another page needs: servers and
# proxies refuse addresses as long as some hundred numbers.
REMEMBERED = "chosen_files"
MOST_REMEMBERED = 5


class Selection:
    """The reader's files that a form names.

    `id` names single ones; with `all` it is everything that `q`, `kind`, `size`, `date`
    and `session` choose. `trashed` looks in the trash instead. Raises Http404 for what is
    no number, and for a session of somebody else.
    """

    def __init__(self, user, params):
        self.trashed = bool(params.get("trashed"))
        own = File.objects.trashed_by(user) if self.trashed else File.objects.visible_to(user)
        self.every = bool(params.get("all"))
        self.choice = Choice(params)
        self.session = own_session_named(user, params.get("session", ""))
        self.keys = keys(params.getlist("id"))
        if not self.every:
            self.files = own.filter(pk__in=self.keys)
        elif self.session is not None:
            self.files = self.choice.of(own.filter(session=self.session))
        else:
            self.files = self.choice.of(own)

    def summary(self):
        """Return {"count", "size"}: how many files these are now, and their bytes."""
        return self.files.aggregate(count=Count("pk"), size=Sum("size", default=0))

    def fields(self):
        """Yield (name, value) with which a form names the same files again."""
        if self.trashed:
            yield "trashed", "1"
        if not self.every:
            yield from (("id", key) for key in self.keys)
            return
        yield "all", "1"
        yield from self.choice.fields().items()
        if self.session is not None:
            yield "session", self.session.session_id


def keys(texts):
    """Return the numbers in the fields of a form, each once."""
    if not all(text.isascii() and text.isdecimal() and len(text) < 20 for text in texts):
        raise Http404
    found = dict.fromkeys(map(int, texts))
    if any(key > MAX_KEY for key in found):
        raise Http404
    return list(found)


def remember(request, chosen):
    """Keep the numbers of files for another page; returns the name under which it finds them."""
    name = secrets.token_urlsafe(6)
    earlier = list(request.session.get(REMEMBERED, {}).items())[1 - MOST_REMEMBERED :]
    request.session[REMEMBERED] = {**dict(earlier), name: list(chosen)}
    return name


def remembered(request, name):
    """Return the numbers kept under a name, [] where they are not known any more."""
    return request.session.get(REMEMBERED, {}).get(name, [])
