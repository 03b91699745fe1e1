"""Members of sessions in the admin."""

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.utils.translation import gettext_lazy as _

from camp.admin.widgets import AutocompleteSelect
from sessions_app.models import Member, Session

SHOWN = 100  # members on a session's page; each is a form


class FirstMembers(forms.BaseInlineFormSet):
    """The first members of a session; the page of a session for thousands still opens."""

    def get_queryset(self):
        """Return the first members in the order in which they were added."""
        rows = super().get_queryset()
        keys = rows.order_by("pk").values_list("pk", flat=True)[:SHOWN]
        return rows.filter(pk__in=list(keys)).select_related("user", "added_by").order_by("pk")

    def add_fields(self, form, index):
        """Name the fields: in a table only the column has a label."""
        super().add_fields(form, index)
        for field in form.fields.values():
            if field.label and not field.widget.is_hidden:
                field.widget.attrs.setdefault("aria-label", field.label)


class MemberInline(admin.TabularInline):
    """The people who see a session beside its owner."""

    model = Member
    formset = FirstMembers
    fields = ["user", "may_write", "added_by", "added_at"]
    readonly_fields = ["added_by", "added_at"]
    autocomplete_fields = ["user"]
    extra = 0

    def formfield_for_dbfield(self, db_field, request, **kwargs):
        """Return the form field; links beside each choice would take half of the table."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if isinstance(field.widget, RelatedFieldWidgetWrapper):
            field.widget = field.widget.widget
            # Django's table shows the help in its head, not beside the field.
            field.widget.attrs["aria-describedby"] = "members-heading"
        return field

    def formfield_for_foreignkey(self, db_field, request, **kwargs):
        """Return the choice of a user, with Camp's own completion."""
        kwargs["widget"] = AutocompleteSelect(db_field, self.admin_site)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


class SharingFilter(admin.SimpleListFilter):
    """Filter by who sees a session beside its owner."""

    title = _("members")
    parameter_name = "shared"

    def lookups(self, request, model_admin):
        return [
            ("people", _("With members")),
            ("everyone", _("For everyone")),
            ("announced", _("Announced")),
        ]

    def queryset(self, request, queryset):
        # As subqueries: databases would rather walk all sessions in the order of the list.
        members = Member.objects.values("session")
        found = {
            "people": members.filter(user__isnull=False),
            "everyone": members.filter(user=None),
            "announced": Session.objects.filter(announced_at__isnull=False).values("pk"),
        }
        return queryset.filter(pk__in=found[self.value()]) if self.value() in found else queryset
