"""A page of the library: searched, filtered and sorted as the address says."""

from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _

from camp.db.filtered_page import NEARBY, FilteredPage
from camp.db.keyset import PAGE_SIZE, KeysetPage
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


class Choice:
    """What `q`, `kind`, `size` and `date` of a request choose from files.

    A value that does not exist counts as none given.
    """

    def __init__(self, params):
        self.query = cut_search(params.get("q", ""))
        self.kind = one_of(params.get("kind"), Kind.values)
        self.size = one_of(params.get("size"), SIZES)
        self.date = one_of(params.get("date"), DATES)

    def of(self, files, owner=None):
        """Return those of `files` that it chooses.

        With `owner`, only that user's, found by the indexes of what is asked for: fast if few
        match.
        """
        if self.query:
            files = files.search(self.query, owner)
        elif owner:
            files = files.filter(user=owner)
        if self.kind:
            files = files.of_kind(self.kind)
        return files.filter(**self.ranges())

    def ranges(self):
        """Return the conditions on the size and the date."""
        ranges = {}
        if self.size:
            ranges["size__gte"] = SIZES[self.size][1]
        if self.date:
            ranges["created_at__gte"] = days_ago(DATES[self.date][1])
        return ranges

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
    Costs one query, or two or three with a filter.
    """

    def __init__(self, user, params, *, session=None, besides=None):
        super().__init__(params)
        self.sort = one_of(params.get("sort"), SORTS, NEWEST)
        self.params = params
        self.session, self.besides = session, besides
        if self.narrowed or session or besides:
            self.page = self.filtered_page(user)
        else:
            files = self.of_session(File.objects.visible_to(user))
            self.page = KeysetPage(files, SORTS[self.sort][1], params)

    def filtered_page(self, user):
        """Return the page with the filters applied."""
        keys = SORTS[self.sort][1]
        within, nearby = File.objects.filter(user=user), NEARBY
        if self.query and self.sort.endswith("name"):
            # The index of names contains what is searched.
            within, nearby = within.search(self.query), 8 * PAGE_SIZE
        for condition, value in self.ranges().items():
            if condition == f"{keys[0].lstrip('-')}__gte":
                within = within.filter(**{condition: value})
        return FilteredPage(
            within,
            keys,
            self.params,
            filtered=lambda files: self.of_session(self.of(files.present())),
            matching=self.of_session(self.of(File.objects.present(), owner=user)),
            nearby=nearby,
        )

    def of_session(self, files):
        """Return those of `files` that the session leaves, with their sessions."""
        if self.session is not None:
            files = files.filter(session=self.session)
        if self.besides is not None:
            files = files.exclude(session=self.besides)
        return files.select_related("session")

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
