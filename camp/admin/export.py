"""Exports of the admin's lists as CSV and JSON.

An export has what the list's filters and search leave, in the list's columns and order, and with
the ID. It is read in chunks by keys, as the pages of the list: no cursor stays open, which
PgBouncer could not keep, and a slow client holds neither a connection nor a lock.
"""

import csv
import io
import json
import logging
import threading
import weakref
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from html import unescape
from itertools import chain
from operator import attrgetter

from django.contrib.admin.exceptions import DisallowedModelAdminLookup
from django.contrib.admin.options import IS_POPUP_VAR
from django.contrib.admin.utils import label_for_field, lookup_field
from django.contrib.admin.views.main import ORDER_VAR
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, StreamingHttpResponse
from django.urls import path
from django.utils import timezone, translation
from django.utils.decorators import method_decorator
from django.utils.html import strip_tags
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from camp.admin.changelist import PAGE_PARAMETERS, sort_keys
from camp.admin.filters.dates import InvalidDateError
from camp.admin.limits import RETRY_AFTER, refuse_lookup, refuse_search
from camp.admin.pagination import choose_rows
from camp.db.keyset import hide_order, rows_after
from camp.db.search_text import SearchTextField
from camp.web.content_disposition import attachment
from camp.web.errors import error_response
from camp.web.slots import worker_slots

logger = logging.getLogger(__name__)

CHUNK = 500  # rows in memory
AT_ONCE = 2  # exports; each takes a processor's time now and then for as long as it runs
ACTIONS = {
    "csv": gettext_lazy("Export selected %(verbose_name_plural)s as CSV"),
    "json": gettext_lazy("Export selected %(verbose_name_plural)s as JSON"),
}
# What spreadsheets take for the beginning of a formula (OWASP, CSV Injection).
FORMULA = tuple("=+-@\uff1d\uff0b\uff0d\uff20")  # the last four are full-width
CONTROLS = ("\t", "\r", "\n")

_places = threading.BoundedSemaphore(AT_ONCE)


def exported(source, title=None):
    """Return a decorator: exports have `source` of a row instead of what the column shows.

    `source` is the path of an attribute, or a function of the row. `title` replaces the column's.
    """

    def decorate(column):
        column.export_source = source if callable(source) else attrgetter(source)
        column.export_key = source if isinstance(source, str) else ""
        column.export_title = title
        return column

    return decorate


class ExportMixin:
    """A ModelAdmin mixin: export the filtered list, or the selected rows."""

    def get_urls(self):
        view = self.admin_site.admin_view(self.export_view)
        name = f"{self.opts.app_label}_{self.opts.model_name}_export"
        return [path("export.<slug:suffix>", view, name=name), *super().get_urls()]

    def get_actions(self, request):
        """Return the actions, with the exports at the end."""
        actions = super().get_actions(request)
        if IS_POPUP_VAR in request.GET:
            return actions
        for suffix, description in ACTIONS.items():
            action = partial(export_selected, suffix=suffix)
            actions[f"export_{suffix}"] = (action, f"export_{suffix}", description)
        return actions

    def changelist_view(self, request, extra_context=None):
        """Show the list, with links to the exports."""
        query = request.GET.copy()
        for name in PAGE_PARAMETERS:
            query.pop(name, None)
        context = {"export_formats": list(ACTIONS), "export_query": query.urlencode()}
        return super().changelist_view(request, context | (extra_context or {}))

    def get_export_columns(self, request):
        """Return the columns besides the ID; they are those of the list."""
        return self.get_list_display(request)

    @method_decorator(require_safe)
    def export_view(self, request, suffix):
        """Send all rows that the filters and the search in the address leave."""
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        if suffix not in ACTIONS:
            raise Http404
        refusal = refuse_search(request, request.GET.get("q", ""))
        if refusal:
            return refusal
        request.GET = request.GET.copy()
        for name in PAGE_PARAMETERS:
            request.GET.pop(name, None)
        try:
            changes = self.get_changelist_instance(request)
        except InvalidDateError as error:
            return refuse_lookup(request, error.detail)
        except DisallowedModelAdminLookup:
            return refuse_lookup(request)
        return self.export(request, changes.queryset, suffix, Scan.of(changes))

    def export(self, request, queryset, suffix, scan=None):
        """Return a response that streams the rows; 503 if too many exports are running."""
        if not _places.acquire(blocking=False):
            detail = _("Other exports are running. Try again when they have finished.")
            return error_response(request, 503, retry_after=RETRY_AFTER, detail=detail)
        try:
            columns = [Column(self, name) for name in self.get_export_columns(request)]
            key = Column(self, self.opts.pk.name, key="id", title="ID")
            form = FORMATS[suffix]([key, *columns])
            complete = partial(self.complete_rows, request)
            # No column shows these, and they are as long as what was written.
            unseen = [one.name for one in self.opts.fields if isinstance(one, SearchTextField)]
            chunks = read_chunks(queryset.defer(*unseen), scan)
            pieces = stream(chunks, [key, *columns], form, complete)
            first = next(pieces)  # an error has a page as long as nothing was sent
            response = StreamingHttpResponse(chain([first], pieces), form.content_type)
        except BaseException:
            _places.release()
            raise
        # Called when the response is closed, or else when it is collected.
        response._resource_closers.append(weakref.finalize(response, _places.release))
        name = f"camp-{self.opts.model_name}-{timezone.localdate():%Y-%m-%d}.{suffix}"
        response["Content-Disposition"] = attachment(name)
        logger.info("User %s exports %s as %s.", request.user.pk, self.opts.label, suffix)
        return response


