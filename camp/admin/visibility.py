"""What one table of the admin shows of the rows of others, to readers with some permissions."""

from django.contrib import admin
from django.contrib.admin.utils import get_fields_from_path, quote
from django.urls import reverse
from django.utils.html import format_html
from django.utils.text import capfirst

from camp.admin.export import exported


class VisibilityMixin:
    """A ModelAdmin mixin: related rows that the reader may not view are plain text.

    They are no links, and can neither be chosen nor filtered by.
    """

    def has_add_permission(self, request):
        """Return whether the reader may add rows, and view what a row must refer to."""
        hidden = self.hidden_relations(request)
        required = [name for name in hidden if not self.opts.get_field(name).blank]
        return super().has_add_permission(request) and not required

    def get_fieldsets(self, request, obj=None):
        """Return the fieldsets; rows that the reader may not view are shown as plain text."""
        hidden = self.hidden_relations(request)
        return [
            (title, options | {"fields": replace_names(options["fields"], hidden)})
            for title, options in super().get_fieldsets(request, obj)
        ]

    def get_readonly_fields(self, request, obj=None):
        """Return the read-only fields; a row can only be chosen by those who may view it."""
        hidden = self.hidden_relations(request)
        return [*super().get_readonly_fields(request, obj), *hidden.values()]

    def get_list_filter(self, request):
        """Return the filters without those by rows that the reader may not view."""
        filters = super().get_list_filter(request)
        return [
            one
            for one in filters
            if not isinstance(one, tuple) or not self.is_hidden(request, one[0])
        ]

    def is_hidden(self, request, name):
        """Return whether a relation, or a path of them, leads to a table closed to the reader."""
        model = get_fields_from_path(self.model, name)[-1].related_model
        site = self.admin_site
        return site.is_registered(model) and not may_view_rows(site, request, model)

    def hidden_relations(self, request):
        """Return {name: column} of the foreign keys to tables that the reader may not view."""
        known = request.__dict__.setdefault("_camp_hidden_relations", {})
        if self.model not in known:
            names = [field.name for field in self.opts.fields if field.is_relation]
            known[self.model] = {
                name: link_to(self, request, name)
                for name in names
                if self.is_hidden(request, name)
            }
        return known[self.model]


def link_to(model_admin, request, name):
    """Return a column for a foreign key, linked if the reader may view its row.

    `name` may be a path through several, such as `session__user`.
    """
    steps, opts = name.split("__"), model_admin.opts
    for step in steps:
        relation = opts.get_field(step)
        opts = relation.remote_field.model._meta
    site = model_admin.admin_site
    may_view = may_view_rows(site, request, opts.model)

    def target_of(row):
        for step in steps:
            row = row and getattr(row, step)
        return row

    @exported(lambda row: target_of(row) and str(target_of(row)))
    @admin.display(description=capfirst(relation.verbose_name))
    def column(row):
        target = target_of(row)
        if target is None or not may_view:
            return target and str(target)
        url = reverse(
            f"{site.name}:{opts.app_label}_{opts.model_name}_change", args=[quote(target.pk)]
        )
        return format_html('<a href="{}">{}</a>', url, target)

    column.__name__ = column.export_key = steps[-1]
    return column


def replace_names(fields, columns):
    """Return the fields of a fieldset, with those replaced that `columns` has, each once."""
    return list(dict.fromkeys(columns.get(name, name) for name in fields))


def may_view_rows(site, request, model):
    """Return whether the reader may view the rows of a table in the admin."""
    return site.is_registered(model) and site.get_model_admin(model).has_view_permission(request)
