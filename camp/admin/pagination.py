"""Pages of the admin's lists, at the same cost however many rows there are and far down.

See camp.db.keyset. What filters and searches leave is looked for as in camp.db.filtered_page.
"""

from django.db import connections
from django.db.models import Exists, F, OuterRef, Q, Subquery

from camp.db.keyset import KeysetPage, hide_order
from camp.db.planner_hints import InSubquery

NEARBY = 1000  # rows of the list to filter first
MOST_TIMES = 8  # as many are filtered next, if they seem to fill the page
PARAMETERS = ("after", "before")  # of the address of a page


class ListPage(KeysetPage):
    """A KeysetPage of the admin, of the rows of a list that a search finds.

    `every` is the whole list, as an index of `keys` has it, if `rows` is what filters leave of it.
    The filters have indexes in this order, unless `hides_order`.
    """

    is_partial = False  # whether texts were searched in NEARBY rows only

    def __init__(self, rows, keys, params, *, size, every=None, search=None, hides_order=False):
        self.every = rows if every is None else every
        self.search, self.hides_order = search, hides_order or search is not None
        self.is_filtered = every is not None or search is not None
        super().__init__(rows, keys, params, size)

    def fetch(self, queryset, order, after, count):
        """Return the first `count` rows after a Q."""
        keys = self.fetch_keys(queryset, order, after, count)
        # Annotations and relations cost something: only for the rows of the page.
        rows = {row.pk: row for row in self.every.filter(pk__in=keys)}
        return [rows[key] for key in keys if key in rows]

    def fetch_keys(self, queryset, order, after, count):
        """Return the primary keys of the first `count` rows after a Q."""
        if not self.is_filtered:
            return fetch_keys(queryset, order, after, count)
        hidden = [hide_order(key) for key in order]
        matching = queryset.filter(self.search.plain) if self.search else queryset
        following = (self.every.filter(after) if after else self.every).order_by(*order)
        near = choose_rows(self.every, matching, following[:NEARBY])
        keys = fetch_keys(near, hidden, None, count)
        has_more = following.values("pk")[NEARBY : NEARBY + 1]
        if len(keys) == count or not has_more:
            return keys
        if self.search and len(keys) * MOST_TIMES >= count:
            # Twice as many as should hold a page: an index would find far more, to be sorted.
            window = following[: 2 * NEARBY * count // len(keys)]
            keys = fetch_keys(choose_rows(self.every, matching, window), hidden, None, count)
            if len(keys) == count:
                return keys
        if self.search:
            self.is_partial = not self.search.complete
            queryset = queryset.filter(self.search.indexed)
        return fetch_keys(queryset, hidden if self.hides_order else order, after, count)


def choose_rows(every, matching, keys):
    """Return those rows of the queryset `every` that are in the queryset `matching`, among some.

    `keys` are the primary keys of those, or a queryset of them.

    SQLite has no statistics, and would rather read all that a filter leaves by its index.
    """
    is_list = isinstance(keys, list)
    among = Q(pk__in=keys) if is_list else InSubquery(F("pk"), Subquery(keys.values("pk")))
    if connections[every.db].vendor == "sqlite":
        return every.filter(among, Exists(matching.filter(pk=OuterRef("pk"))))
    return matching.filter(among)


def first_keys(rows, search, count):
    """Return the primary keys of the newest `count` of the rows that a search finds."""
    page = ListPage(rows.none(), ["-pk"], {}, size=count, every=rows, search=search)
    return page.fetch_keys(rows, ["-pk"], None, count)


def fetch_keys(queryset, order, after, count):
    """Return the primary keys of the first `count` rows in an order, after a Q."""
    rows = queryset.filter(after) if after else queryset
    return list(rows.order_by(*order).values_list("pk", flat=True)[:count])
