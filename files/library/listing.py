"""A page of the library: searched, filtered and sorted by the query parameters."""

from functools import partial

from django.db.models import F
from django.db.models.lookups import Exact, GreaterThanOrEqual
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _

from camp.db.compiled_query import compile_query
from camp.db.filtered_page import NEARBY, FilteredPage
from camp.db.keyset import PAGE_SIZE, KeysetPage
from camp.db.planner_hints import Unindexed
from camp.db.search_text import cut_search
from camp.web.days import days_ago
from files.content_types import Kind
from files.models import File, FileRow

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
FILTERS = {"q", "kind", "size", "date"}
# Those that the index of one's own files in an order contains; see File.Meta.
INDEXED = {"created_at": {"date"}, "search_text": {"q"}, "size": {"kind", "size"}}
SHARED = "shared"  # the value of `owner` for the files of others
# Days before today; each begins at midnight in the user's time zone.
DATES = {
    "1": (_("Since yesterday"), 1),
    "7": (_("In the last 7 days"), 7),
    "30": (_("In the last 30 days"), 30),
    "365": (_("In the last year"), 365),
}


class FileFilter:
    """The filter of files by the parameters `q`, `kind`, `size`, `date` and `owner`.

    Unknown values count as empty. `apply` does not look at `owner`, which says whose files to
    filter.
    """

    def __init__(self, params):
        self.query = cut_search(params.get("q", ""))
        self.kind = choose(params.get("kind"), Kind.values)
        self.size = choose(params.get("size"), SIZES)
        self.date = choose(params.get("date"), DATES)
        self.owner = choose(params.get("owner"), [SHARED])

    def apply(self, files, owner=None, *, names=FILTERS, by_kind=True):
        """Filter a queryset of files by the parameters `names`.

        With `owner`, only that user's, found by the indexes of the filters: fast if few match.
        `by_kind` says that the index of kinds may find them, if nothing else does.
        """
        by_kind = by_kind and bool(self.kind and "kind" in names) and not (self.query and owner)
        if self.query and "q" in names:
            files = files.search(self.query, owner)
        elif owner:
            files = files.filter(user=owner)
        if self.kind and "kind" in names:
            files = files.of_kind(self.kind, indexed=by_kind)
        if self.size and "size" in names:
            files = files.filter(size__gte=SIZES[self.size][1])
        if self.date and "date" in names:
            # There is an index of kinds and dates too, but of everyone's files.
            created = Unindexed("created_at") if by_kind else F("created_at")
            files = files.filter(GreaterThanOrEqual(created, days_ago(DATES[self.date][1])))
        return files

    def fields(self):
        """Return {name: value} of the parameters that are set."""
        fields = {"q": self.query, "kind": self.kind, "size": self.size, "date": self.date}
        fields["owner"] = self.owner
        return {name: value for name, value in fields.items() if value}

    @property
    def is_shared(self):
        """Whether it is about the files of others."""
        return self.owner == SHARED


def choose(value, choices, default=""):
    """Return `value` if it is one of `choices`, else `default`."""
    return value if value in choices else default


def sort_of(params):
    """Return the order that the query parameters ask for."""
    return choose(params.get("sort"), SORTS, NEWEST)


class FileList(FileFilter):
    """A page of a user's files, by the parameters of a FileFilter and `sort`.

    `owner` asks for the files of others in the sessions that the user sees instead. `session`
    leaves only the files of that session, whoever's they are; `excluding_session` those of others.
    Costs one query, or two with a filter that leaves few.
    """

    def __init__(self, user, params, *, session=None, excluding_session=None):
        super().__init__(params)
        self.sort = sort_of(params)
        self.params = params
        self.session, self.excluding_session = session, excluding_session
        if session or excluding_session:
            self.owner = ""
        if self.is_filtered or session or excluding_session:
            self.page = self.filtered_page(user)
        else:
            self.page = KeysetPage(partial(read_own_files, user), SORTS[self.sort][1], params)
        self.page.rows = [FileRow(*row) for row in self.page.rows]

    def filtered_page(self, user):
        """Return the page with the filters applied."""
        keys, apply = SORTS[self.sort][1], partial(self.apply, by_kind=False)
        within, nearby = File.objects.all(), NEARBY
        if self.is_shared:
            matching = apply(File.objects.found_by_session(user))
        elif self.session is not None and self.session.is_shared:
            matching = apply(File.objects.filter(session=self.session).present())
        else:
            matching = self.apply(File.objects.present(), owner=user)
            indexed = INDEXED[keys[0].lstrip("-")]
            within = self.apply(within.filter(user=user), names=indexed)
            if self.fields().keys() <= indexed:
                nearby = 8 * PAGE_SIZE

        def filtered(files):
            files = files.shared_with(user) if self.is_shared else files.present()
            return self.apply_session(apply(files), Unindexed)

        return FilteredPage(
            File.objects.for_list(),
            within,
            keys,
            self.params,
            filtered=filtered,
            matching=self.apply_session(matching),
            nearby=nearby,
        )

    def apply_session(self, files, column=F):
        """Filter a queryset of files by the session only; `column` is F or Unindexed."""
        if self.session is not None:
            files = files.filter(Exact(column("session_id"), self.session.pk))
        if self.excluding_session is not None:
            files = files.exclude(session=self.excluding_session)
        return files

    @property
    def has_owners(self):
        """Whether one chooses between own files and those of others."""
        return not self.session and not self.excluding_session

    @property
    def is_filtered(self):
        """Whether a filter was asked for."""
        return bool(self.fields())

    @property
    def sizes(self):
        """The sizes to choose from: (value, label)."""
        return [(value, label) for value, (label, _size) in SIZES.items()]

    @property
    def dates(self):
        """The dates to choose from: (value, label)."""
        return [(value, label) for value, (label, _time) in DATES.items()]

    @property
    def sorts(self):
        """The orders to choose from: (value, label)."""
        return [(value, label) for value, (label, _keys) in SORTS.items()]

    @property
    def kinds(self):
        """The kinds to choose from: (value, label)."""
        return Kind.choices

    def redirect_if_page_empty(self, path):
        """Return a redirect to the first page if the rows of this one are gone, else None."""
        if self.page.rows or not {"after", "before"} & self.params.keys():
            return None
        params = self.params.copy()
        params.pop("after", None)
        params.pop("before", None)
        return redirect(f"{path}?{params.urlencode()}")


@compile_query
def read_own_files(user, *, after, order, count):
    """Return what a list shows of the user's first files after a Q."""
    return File.objects.owned_by(user).for_list().filter(after).order_by(*order)[:count]
