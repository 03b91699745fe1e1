"""Groups, the admin's history and log-in attempts in the admin."""

from django import forms
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.admin.permissions import TranslatedPermissionsMixin
from accounts.models import AttemptCounter, FormerLogEntry
from camp.admin.model_admin import CampModelAdmin
from camp.fs.text import clean_line, is_blank

admin.site.unregister(Group)


class GroupForm(forms.ModelForm):
    """A group with a visible name."""

    def clean_name(self):
        name = " ".join(clean_line(self.cleaned_data["name"]).split())
        if is_blank(name):
            raise ValidationError(self.fields["name"].error_messages["required"])
        return name


@admin.register(Group)
class GroupAdmin(TranslatedPermissionsMixin, CampModelAdmin, DjangoGroupAdmin):
    """Groups and their permissions.

    Only administrators change permissions and groups of organisers: others could grant themselves
    anything.
    """

    form = GroupForm
    list_display = sortable_by = ["name"]
    filter_horizontal = []

    def get_readonly_fields(self, request, obj=None):
        fields = [*super().get_readonly_fields(request, obj)]
        return fields if request.user.is_superuser else [*fields, "permissions"]

    def has_change_permission(self, request, obj=None):
        return super().has_change_permission(request, obj) and self.manages(request, obj)

    def has_delete_permission(self, request, obj=None):
        return super().has_delete_permission(request, obj) and self.manages(request, obj)

    def manages(self, request, group):
        """Return whether the reader may change this group (None: any group)."""
        return (
            request.user.is_superuser
            or group is None
            or not group.user_set.filter(Q(is_staff=True) | Q(is_superuser=True)).exists()
        )


class ReadOnlyAdmin(CampModelAdmin):
    """A read-only table that Camp writes."""

    # It is deleted with its user.
    deleted_with_owner = True

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def get_actions(self, request):
        return {} if not self.has_delete_permission(request) else super().get_actions(request)


@admin.register(LogEntry)
class LogEntryAdmin(ReadOnlyAdmin):
    """The actions of organisers in the admin."""

    list_display = ["action_time", "user", "__str__", "content_type"]
    list_display_links = ["__str__"]
    list_filter = ["action_time", "action_flag", "content_type"]
    list_select_related = ["user", "content_type"]
    search_fields = ["object_repr", "user__username_key__contains", "user__username_key__exact"]
    sortable_by = ["action_time"]
    ordering = ["-action_time", "-id"]
    fields = ["action_time", "user", "content_type", "object_repr", "message"]
    readonly_fields = fields

    @admin.display(description=_("what changed"))
    def message(self, entry):
        """Return Django's sentence about the change."""
        return entry.get_change_message()

    def has_delete_permission(self, request, obj=None):
        return False


@admin.register(FormerLogEntry)
class FormerLogEntryAdmin(ReadOnlyAdmin):
    """The admin actions of people whose account is deleted."""

    list_display = ["action_time", "former_pk", "object_repr", "content_type"]
    list_display_links = ["object_repr"]
    list_filter = ["action_time", "content_type"]
    list_select_related = ["content_type"]
    search_fields = ["object_repr"]
    sortable_by = ["action_time"]
    ordering = ["-action_time", "-id"]
    fields = ["action_time", "former_pk", "content_type", "object_repr", "message"]
    readonly_fields = fields

    @admin.display(description=_("what changed"))
    def message(self, entry):
        """Return Django's sentence about the change."""
        return LogEntry(change_message=entry.change_message).get_change_message()

    def has_delete_permission(self, request, obj=None):
        return False


@admin.register(AttemptCounter)
class AttemptCounterAdmin(ReadOnlyAdmin):
    """Failed log-ins by account and address; deleting an entry lets the person try again."""

    list_display = ["kind", "account", "address", "count", "ends_at"]
    list_filter = ["kind", "ends_at"]
    list_select_related = ["user"]
    search_fields = ["user__username_key__contains", "user__email_key__contains", "address"]
    search_help_text = _(
        "Delete the entries of a user or an address to allow new attempts at once."
    )
    ordering = ["-id"]
    fields = ["kind", "account", "address", "count", "ends_at"]
    readonly_fields = fields

    @admin.display(description=_("user"))
    def account(self, counter):
        """Return the user, or a note that the name matches no account."""
        return counter.user or (_("no such user") if counter.subject else None)
