"""Filters of the admin's lists."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from camp.admin.widgets import is_value_of


class ChosenFilter(admin.FieldListFilter):
    """Show which related row the list is filtered by, with a link to clear the filter.

    Links on other pages set it. Django's related filter would list every user.
    """

    def __init__(self, field, request, params, model, model_admin, field_path):
        self.lookup = filter_parameter(field_path)
        self.remote = field.remote_field.model
        super().__init__(field, request, params, model, model_admin, field_path)

    def expected_parameters(self):
        return [self.lookup]

    def has_output(self):
        return self.lookup in self.used_parameters

    def choices(self, changelist):
        yield {
            "selected": False,
            "query_string": changelist.get_query_string(remove=[self.lookup]),
            "display": _("All"),
        }
        yield {
            "selected": True,
            "query_string": changelist.get_query_string(),
            "display": self.name(),
        }

    def name(self):
        """Return the label of the related row."""
        key = self.used_parameters[self.lookup][-1]
        rows = self.remote._base_manager
        row = rows.filter(pk=key).first() if is_value_of(self.remote._meta.pk, key) else None
        return str(row or _("None"))


def filter_parameter(field_path):
    """Return the query parameter that filters a list by one row of another table."""
    return f"{field_path}__id__exact"


class TrashFilter(admin.SimpleListFilter):
    """Filter by active and deleted rows."""

    title = _("trash")
    parameter_name = "trash"

    @property
    def hides_order(self):
        """Return whether an index has the rows in another order: that of their deletion."""
        return self.value() == "yes"

    def lookups(self, request, model_admin):
        return [("no", _("In use")), ("yes", _("In the trash"))]

    def queryset(self, request, queryset):
        if self.value() not in ("no", "yes"):
            return queryset
        return queryset.filter(deleted_at__isnull=self.value() == "no")


class OwnerFilter(admin.SimpleListFilter):
    """Find rows without an owner, so that an organiser can assign one."""

    title = _("owner")
    parameter_name = "owner"

    def lookups(self, request, model_admin):
        return [("none", _("Without an owner"))]

    def queryset(self, request, queryset):
        return queryset.filter(user=None) if self.value() == "none" else queryset
