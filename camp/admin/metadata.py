"""What the old backend noted about a row, on its page in the administration."""

from django.contrib import admin
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from camp.db.old_metadata import readable


class ShowsOldMetadata:
    """A ModelAdmin that shows the note of a row that has one, closed at first."""

    def get_fieldsets(self, request, obj=None):
        """Return the groups of fields; that of the note is the last."""
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None or not readable(obj.old_metadata):
            return fieldsets
        group = {"fields": ["readable_old_metadata"], "classes": ["collapse"]}
        return [*fieldsets, (_("Data from the old backend"), group)]

    def get_readonly_fields(self, request, obj=None):
        """Return the fields that nobody changes here."""
        return [*super().get_readonly_fields(request, obj), "readable_old_metadata"]

    @admin.display(description=_("content"))
    def readable_old_metadata(self, row):
        """Return the note on lines of its own."""
        return format_html("<pre>{}</pre>", readable(row.old_metadata))
