"""Tables of Django and django-axes in the admin: groups, and what was done by whom."""

from axes.models import AccessAttempt
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.models import Group
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.admin_permissions import WordsPermissions
from camp.admin_models import CampModelAdmin

admin.site.unregister(Group)

# django-axes has no Japanese of its own for what its table is called.
NAMES = [_("access attempt"), _("access attempts")]


@admin.register(Group)
class GroupAdmin(WordsPermissions, CampModelAdmin, DjangoGroupAdmin):
    """Groups and their permissions.

    Only administrators change permissions, and groups that organisers are in: others would
    give themselves whatever they like.
    """

    def get_readonly_fields(self, request, obj=None):
        fields = [*super().get_readonly_fields(request, obj)]
        return fields if request.user.is_superuser else [*fields, "permissions"]

    def has_change_permission(self, request, obj=None):
        return super().has_change_permission(request, obj) and self.manages(request, obj)

    def has_delete_permission(self, request, obj=None):
        return super().has_delete_permission(request, obj) and self.manages(request, obj)

    def manages(self, request, group):
        """Return whether the reader may touch this group (None: some group)."""
        return (
            request.user.is_superuser
            or group is None
            or not group.user_set.filter(Q(is_staff=True) | Q(is_superuser=True)).exists()
        )


class Record(CampModelAdmin):
    """A table that is written by what happens, and only read here."""

    # It goes with the user whose record it is.
    deleted_with_owner = True

    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def get_actions(self, request):
        return {} if not self.has_delete_permission(request) else super().get_actions(request)


@admin.register(LogEntry)
class LogEntryAdmin(Record):
    """What organisers did in the admin."""

    list_display = ["action_time", "user", "__str__", "content_type"]
    list_display_links = ["__str__"]
    list_filter = ["action_time", "action_flag", "content_type"]
    list_select_related = ["user", "content_type"]
    search_fields = ["object_repr", "user__username_key__contains"]
    ordering = ["-id"]
    fields = ["action_time", "user", "content_type", "object_repr", "message"]
    readonly_fields = fields

    @admin.display(description=_("what changed"))
    def message(self, entry):
        """Return Django's sentence about the change."""
        return entry.get_change_message()

    def has_delete_permission(self, request, obj=None):
        return False


@admin.register(AccessAttempt)
class AccessAttemptAdmin(Record):
    """Log-ins that failed; deleting an entry lets the person try again at once.

    What else was sent is kept by django-axes, but is nobody's business.
    """

    list_display = ["username", "address", "failures", "last_try"]
    list_filter = ["attempt_time"]
    search_fields = ["username", "ip_address"]
    search_help_text = _("Delete an entry to let its user try again at once.")
    ordering = ["-id"]
    fields = ["username", "address", "failures", "last_try", "path_info", "user_agent"]
    readonly_fields = fields

    @admin.display(description=_("address"), ordering="ip_address")
    def address(self, attempt):
        """Return the network address that the log-in came from."""
        return attempt.ip_address

    @admin.display(description=_("failed log-ins"), ordering="failures_since_start")
    def failures(self, attempt):
        """Return how often it failed."""
        return attempt.failures_since_start

    @admin.display(description=_("last try"), ordering="attempt_time")
    def last_try(self, attempt):
        """Return when it failed last."""
        return attempt.attempt_time
