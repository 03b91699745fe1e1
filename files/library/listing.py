"""A page of the library: searched, filtered and sorted as the address says."""

from django.db.models import F
from django.db.models.lookups import GreaterThanOrEqual
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _

from camp.db.keyset import KeysetPage, hide
from camp.db.search_text import cut_search
from camp.web.days import days_ago
from files.library.kinds import Kind
from files.models import File

NEWEST = "-date"
SORTS = {
    "-date": (_("Newest first"), ["-created_at", "-id"]),
    "date": (_("Oldest first"), ["created_at", "id"]),
    "name": (_("Name, A to Z"), ["search_text", "id"]),
    "-name": (_("Name, Z to A"), ["-search_text", "-id"]),
    "-size": (_("Largest first"), ["-size", "-id"]),
    "size": (_("Smallest first"), ["size", "id"]),
}
MIB = 2**20
SIZES = {
    "1M": (_("From 1 MiB"), MIB),
    "10M": (_("From 10 MiB"), 10 * MIB),
    "100M": (_("From 100 MiB"), 100 * MIB),
    "1G": (_("From 1 GiB"), 1024 * MIB),
}
# Days before today: a choice begins at the reader's midnight.
DATES = {
    "1": (_("Since yesterday"), 1),
    "7": (_("In the last 7 days"), 7),
    "30": (_("In the last 30 days"), 30),
    "365": (_("In the last year"), 365),
}
# A filter that this many of this many files match is common: reading the list in its order finds a
# page soon. Otherwise the matches are found by another index, and sorted.
MANY, SAMPLE = 5, 1000


class Choice:
    """What `q`, `kind`, `size` and `date` of a request choose from files.

    A value that does not exist counts as none given.
    """

    def __init__(self, params):
        self.query = cut_search(params.get("q", ""))
        self.kind = one_of(params.get("kind"), Kind.values)
        self.size = one_of(params.get("size"), SIZES)
        self.date = one_of(params.get("date"), DATES)

    def of(self, files, owner=None, hidden=()):
        """Return those of `files` that it chooses.

        With `owner`, only that user's, found by the indexes of what is asked for: fast if few
        match. The planner does not use the indexes of `hidden` columns.
        """
        if self.query:
            files = files.search(self.query, owner)
        elif owner:
            files = files.filter(user=owner)
        if self.kind:
            files = files.of_kind(self.kind)
        least = {
            "size": SIZES[self.size][1] if self.size else None,
            "created_at": days_ago(DATES[self.date][1]) if self.date else None,
        }
        for column, value in least.items():
            if value is not None:
                found = hide(column) if column in hidden else F(column)
                files = files.filter(GreaterThanOrEqual(found, value))
        return files

    def fields(self):
        """Return what of it was given, as {name: value} of a form."""
        given = {"q": self.query, "kind": self.kind, "size": self.size, "date": self.date}
        return {name: value for name, value in given.items() if value}


def one_of(value, choices, default=""):
    """Return `value` if it is one of `choices`."""
    return value if value in choices else default


class Listing(Choice):
    """A page of a user's files as a Choice and `sort` of a request want it.

    `session` leaves only the files of that session, `besides` those that are not in it.
    Costs one query, or two where less than everything is wanted.
    """

    def __init__(self, user, params, *, session=None, besides=None):
        super().__init__(params)
        self.sort = one_of(params.get("sort"), SORTS, NEWEST)
        self.params = params
        self.session, self.besides = session, besides
        keys = SORTS[self.sort][1]
        few = (self.narrowed or session or besides) and self.few_match(user)
        if few:
            files = self.of(File.objects.present(), owner=user)
        else:
            # SQLite would find all files of a size or date, and sort them.
            hidden = {"size", "created_at"} - {keys[0].lstrip("-")}
            files = self.of(File.objects.visible_to(user), hidden=hidden)
        self.page = KeysetPage(self.of_session(files), keys, params, few=few)

    def of_session(self, files):
        """Return those of `files` that the session leaves, with their sessions."""
        if self.session is not None:
            files = files.filter(session=self.session)
        if self.besides is not None:
            files = files.exclude(session=self.besides)
        return files.select_related("session")

    def few_match(self, user):
        """Estimate from the user's newest files whether few of all match."""
        newest = File.objects.filter(user=user).order_by(*SORTS[NEWEST][1])[:SAMPLE]
        matching = self.of_session(self.of(File.objects.filter(pk__in=newest.values("pk"))))
        return len(matching.values("pk")[:MANY]) < MANY

    @property
    def narrowed(self):
        """Whether less than everything was asked for."""
        return bool(self.fields())

    @property
    def sizes(self):
        """The sizes to choose from: (value, label)."""
        return [(value, label) for value, (label, _size) in SIZES.items()]

    @property
    def dates(self):
        """The times to choose from: (value, label)."""
        return [(value, label) for value, (label, _time) in DATES.items()]

    @property
    def sorts(self):
        """The orders to choose from: (value, label)."""
        return [(value, label) for value, (label, _keys) in SORTS.items()]

    @property
    def kinds(self):
        """The kinds to choose from: (value, label)."""
        return Kind.choices

    def way_back(self, path):
        """Return a redirect to the first page if what was on this one went, else None."""
        if self.page.rows or not {"after", "before"} & self.params.keys():
            return None
        params = self.params.copy()
        params.pop("after", None)
        params.pop("before", None)
        return redirect(f"{path}?{params.urlencode()}")
