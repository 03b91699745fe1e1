"""The base ModelAdmin, and mixins that the admins of all apps share."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from django.contrib import admin, messages
from django.contrib.admin.exceptions import DisallowedModelAdminLookup
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.admin.options import IS_POPUP_VAR
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.db.models import DateTimeField, Field, IntegerField, OuterRef, Subquery
from django.db.models.expressions import Combinable
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from camp.admin.changelist import PAGE_PARAMETERS, CampChangeList, PageGoneError, sort_keys
from camp.admin.dashboard import (
    COUNTED,
    forget_front_page,
    readable_capped_count,
)
from camp.admin.deletion import summarize_deletion
from camp.admin.export import ExportMixin, exported
from camp.admin.filters.dates import InvalidDateError
from camp.admin.limits import refuse_lookup, refuse_search
from camp.admin.log_messages import untranslated
from camp.admin.neighbours import NeighboursMixin
from camp.admin.pagination import ListPage
from camp.admin.search import Search, describe_fields
from camp.admin.visibility import VisibilityMixin
from camp.admin.widgets import AutocompleteSelect, AutocompleteSelectMultiple, is_value_of
from camp.templatetags.camp import when
from camp.web.external_references import atomic_deletion

CHECKBOX_LABEL = "Select this object for an action - {}"  # Django translates it


class CampModelAdmin(NeighboursMixin, VisibilityMixin, ExportMixin, admin.ModelAdmin):
    """A ModelAdmin for tables of any size.

    No page counts a whole table, deletions are confirmed with counts, and actions apply to the
    rows of one page. `sortable_by` names the columns in whose order an index has the rows, and
    `search_fields` are those of camp.admin.search.
    """

    sortable_by = ()

    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_per_page = 50
    view_on_site = False  # pages outside the admin are for the owner alone

    def get_list_display(self, request):
        """Return the columns; dates and times look as on Camp's other pages."""
        return [self.format_datetimes(name) for name in super().get_list_display(request)]

    def format_datetimes(self, name):
        """Return a column that formats `name`, if it is a datetime field of the table."""
        times = {field.name for field in self.opts.fields if isinstance(field, DateTimeField)}
        return datetime_column(self.opts.get_field(name)) if name in times else name

    def action_checkbox(self, obj):
        """Return the checkbox of a row. Django renders a template for each."""
        html = '<input type="checkbox" name="{}" value="{}" class="action-select" aria-label="{}">'
        label = format_html(gettext(CHECKBOX_LABEL), obj)
        return format_html(html, ACTION_CHECKBOX_NAME, obj.pk, label)

    def get_sortable_by(self, request):
        """Return the columns that can be sorted, as they are in the list."""
        columns = self.get_list_display(request)
        return [one for one in columns if getattr(one, "__name__", one) in self.sortable_by]

    def make_search(self, request, text):
        """Return the Search for a text, in the tables that the reader may view."""
        return Search(self.model, self.get_search_fields(request), text)

    def get_rows(self, request):
        """Return the rows of the list without the figures of its columns."""
        return self.get_queryset(request)

    def complete_rows(self, request, rows):
        """Set what the columns of a page show beside the rows."""

    def first_matches(self, request, text, count):
        """Return the first `count` rows that a search finds, or the first of the list."""
        rows = self.get_rows(request)
        related = self.get_list_select_related(request)
        rows = rows.select_related(*related) if related else rows
        search = self.make_search(request, text) if text.strip() else None
        keys = sort_keys(self.model, self.get_ordering(request) or ["-pk"])
        return ListPage(rows, keys, {}, size=count, search=search).rows

    def get_search_results(self, request, queryset, search_term):
        """Return the rows that a search finds."""
        if search_term.strip():
            queryset = self.make_search(request, search_term).all_matches(queryset)
        return queryset, False

    def get_search_fields(self, request):
        """Return the search fields without those of tables that the reader may not view."""
        fields = super().get_search_fields(request)
        return [field for field in fields if self.may_search(request, field)]

    def may_search(self, request, path):
        """Return whether the reader may view every table that a search field spans."""
        opts = self.opts
        for name in path.split("__"):
            field = next((one for one in opts.get_fields() if one.name == name), None)
            if field is None or not field.is_relation:
                return True
            opts = field.related_model._meta
            other = self.admin_site._registry.get(field.related_model)
            if other is None or not other.has_view_permission(request):
                return False
        return True

    def get_changelist(self, request, **kwargs):
        return CampChangeList

    def get_changelist_instance(self, request):
        """Return the list; its help names the columns that the reader may search."""
        changes = super().get_changelist_instance(request)
        fields = self.get_search_fields(request)
        if fields and not changes.search_help_text:
            changes.search_help_text = describe_fields(self.model, fields)
        return changes

    def changelist_view(self, request, extra_context=None):
        """Show the list; refuse searches and filters that it does not offer."""
        refusal = refuse_search(request, request.GET.get("q", ""))
        if refusal:
            return refusal
        title = {"title": capfirst(self.opts.verbose_name_plural)}
        try:
            response = super().changelist_view(request, title | (extra_context or {}))
        except InvalidDateError as error:
            return refuse_lookup(request, error.detail)
        except DisallowedModelAdminLookup:
            return refuse_lookup(request)
        except PageGoneError:
            query = request.GET.copy()
            for name in PAGE_PARAMETERS:
                query.pop(name, None)
            return redirect(f"{request.path}?{query.urlencode()}" if query else request.path)
        changes = (getattr(response, "context_data", None) or {}).get("cl")
        for note in changes.notes if changes else ():
            messages.warning(request, note)
        return response

    def to_field_allowed(self, request, to_field):
        """Allow the primary key only: all of Camp's relations use it."""
        return to_field in (self.opts.pk.name, self.opts.pk.attname)

    def get_changeform_initial_data(self, request):
        """Return initial values from the URL, without invalid ones."""
        initial = super().get_changeform_initial_data(request)
        return {name: value for name, value in initial.items() if self.is_valid(name, value)}

    def is_valid(self, name, value):
        """Return whether a value from the URL is valid for the column or relation `name`."""
        field = next((one for one in self.opts.get_fields() if one.name == name), None)
        target = field.related_model._meta.pk if field and field.is_relation else field
        if not isinstance(target, Field):
            return False
        values = value if isinstance(value, list) else [value]
        return all(is_value_of(target, one) for one in values)

    def formfield_for_dbfield(self, db_field, request, **kwargs):
        """Return the form field; beside a choice are links to view the row and to add one.

        To change or delete the row itself, there is its own page.
        """
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if isinstance(field and field.widget, RelatedFieldWidgetWrapper):
            field.widget.can_change_related = field.widget.can_delete_related = False
        return field

    def formfield_for_foreignkey(self, db_field, request, **kwargs):
        if db_field.name in self.get_autocomplete_fields(request):
            kwargs.setdefault("widget", AutocompleteSelect(db_field, self.admin_site))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def formfield_for_manytomany(self, db_field, request, **kwargs):
        if db_field.name in self.get_autocomplete_fields(request):
            kwargs.setdefault("widget", AutocompleteSelectMultiple(db_field, self.admin_site))
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def get_actions(self, request):
        """Return the actions, with those that other admins offer as `related_actions(model)`."""
        actions = super().get_actions(request)
        if self.actions is not None and IS_POPUP_VAR not in request.GET:
            for offer in self.admin_site.offers(request, "related_actions"):
                actions |= offer(request, self.model)
        return actions

    def get_deleted_objects(self, objs, request):
        """Return the data of the confirmation page, with counts instead of a list."""
        return summarize_deletion(self, objs, request)

    def response_action(self, request, queryset):
        """Run an action on the selected rows; "select all pages" is not offered."""
        request.POST = request.POST.copy()
        request.POST["select_across"] = "0"
        chosen = request.POST.getlist(ACTION_CHECKBOX_NAME)
        chosen = [key for key in chosen if is_value_of(self.opts.pk, key)]
        request.POST.setlist(ACTION_CHECKBOX_NAME, chosen)
        if request.POST.get("action") != "delete_selected":
            return super().response_action(request, queryset)
        # All or none: log entries must not survive a failed deletion.
        with atomic_deletion():
            return super().response_action(request, queryset)

    def save_model(self, request, obj, form, change):
        super().save_model(request, obj, form, change)
        forget_front_page()

    def delete_model(self, request, obj):
        with atomic_deletion():
            super().delete_model(request, obj)
        forget_front_page()

    def delete_queryset(self, request, queryset):
        super().delete_queryset(request, queryset)
        forget_front_page()

    def list_url(self, query=""):
        """Return the URL of this table's list."""
        name = f"{self.opts.app_label}_{self.opts.model_name}_changelist"
        return reverse(f"{self.admin_site.name}:{name}") + query

    def log_and_report(self, request, objs, text, done):
        """Write a log entry for each of `objs`, and show the reader what was `done`.

        `text` is a lazy translation: the log is read in several languages.
        """
        text = untranslated(text)
        forget_front_page()
        LogEntry.objects.log_actions(request.user.pk, objs, CHANGE, change_message=text)
        self.message_user(request, done, messages.SUCCESS)


