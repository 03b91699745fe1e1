"""Pages of long lists of which a filter leaves few or many rows.

How many it leaves is not known in advance, and planners guess badly. So the filter is first
applied to the next rows of the list in its order, which fills a page if many match. Otherwise
all matches are found by an index of the filter, and sorted.
"""

from django.db.models import F, Subquery

from camp.db.keyset import KeysetPage, hide_order
from camp.db.planner_hints import InSubquery

NEARBY = 1000  # rows of the list to filter first


class FilteredPage(KeysetPage):
    """A KeysetPage of the rows of a long list that a filter leaves, in one or two queries.

    `shown` is the queryset of all rows as the page reads them. `within` is the list as the index
    of the order has it, of which the filter is applied to the next `nearby` rows. `filtered` is a
    function that applies the filter to a queryset of the model. `matching` is the queryset of all
    matches, found by an index of the filter.
    """

    def __init__(self, shown, within, keys, params, *, filtered, matching, nearby=NEARBY):
        self.within, self.nearby = within, nearby
        self.filtered, self.matching = filtered, matching
        super().__init__(shown, keys, params)

    def fetch(self, queryset, order, after, count):
        """Return the first `count` matches after a Q."""
        nearby = self.within.filter(after).order_by(*order)[: self.nearby]
        some = self.filtered(having_keys(self.within.model.objects.all(), nearby))
        hidden = [hide_order(key) for key in order]
        for matches in (some, self.matching.filter(after)):
            # Only keys are sorted, and only the rows of the page are joined to others.
            keys = matches.order_by(*hidden)[:count]
            rows = list(having_keys(queryset, keys).order_by(*hidden))
            if len(rows) == count:
                break
        return rows


def having_keys(queryset, rows):
    """Return the rows of a queryset that are among some others, which are found first."""
    return queryset.filter(InSubquery(F("pk"), Subquery(rows.values("pk"))))
