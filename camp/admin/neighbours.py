"""The next and the previous row of the list from which somebody came to a row's page.

They are looked for when somebody asks, by the keys of the list's order: a page costs nothing.
"""

import copy

from django.contrib import messages
from django.contrib.admin.exceptions import DisallowedModelAdminLookup
from django.contrib.admin.templatetags.admin_urls import add_preserved_filters
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import FieldDoesNotExist, PermissionDenied
from django.http import QueryDict
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from camp.admin.limits import refuse_lookup, refuse_search
from camp.admin.pagination import choose_rows
from camp.db.keyset import hide_order, reverse_key, rows_after

FILTERS = "_changelist_filters"  # Django's parameter with the query of the list
PAGES = ("p", "after", "before", "e", "_popup", "_to_field")  # of a list, but no filters
NEARBY = 3000  # rows of the list that are looked through before an index of the search is used


class NeighboursMixin:
    """A ModelAdmin mixin with the addresses `next/` and `previous/` of each row."""

    def get_urls(self):
        """Return the URLs, with those of the neighbours."""
        info = f"{self.opts.app_label}_{self.opts.model_name}"
        view = self.admin_site.admin_view(self.neighbour_view)
        own = [
            path(f"<path:object_id>/{name}/", view, {"direction": name}, name=f"{info}_{name}")
            for name in ("next", "previous")
        ]
        return [*own, *super().get_urls()]

    @method_decorator(require_safe)
    def neighbour_view(self, request, object_id, direction):
        """Redirect to the neighbour's page, or back with a sentence at the end of the list."""
        row = self.get_object(request, unquote(object_id))
        if row is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        if not self.has_view_permission(request, row):
            raise PermissionDenied
        filters = QueryDict(request.GET.get(FILTERS, ""), mutable=True)
        for name in PAGES:
            filters.pop(name, None)
        refusal = refuse_search(request, filters.get("q", ""))
        if refusal:
            return refusal
        try:
            found = self.find_neighbour(request, row, filters, direction == "next")
        except DisallowedModelAdminLookup:
            return refuse_lookup(request)
        if found is None:
            end = _("This is the last row of the list.")
            if direction == "previous":
                end = _("This is the first row of the list.")
            messages.info(request, end)
        info = f"{self.opts.app_label}_{self.opts.model_name}"
        name = f"{self.admin_site.name}:{info}_change"
        url = reverse(name, args=[quote(row.pk if found is None else found)])
        kept = {"preserved_filters": self.get_preserved_filters(request), "opts": self.opts}
        return redirect(add_preserved_filters(kept, url))

    def find_neighbour(self, request, row, filters, forward):
        """Return the primary key of the row after or before `row` in a list, or None."""
        request = copy.copy(request)
        request.GET = filters
        changelist = self.get_changelist_instance(request)
        rows, every = changelist.queryset, changelist.root_queryset
        order = unique_order(self.model, changelist.get_ordering(request, every))
        if not forward:
            order = [reverse_key(key) for key in order]
        after = rows_after(order, [getattr(row, key.lstrip("-")) for key in order])
        if not filters.get("q", "").strip():
            return rows.filter(after).order_by(*order).values_list("pk", flat=True).first()
        # Walking along the order for a rare word would read the table.
        hidden = [hide_order(key) for key in order]
        nearby = list(every.filter(after).order_by(*order).values_list("pk", flat=True)[:NEARBY])
        for found in (choose_rows(every, rows, nearby), rows.filter(after)):
            key = found.order_by(*hidden).values_list("pk", flat=True).first()
            if key is not None or len(nearby) < NEARBY:
                return key
        return None


def unique_order(model, order):
    """Return `order_by` values by which a row can be found again; else the newest first.

    Those are a column of the table that is never null, and the primary key.
    """
    first = order[0] if order and isinstance(order[0], str) else "-pk"
    sign, name = ("-", first[1:]) if first.startswith("-") else ("", first)
    try:
        field = model._meta.pk if name == "pk" else model._meta.get_field(name)
    except FieldDoesNotExist:
        return ["-pk"]
    if field.primary_key:
        return [f"{sign}pk"]
    return ["-pk"] if field.null or field.is_relation else [first, f"{sign}pk"]