@cache  # Django compares the columns of a list with those that can be sorted
def datetime_column(field):
    """Return a column for a datetime: relative within a day, then the date."""

    @exported(field.name)
    @admin.display(description=field.verbose_name, ordering=field.name)
    def column(row):
        return when(getattr(row, field.name)) or None

    column.__name__ = field.name
    return column


class CappedCount(Subquery):
    """The number of rows whose `relation` is the outer row, at most COUNTED + 1.

    So a list costs the same however many rows belong to those of its page.
    """

    template = "(SELECT COUNT(*) FROM (%(subquery)s) AS counted)"
    output_field = IntegerField()

    def __init__(self, queryset, relation):
        rows = queryset.filter(**{relation: OuterRef("pk")}).order_by().values("pk")
        super().__init__(rows[: COUNTED + 1])


@dataclass
class RelatedCount:
    """A figure about each row of another admin's table, such as a user's number of files.

    A ModelAdmin offers them as `related_counts(model)`, a list; RelatedCountsMixin makes columns
    of them. `value` is an expression with OuterRef("pk"), `readable` formats it, and `url` plus
    the row's key links to what was counted. With `compute` instead of `value` that function
    returns {key: value} for the rows of a page.
    """

    name: str
    label: str
    value: Combinable | None = None
    readable: Callable = readable_capped_count
    url: str = ""
    compute: Callable | None = None
    export_label: str = ""

    @cached_property
    def column(self):
        """Return the function by which Django's admin shows a column or a field."""

        @exported(self.export, self.export_label)
        @admin.display(description=self.label)
        def column(row):
            if not hasattr(row, self.name):
                self.complete([row])
            value = getattr(row, self.name)
            text = self.readable(value)
            if not self.url or not value:
                return text
            return format_html('<a href="{}{}">{}</a>', self.url, row.pk, text)

        column.__name__ = self.name
        return column

    def export(self, row):
        """Return what exports have: a number, or the text of a count that stopped."""
        value = getattr(row, self.name)
        is_capped = self.readable is readable_capped_count and value > COUNTED
        return str(self.readable(value)) if is_capped else value

    def complete(self, rows):
        """Set the attribute of rows that have none."""
        if self.compute:
            values = self.compute(rows)
            for row in rows:
                setattr(row, self.name, values.get(row.pk))


