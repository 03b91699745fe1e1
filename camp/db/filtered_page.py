"""Pages of long lists of which a filter leaves few or many rows.

How many it leaves is not known in advance, and planners guess badly. So the filter is first
applied to the next rows of the list in its order, which fills a page if many match. Otherwise
all matches are found by an index of the filter, and sorted.
"""

from camp.db.keyset import KeysetPage, hide_order

NEARBY = 1000  # rows of the list to filter first


class FilteredPage(KeysetPage):
    """A KeysetPage of the rows of a long list that a filter leaves, in two or three queries.

    `within` is the list as the index of the order has it, of which the filter is applied to the
    next `nearby` rows. `filtered` is a function that applies the filter to a queryset of the model.
    `matching` is the queryset of all matches, found by an index of the filter.
    """

    def __init__(self, within, keys, params, *, filtered, matching, nearby=NEARBY):
        self.filtered, self.matching, self.nearby = filtered, matching, nearby
        super().__init__(within, keys, params)

    def fetch(self, queryset, order, after, count):
        """Return the first `count` matches after a Q."""
        nearby = queryset.filter(after).order_by(*order).values_list("pk", flat=True)
        keys = list(nearby[: self.nearby])
        hidden = [hide_order(key) for key in order]
        some = self.filtered(queryset.model.objects.filter(pk__in=keys))
        rows = list(some.order_by(*hidden)[:count]) if keys else []
        if len(rows) == count or len(keys) < self.nearby:
            return rows
        return list(self.matching.filter(after).order_by(*hidden)[:count])