def export_selected(model_admin, request, queryset, *, suffix):
    """Send the selected rows; an action of the admin."""
    return model_admin.export(request, queryset, suffix)


def stream(chunks, columns, form, complete):
    """Yield the bytes of an export, with the rows of a chunk at a time.

    A chunk takes a worker slot, and is in the request's language and time zone.
    """
    language, zone = translation.get_language(), timezone.get_current_timezone()
    text = form.head
    while True:
        with worker_slots.working(), translation.override(language), timezone.override(zone):
            rows = next(chunks, None)
            for row in rows or []:
                complete([row])  # all at once, a sum that takes long would be left out
            text += form.body([[column.value(row) for column in columns] for row in rows or []])
        if text:
            yield text.encode(errors="replace")
        if rows is None:
            break
        text = ""
    yield form.tail.encode()


def read_chunks(queryset, scan):
    """Yield lists of rows, in the order of a queryset that an index has in order.

    With a Scan there is no such index: if the rows are many, the whole list is gone through.
    """
    keys = sort_keys(queryset.model, queryset.query.order_by)
    names = [key.lstrip("-") for key in keys]
    if scan is None:
        rest = queryset
        while rows := list(rest.order_by(*keys)[:CHUNK]):
            yield rows
            rest = queryset.filter(rows_after(keys, [getattr(rows[-1], name) for name in names]))
        return
    if scan.has_index:
        rows = list(queryset.order_by(*map(hide_order, keys))[:CHUNK])
        if len(rows) < CHUNK:
            yield rows
            return
    rest = scan.every
    while window := list(rest.order_by(*keys).values_list("pk", *names)[:CHUNK]):
        found = choose_rows(scan.every, scan.matching, [pk for pk, *_values in window])
        yield list(found.order_by(*keys))
        rest = scan.every.filter(rows_after(keys, window[-1][1:]))


@dataclass
class Scan:
    """How to go through a whole list for the rows that no index has in its order.

    `every` is the list, and `matching` what filters and search leave of it, to be checked row by
    row. `has_index` says that an index leads to those, in another order.
    """

    every: QuerySet
    matching: QuerySet
    has_index: bool

    @classmethod
    def of(cls, changes):
        """Return the Scan for a CampChangeList, or None if an index has its rows in order."""
        search = changes.search
        is_filtered = search is not None or changes.get_filters_params()
        if not is_filtered or (search is None and ORDER_VAR not in changes.params):
            return None
        matching = changes.filtered.filter(search.plain) if search else changes.filtered
        return cls(
            changes.apply_select_related(changes.root_queryset),
            matching,
            search is None or search.complete,
        )


class Column:
    """A column of an export."""

    def __init__(self, model_admin, name, key=None, title=None):
        function = name if callable(name) else getattr(model_admin, name, None)
        self.model_admin, self.name = model_admin, name
        self.source = getattr(function, "export_source", None)
        self.key = key or getattr(function, "export_key", None) or getattr(name, "__name__", name)
        title = title or getattr(function, "export_title", None)
        label = title or label_for_field(name, model_admin.model, model_admin)
        self.title = capfirst(str(label))

    def value(self, row):
        """Return the value of a row as JSON has it: text, a number, true, false or null."""
        if self.source:
            value = self.source(row)
        else:
            field, _attribute, value = lookup_field(self.name, row, self.model_admin)
            if field and field.choices:
                value = dict(field.flatchoices).get(value, value)
        if isinstance(value, datetime):
            return timezone.localtime(value).isoformat(timespec="seconds")
        if value is None or isinstance(value, bool | int | float):
            return value
        return unescape(strip_tags(value)) if isinstance(value, SafeString) else str(value)


class Csv:
    """CSV for spreadsheets: UTF-8 with a byte order mark; texts cannot be formulas."""

    content_type = "text/csv; charset=utf-8"
    tail = ""

    def __init__(self, columns):
        self.head = "\ufeff" + self.body([[column.title for column in columns]])

    def body(self, rows):
        """Return lines of `rows`; texts are quoted, numbers are not."""
        lines = io.StringIO()
        writer = csv.writer(lines, quoting=csv.QUOTE_NONNUMERIC)
        writer.writerows([csv_value(value) for value in row] for row in rows)
        return lines.getvalue()


def csv_value(value):
    """Return a value of a CSV file: a number or a text."""
    if value is None or isinstance(value, bool):
        return {None: "", True: "TRUE", False: "FALSE"}[value]
    if isinstance(value, str) and (value[:1] in CONTROLS or value.lstrip().startswith(FORMULA)):
        return f"'{value}"
    return value


class Json:
    """A JSON array with one object a line; the keys are the same in all languages."""

    content_type = "application/json; charset=utf-8"
    head, tail = "[", "\n]\n"

    def __init__(self, columns):
        self.keys = [column.key for column in columns]
        self.separator = "\n"

    def body(self, rows):
        """Return the objects of `rows`."""
        text = ""
        for row in rows:
            text += self.separator + json.dumps(
                dict(zip(self.keys, row, strict=True)), ensure_ascii=False
            )
            self.separator = ",\n"
        return text


FORMATS = {"csv": Csv, "json": Json}