class RelatedCountsMixin:
    """A ModelAdmin mixin: show the RelatedCounts that the reader may view, in lists and on pages.

    In lists they come before the last `columns_after_counts` columns.
    """

    columns_after_counts = 2

    def related_counts_for(self, request):
        """Return the RelatedCounts that other admins offer for this table."""
        known = request.__dict__.setdefault("_camp_tallies", {})
        if self.model not in known:
            offers = self.admin_site.offers(request, "related_counts")
            known[self.model] = [tally for offer in offers for tally in offer(self.model)]
        return known[self.model]

    def complete_rows(self, request, rows):
        for tally in self.related_counts_for(request):
            tally.complete(rows)

    def get_rows(self, request):
        """Return the rows without their RelatedCounts."""
        return super().get_queryset(request)

    def get_queryset(self, request):
        counts = {t.name: t.value for t in self.related_counts_for(request) if t.value}
        return super().get_queryset(request).annotate(**counts)

    def get_list_display(self, request):
        related_counts = [tally.column for tally in self.related_counts_for(request)]
        columns = [*super().get_list_display(request)]
        place = len(columns) - self.columns_after_counts
        return columns[:place] + related_counts + columns[place:]

    def get_readonly_fields(self, request, obj=None):
        related_counts = [tally.column for tally in self.related_counts_for(request)]
        return [*super().get_readonly_fields(request, obj), *related_counts]

    def get_fieldsets(self, request, obj=None):
        fieldsets = list(super().get_fieldsets(request, obj))
        related_counts = [tally.column for tally in self.related_counts_for(request)]
        if obj and related_counts:
            fieldsets.append((_("In numbers"), {"fields": related_counts}))
        return fieldsets
