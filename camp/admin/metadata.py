"""Metadata that the old backend stored with a row, shown on its admin page."""

from django.contrib import admin
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from camp.db.old_metadata import format_metadata


class OldMetadataMixin:
    """A ModelAdmin mixin that shows a row's old metadata, collapsed."""

    def get_fieldsets(self, request, obj=None):
        """Return the fieldsets, with the old metadata last."""
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None or not format_metadata(obj.old_metadata):
            return fieldsets
        group = {"fields": ["readable_old_metadata"], "classes": ["collapse"]}
        return [*fieldsets, (_("Data from the old backend"), group)]

    def get_readonly_fields(self, request, obj=None):
        """Return the read-only fields."""
        return [*super().get_readonly_fields(request, obj), "readable_old_metadata"]

    @admin.display(description=_("content"))
    def readable_old_metadata(self, row):
        """Return the old metadata as preformatted text."""
        return format_html("<pre>{}</pre>", format_metadata(row.old_metadata))
