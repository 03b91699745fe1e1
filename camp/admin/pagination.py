"""Pagination of the admin's lists without counting whole tables."""

from django.core.paginator import EmptyPage, InvalidPage, Paginator
from django.utils.functional import cached_property

LAST_PAGE = 100_000  # further pages are refused: the database would walk through all before


class WindowPaginator(Paginator):
    """A paginator that knows the current page and a few beyond it.

    Reads the primary keys of that window, then the rows of the current page by key, so that
    annotations are computed for one page only. If rows follow the window, `more` is true and
    `count` is a lower bound.

    `number` is the requested page: Django asks for `count` before `page()`.
    """

    ahead = 9

    def __init__(self, object_list, per_page, *args, number=1, **kwargs):
        super().__init__(object_list, per_page, *args, **kwargs)
        self.number = min(max(number, 1), LAST_PAGE)

    @property
    def start(self):
        """Return the number of rows before the current page."""
        return (self.number - 1) * self.per_page

    @cached_property
    def keys(self):
        """Return the primary keys of the window and one more, in list order."""
        keys = self.object_list.values_list("pk", flat=True)
        return list(keys[self.start : self.start + self.reach + 1])

    @property
    def reach(self):
        """Return the length of the window in rows."""
        return self.per_page * (self.ahead + 1)

    @property
    def more(self):
        """Return whether rows follow the window."""
        return len(self.keys) > self.reach

    @cached_property
    def count(self):
        """Return the number of rows up to the end of the window."""
        return self.start + min(len(self.keys), self.reach)

    def page(self, number):
        """Return the Page; raises EmptyPage if it has no rows."""
        self.turn_to(number)
        number = self.validate_number(number)
        rows = self.object_list.filter(pk__in=self.keys[: self.per_page])
        return self._get_page(rows, number, self)

    def get_page(self, number):
        """Return the Page with that number, else the first: the last page is unknown."""
        try:
            return self.page(number)
        except InvalidPage:
            return self.page(1)

    def turn_to(self, number):
        """Move the window to page `number` if it is valid."""
        if not isinstance(number, int | str) or not str(number).isdecimal():
            return  # `validate_number` has the words for it
        if int(number) > LAST_PAGE:
            raise EmptyPage(self.error_messages["no_results"])
        if int(number) not in (0, self.number):
            self.number = int(number)
            for name in ("keys", "count", "num_pages"):
                self.__dict__.pop(name, None)

    def get_elided_page_range(self, number=1, **kwargs):
        """Yield page numbers and ellipses, the last one for pages behind the window."""
        yield from super().get_elided_page_range(number, **kwargs)
        if self.more:
            yield self.ELLIPSIS
