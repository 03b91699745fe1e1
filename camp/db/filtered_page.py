"""Pages of long lists of which a filter leaves few or many rows.

How many it leaves is not known in advance, and planners guess badly. So the filter is first
applied to the next rows of the list in its order, which fills a page if many match. Otherwise
all matches are found by an index of the filter, and sorted.
"""

import json

from django.db.models import BigAutoField, Lookup

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
        some = self.filtered(queryset.model.objects.filter(pk__in_array=keys))
        rows = list(some.order_by(*hidden)[:count]) if keys else []
        if len(rows) == count or len(keys) < self.nearby:
            return rows
        return list(self.matching.filter(after).order_by(*hidden)[:count])


@BigAutoField.register_lookup
class InArray(Lookup):
    """`in` with all numbers in one parameter: a thousand parameters cost more than the search."""

    lookup_name = "in_array"
    prepare_rhs = False

    def as_postgresql(self, compiler, connection):
        """Return the SQL and its parameters."""
        column, params = self.process_lhs(compiler, connection)
        return f"{column} = ANY (%s::bigint[])", [*params, f"{{{','.join(map(str, self.rhs))}}}"]

    def as_sqlite(self, compiler, connection):
        """Return the SQL and its parameters."""
        column, params = self.process_lhs(compiler, connection)
        sql = f"{column} IN (SELECT value FROM json_each(%s))"  # noqa: S608
        return sql, [*params, json.dumps(self.rhs)]
