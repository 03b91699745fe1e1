"""Messages in the admin."""

from django import forms
from django.contrib import admin
from django.db.models import F
from django.db.models.functions import Left, Length
from django.db.models.lookups import GreaterThan
from django.utils import timezone
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from camp.admin.dashboard import (
    Figure,
    counts_by_day,
    readable_number,
)
from camp.admin.export import exported
from camp.admin.filters.choices import ChosenFilter, TrashFilter, filter_parameter
from camp.admin.metadata import OldMetadataMixin
from camp.admin.model_admin import (
    CampModelAdmin,
    CappedCount,
    RelatedCount,
)
from camp.admin.visibility import link_to
from camp.db.row_locks import lock_rows
from sessions_app.admin.reading import ROLES
from sessions_app.models import Message, Session
from sessions_app.reading import AuthorNames
from sessions_app.revisions import mark_changed_on_commit

LATEST = 100  # messages on a session's page
EXCERPT = 400  # characters of each


class LatestMessages(forms.BaseInlineFormSet):
    """The last messages of a session, read-only: the posted form is ignored."""

    latest = LATEST
    new_objects, changed_objects, deleted_objects = [], [], []

    def __init__(self, *args, queryset, instance, data=None, files=None, **kwargs):
        rows = queryset.filter(session=instance)
        keys = list(rows.order_by("-created_at", "-pk").values_list("pk", flat=True)[:LATEST])
        # Avoid loading long messages for their first words.
        latest = queryset.filter(pk__in=keys).defer("content", "search_text")
        latest = latest.annotate(
            author_name=F("author__username"),
            beginning=Left("content", EXCERPT),
            cut=GreaterThan(Length("content"), EXCERPT),
        ).order_by("created_at", "pk")
        super().__init__(*args, queryset=latest, instance=instance, **kwargs)

    @property
    def rows(self):
        """Yield each message with the name of its author."""
        name_author = AuthorNames()
        for form in self.initial_forms:
            yield form.instance, name_author(form.instance)

    def is_valid(self):
        return True

    def save(self, commit=True):
        return []


class MessageInline(admin.TabularInline):
    """Messages on their session's page; each has its own page for changes."""

    model = Message
    formset = LatestMessages
    template = "admin/sessions_app/session/messages.html"
    fields = ["role", "created_at"]
    readonly_fields = fields
    extra = 0
    can_delete = False

    def has_add_permission(self, request, obj=None):
        return False

    def has_change_permission(self, request, obj=None):
        return False


class RoleFilter(admin.SimpleListFilter):
    """Filter by author role; for organisers "You" would be the wrong word."""

    title = gettext_lazy("role")
    parameter_name = "role"

    def lookups(self, request, model_admin):
        return ROLES

    def queryset(self, request, queryset):
        return queryset.filter(role=self.value()) if self.value() in Message.Role else queryset


@admin.register(Message)
class MessageAdmin(OldMetadataMixin, CampModelAdmin):
    """Messages of all sessions."""

    list_display = ["beginning", "role_name", "created_at", "edited_at", "deleted_at"]
    list_filter = [("session", ChosenFilter), RoleFilter, TrashFilter, "created_at"]
    list_select_related = ["session__user", "author"]
    search_fields = ["search_text__contains", "id__exact", "session__session_id__exact"]
    in_site_search = True
    sortable_by = ["created_at"]
    ordering = ["-created_at", "-id"]
    autocomplete_fields = ["session"]
    fields = [
        *("session", "role", "author", "content", "created_at", "edited_at"),
        *("deleted_at", "deleted_by"),
    ]
    readonly_fields = ["author", "created_at", "edited_at", "deleted_at", "deleted_by"]
    front_page_days_label = gettext_lazy("Messages written")

    @exported("content")
    @admin.display(description=gettext_lazy("message"))
    def beginning(self, message):
        """Return the first words of the message."""
        return Truncator(message.content).chars(80)

    def autocomplete_label(self, message):
        """Return the first words, with the session."""
        return f"{self.beginning(message)} ({message.session})"

    @admin.display(description=gettext_lazy("role"))
    def role_name(self, message):
        """Return who speaks."""
        return role_name(message)

    def formfield_for_choice_field(self, db_field, request, **kwargs):
        kwargs["choices"] = ROLES
        return super().formfield_for_choice_field(db_field, request, **kwargs)

    def get_list_display(self, request):
        beginning, *rest = super().get_list_display(request)
        names = ["author", "session", "session__user"]
        links = [link_to(self, request, name) for name in names]
        return [beginning, *links, *rest]

    def save_model(self, request, obj, form, change):
        if change and "content" in form.changed_data:
            obj.edited_at = timezone.now()
        lock_rows(Session.objects.filter(pk=obj.session_id))
        super().save_model(request, obj, form, change)
        if not change or "content" in form.changed_data:
            obj.session.touch()

    def delete_model(self, request, obj):
        super().delete_model(request, obj)
        mark_changed_on_commit([obj.session_id])

    def delete_queryset(self, request, queryset):
        sessions = set(queryset.values_list("session_id", flat=True))
        super().delete_queryset(request, queryset)
        mark_changed_on_commit(sessions)

    def related_counts(self, model):
        """Return the number of a session's messages."""
        if model is not Session:
            return []
        url = self.list_url(f"?{filter_parameter('session')}=")
        return [
            RelatedCount(
                "messages_held", _("Messages"), CappedCount(Message.objects, "session"), url=url
            ),
        ]

    def front_page_numbers(self):
        """Return the number of messages."""
        return Message.objects.count()

    def front_page_figures(self, number):
        """Return the number of messages for the front page."""
        return [Figure(_("Messages"), readable_number(number), url=self.list_url())]

    def front_page_days(self, since):
        """Return recent messages for the front page."""
        return counts_by_day(Message.objects.all(), "created_at", since)


def role_name(message):
    """Return who speaks, in the words of an organiser."""
    return dict(ROLES).get(message.role, message.role)
