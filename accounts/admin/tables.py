"""Groups, the admin's history and log-in attempts in the admin."""

from django import forms
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from accounts.admin.permissions import TranslatedPermissionsMixin
from accounts.models import AttemptCounter, FormerLogEntry
from camp.admin.log_messages import translate_log_message
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
    filter_horizontal = []
    list_display = sortable_by = ["label"]

    @admin.display(description=_("name"), ordering="name")
    def label(self, group):
        """Return the name in the reader's language."""
        return str(group)

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


class TableFilter(admin.SimpleListFilter):
    """Filter a history by table. Those that are not in the admin have none."""

    title = _("kind of object")
    parameter_name = "content_type__id__exact"

    def lookups(self, request, model_admin):
        kinds = ContentType.objects.get_for_models(*model_admin.admin_site._registry).values()
        return sorted(((str(kind.pk), capfirst(kind.name)) for kind in kinds), key=lambda c: c[1])

    def queryset(self, request, queryset):
        known = self.value() in dict(self.lookup_choices)
        return queryset.filter(content_type=self.value()) if known else queryset


class ReadOnlyAdmin(CampModelAdmin):
    """A read-only table that Camp writes."""

    # It is deleted with its user.
    deleted_with_owner = True

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False


class HistoryAdmin(ReadOnlyAdmin):
    """A table of admin actions."""

    list_display_links = ["target"]
    list_filter = ["action_time", TableFilter]
    list_select_related = ["content_type"]
    sortable_by = ["action_time"]
    ordering = ["-action_time", "-id"]

    def get_object(self, *args, **kwargs):
        """Return the entry, in the reader's language: Django's name of it says what changed."""
        entry = super().get_object(*args, **kwargs)
        self.complete_rows(None, [entry] if entry else [])
        return entry

    def complete_rows(self, request, rows):
        """Word the entries of a page in the reader's language."""
        super().complete_rows(request, rows)
        for entry in rows:
            entry.change_message = translate_log_message(entry)

    @admin.display(description=_("object"))
    def target(self, entry):
        """Return the name of the changed row."""
        return entry.object_repr

    @admin.display(description=_("kind of object"))
    def table(self, entry):
        """Return the name of the changed table."""
        kind = entry.content_type
        return capfirst(kind.name) if kind else self.get_empty_value_display()

    @admin.display(description=_("what changed"))
    def message(self, entry):
        """Return the sentence about the change."""
        return translate_log_message(entry)

    def has_delete_permission(self, request, obj=None):
        return False


@admin.register(LogEntry)
class LogEntryAdmin(HistoryAdmin):
    """The actions of organisers in the admin."""

    list_display = ["action_time", "user", "target", "message", "table"]
    list_filter = ["action_time", "action_flag", TableFilter]
    list_select_related = ["user", "content_type"]
    search_fields = ["object_repr", "user__username_key__contains", "user__username_key__exact"]
    fields = ["action_time", "user", "table", "target", "message"]
    readonly_fields = fields


@admin.register(FormerLogEntry)
class FormerLogEntryAdmin(HistoryAdmin):
    """The admin actions of people whose account is deleted."""

    list_display = ["action_time", "former_pk", "target", "message", "table"]
    search_fields = ["object_repr"]
    fields = ["action_time", "former_pk", "table", "target", "message"]
    readonly_fields = fields


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
        if counter.user or not counter.subject:
            return counter.user or self.get_empty_value_display()
        return _("no such user")
