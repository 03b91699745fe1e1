"""The first rows of a long list that a search or a filter leaves over.

Whether many or few are left over is not known before. So the list is walked first, by the
index of its order, for some way: where many match, that fills a page. Where it does not,
few match, or they stand far down: then all of them are fetched by an index of what was
asked for, and sorted. Where the index of the order holds what is looked for, it is asked
before any row is read. Either way the time depends on the page, not on the list. Without
this the database has to guess, and takes a walk through everything for a word of no row.
"""

from django.db.models import F
from django.db.models.functions import Coalesce

from camp.db.keyset import condition, flipped

NEAR = 1000  # rows that are walked at first, and that make a sample
FAR = 8 * NEAR  # and at most, if what was found in the first of them lets one hope
HOPEFUL = 5  # rows that do
LIKELY = 8  # so many times as many as are wanted


class Narrowing:
    """Finds rows for a KeyPage; give it as `find`. Costs nine queries at most.

    `within` is a queryset of everything that the order's index holds of one owner, and
    `walked` a function of a queryset to its rows that match. `matching` is the queryset of
    all that match, in words that let the database use an index of what is looked for; with
    `ordered` that index holds the rows in their order as well. `shown` is a queryset of
    anybody's rows as a page shows them: from it come those of which the keys are known, since
    SQLite may take to another index where more is said of them.

    If the order's index alone tells most of what matches, `likely` is the queryset of what it
    tells. Where such an order puts what is alike together, a walk does not show how much there
    is: `sample` is the queryset of what is likely among some rows that came by chance, and if
    there is hardly any, all that match are fetched at once.
    """

    def __init__(self, *, within, walked, matching, shown, ordered=False, likely=None, sample=None):
        self.within, self.walked, self.matching, self.shown = within, walked, matching, shown
        self.ordered, self.likely, self.sample = ordered, likely, sample

    def __call__(self, rows, order, beyond, count):
        """Return the first `count` rows in `order` behind the Q `beyond` that match."""
        found = None
        if not self.hardly_any():
            if self.likely is not None:
                found = self.picked(order, beyond, count)
            if found is None:
                found = self.walk(rows, order, beyond, count)
        return self.fetched(order, beyond, count) if found is None else found

    def fetched(self, order, beyond, count):
        """Return the first of all rows that match; only those are read whole."""
        keys = order if self.ordered else hidden(order)
        matching = self.matching.filter(beyond).order_by(*keys).values_list("pk", flat=True)
        first = list(matching[:count])
        return list(self.shown.filter(pk__in=first).order_by(*hidden(order))) if first else []

    def hardly_any(self):
        """Return whether the sample says that few match."""
        return self.sample is not None and len(self.sample[:HOPEFUL]) < HOPEFUL

    def picked(self, order, beyond, count):
        """Return the first rows that match of those that are likely, None if that misses some."""
        some = self.likely.filter(beyond).order_by(*order).values_list("pk", flat=True)
        keys = list(some[: LIKELY * count])
        among = self.walked(self.shown.filter(pk__in=keys))
        found = list(among.order_by(*hidden(order))[:count])
        return found if len(found) == count or len(keys) < LIKELY * count else None

    def walk(self, rows, order, beyond, count):
        """Return the first rows that match on the way down, None if that is too far."""
        border = self.border(order, beyond, NEAR)
        found = self.between(rows, order, beyond, border, count)
        if border and HOPEFUL <= len(found) < count:
            # Twice as far as it should take.
            reach = min(FAR, 2 * NEAR * (count - len(found)) // len(found))
            behind = condition(order, border)
            border = self.border(order, behind, reach)
            found += self.between(rows, order, behind, border, count - len(found))
        return found if not border or len(found) == count else None

    def between(self, rows, order, beyond, border, count):
        """Return the first `count` rows that match behind `beyond`, the border the last of them."""
        if border:
            beyond &= condition(list(map(flipped, order)), border, inclusive=True)
        return list(self.walked(rows.filter(beyond)).order_by(*order)[:count])

    def border(self, order, beyond, reach):
        """Return the keys of the row so far down, None if there are not as many rows."""
        names = [key.lstrip("-") for key in order]
        rows = self.within.filter(beyond).order_by(*order).values_list(*names)
        return next(iter(rows[reach : reach + 1]), None)


def hidden(order):
    """Return the same order in words that keep a database from walking along its index."""
    plain = [(key.lstrip("-"), key.startswith("-")) for key in order]
    return [
        Coalesce(F(name), F(name)).desc() if down else Coalesce(F(name), F(name)).asc()
        for name, down in plain
    ]
