"""The admin's lists: filters and orders that indexes serve, in pages without a total."""

import re

from django.contrib.admin.views.main import ERROR_FLAG, ORDER_VAR, PAGE_VAR
from django.db import OperationalError
from django.http import Http404
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from camp.admin.limits import StrictChangeList
from camp.admin.pagination import NEARBY, PARAMETERS, ListPage
from camp.admin.search import RELATED
from camp.db.statement_timeout import is_timeout

PAGE_PARAMETERS = (*PARAMETERS, PAGE_VAR, ERROR_FLAG)


class PageGoneError(Exception):
    """The address names a page that the list does not have."""


class CampChangeList(StrictChangeList):
    """A ChangeList that shows a ListPage; `page` is None if the database took too long."""

    search = page = None

    def get_queryset(self, request, exclude_parameters=None):
        """Return all rows that the filters and the search leave."""
        for name in PARAMETERS:
            self.params.pop(name, None)
            self.filter_params.pop(name, None)
        self.choose_order()
        query, self.query = self.query, ""
        self.filtered = super().get_queryset(request, exclude_parameters)
        self.query = query
        if not query.strip():
            return self.filtered
        self.search = self.model_admin.make_search(request, query)
        return self.search.all_matches(self.filtered)

    def choose_order(self):
        """Leave the first order of the address that is offered, or none."""
        chosen = self.params.pop(ORDER_VAR, "")
        self.filter_params.pop(ORDER_VAR, None)
        match = re.match(r"-?([0-9]{1,3})(?![0-9])", chosen)
        columns = dict(enumerate(self.list_display))
        if match and columns.get(int(match[1])) in (self.sortable_by or ()):
            self.params[ORDER_VAR] = match[0]
            self.filter_params[ORDER_VAR] = [match[0]]

    def get_ordering(self, request, queryset):
        return sort_keys(self.model, super().get_ordering(request, queryset))

    def get_results(self, request):
        """Find the rows of the page."""
        if PAGE_VAR in request.GET:
            raise PageGoneError
        try:
            self.page = self.find_page(request)
        except Http404:
            raise PageGoneError from None
        except OperationalError as error:
            if not is_timeout(error):
                raise
        self.result_list = [] if self.page is None else self.page.rows
        self.model_admin.complete_rows(request, self.result_list)
        if self.page is not None and not self.result_list and set(PARAMETERS) & request.GET.keys():
            raise PageGoneError
        self.result_count = len(self.result_list)
        self.show_full_result_count, self.full_result_count = False, None
        self.show_admin_actions = True
        self.can_show_all = self.multi_page = False  # Django's numbered pages
        self.paginator = None

    def find_page(self, request):
        """Return the ListPage that the address names."""
        params = request.GET.copy()
        for name in (ERROR_FLAG, PAGE_VAR):
            params.pop(name, None)
        filters = self.get_filters_params()
        return ListPage(
            self.filtered,
            sort_keys(self.model, self.filtered.query.order_by),
            params,
            size=self.list_per_page,
            every=self.apply_select_related(self.root_queryset) if filters else None,
            search=self.search,
            hides_order=ORDER_VAR in self.params
            or any(getattr(one, "hides_order", False) for one in self.filter_specs),
        )

    @property
    def notes(self):
        """Yield what the reader should know about rows that are not shown."""
        if self.page is None:
            yield _("This took too long and was stopped. Narrow it down.")
        elif self.page.is_partial:
            text = ngettext(
                "Texts were searched in the newest %(count)s row only.",
                "Texts were searched in the newest %(count)s rows only.",
                NEARBY,
            )
            yield text % {"count": NEARBY}
        if self.search and self.search.is_cut:
            text = _(
                "Only what belongs to the newest %(count)s users, sessions, messages or files was "
                "found."
            )
            yield text % {"count": RELATED}


def sort_keys(model, order):
    """Return the keys of a KeysetPage for `order_by` values, of which the first counts."""
    first, *_others = order
    sign, name = ("-", first[1:]) if first.startswith("-") else ("", first)
    field = model._meta.pk if name == "pk" else model._meta.get_field(name)
    if field.primary_key:
        return [f"{sign}pk"]
    return [first] if field.unique and not field.null else [first, f"{sign}pk"]
