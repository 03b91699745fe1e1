"""A page of the library: searched, filtered and sorted as the address says."""

from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _

from camp.paging import KeyPage
from files.kinds import Kind

# More than anybody types; databases refuse a pattern of some ten thousand bytes.
SEARCH_LENGTH = 200
NEWEST = "-date"
SORTS = {
    "-date": (_("Newest first"), ["-created_at", "-id"]),
    "date": (_("Oldest first"), ["created_at", "id"]),
    "name": (_("Name, A to Z"), ["search_text", "id"]),
    "-name": (_("Name, Z to A"), ["-search_text", "-id"]),
    "-size": (_("Largest first"), ["-size", "-id"]),
    "size": (_("Smallest first"), ["size", "id"]),
}


class Listing:
    """What `q`, `kind` and `sort` of a request choose from `files`; costs one query.

    A kind or order that does not exist counts as none given.
    """

    def __init__(self, files, params):
        self.query = params.get("q", "").replace("\x00", "").strip()[:SEARCH_LENGTH]
        self.kind = params.get("kind") if params.get("kind") in Kind.values else ""
        self.sort = params.get("sort") if params.get("sort") in SORTS else NEWEST
        self.params = params
        files = files.search(self.query)
        if self.kind:
            files = files.of_kind(self.kind)
        self.page = KeyPage(files, SORTS[self.sort][1], params)

    @property
    def narrowed(self):
        """Whether less than everything was asked for."""
        return bool(self.query or self.kind)

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
