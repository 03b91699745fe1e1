"""Sessions and messages in the admin."""

from django import forms
from django.contrib import admin
from django.db.models import Count, Q
from django.db.models.functions import Left, Length
from django.db.models.lookups import GreaterThan
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from camp.admin.dashboard import Figure, Series, counts_by_day, readable_number
from camp.admin.filters import ChosenFilter, OwnerFilter, TrashFilter, filter_parameter
from camp.admin.metadata import OldMetadataMixin
from camp.admin.model_admin import (
    CampModelAdmin,
    CappedCount,
    RelatedCount,
    RelatedCountsMixin,
    RestoreFromTrashMixin,
    link_to,
)
from camp.admin.search import OWNER_FIELDS
from sessions_app.forms import TitleField
from sessions_app.models import Message, Session

ROLES = [
    (Message.Role.USER, gettext_lazy("User")),
    (Message.Role.ASSISTANT, gettext_lazy("Assistant")),
    (Message.Role.SYSTEM, gettext_lazy("System")),
]
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
            beginning=Left("content", EXCERPT), cut=GreaterThan(Length("content"), EXCERPT)
        ).order_by("created_at", "pk")
        super().__init__(*args, queryset=latest, instance=instance, **kwargs)

    @property
    def rows(self):
        """Yield each message with the word for its role."""
        for form in self.initial_forms:
            yield form.instance, role_name(form.instance)

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


@admin.register(Session)
class SessionAdmin(OldMetadataMixin, RestoreFromTrashMixin, RelatedCountsMixin, CampModelAdmin):
    """Sessions with their last messages."""

    list_display = ["title_or_none", "created_at", "updated_at"]
    list_filter = [("user", ChosenFilter), OwnerFilter, TrashFilter, "updated_at", "created_at"]
    list_select_related = ["user"]
    search_fields = [
        "search_text__contains",
        "id__exact",
        "session_id__exact",
        *OWNER_FIELDS,
    ]
    search_help_text = gettext_lazy("Searches titles, session IDs, user names and e-mails.")
    sortable_by = ["title_or_none", "created_at", "updated_at"]
    ordering = ["-created_at", "-id"]
    autocomplete_fields = ["user"]
    fieldsets = [
        (None, {"fields": ["title", "user", "session_id"]}),
        (gettext_lazy("Dates"), {"fields": ["created_at", "updated_at", "deleted_at"]}),
    ]
    readonly_fields = ["session_id", "created_at", "updated_at", "deleted_at"]
    inlines = [MessageInline]

    def get_queryset(self, request):
        """Return the sessions without those that are being deleted."""
        return super().get_queryset(request).filter(deletion_started_at=None)

    @admin.display(description=gettext_lazy("title"), ordering="search_text")
    def title_or_none(self, session):
        """Return the title, or a placeholder for a session without one."""
        return str(session)

    def formfield_for_dbfield(self, db_field, request, **kwargs):
        if db_field.name == "title":
            kwargs["form_class"] = TitleField
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def get_list_display(self, request):
        title, *rest = super().get_list_display(request)
        return [title, link_to(self, request, "user"), *rest]

    def autocomplete_label(self, session):
        """Return the title with owner and date, because titles repeat."""
        started = date_format(timezone.localtime(session.created_at), "DATE_FORMAT")
        return f"{session} ({session.user or _('nobody')}, {started})"

    def get_inlines(self, request, obj):
        return super().get_inlines(request, obj) if obj else []

    def related_counts(self, model):
        """Return the number of a user's sessions."""
        if model is not Session._meta.get_field("user").remote_field.model:
            return []
        url = self.list_url(f"?{filter_parameter('user')}=")
        return [
            RelatedCount(
                "sessions_kept", _("Sessions"), CappedCount(Session.objects, "user"), url=url
            ),
        ]

    def front_page_figures(self, request):
        """Return the number of sessions for the front page."""
        numbers = self.cached_for_front_page("figures", count_sessions)
        note = ngettext("%(count)s in the trash", "%(count)s in the trash", numbers["trashed"])
        note = note % {"count": readable_number(numbers["trashed"])}
        return [
            Figure(
                _("Sessions"),
                readable_number(numbers["all"]),
                note if numbers["trashed"] else "",
                self.list_url(),
            )
        ]

    def front_page_days(self, request, since):
        """Return recent sessions for the front page."""
        counts = self.cached_days(
            since, lambda: counts_by_day(Session.objects.all(), "created_at", since)
        )
        return Series(_("Sessions started"), counts)


@admin.register(Message)
class MessageAdmin(OldMetadataMixin, CampModelAdmin):
    """Messages of all sessions."""

    list_display = ["beginning", "role_name", "created_at", "edited_at"]
    list_filter = [("session", ChosenFilter), RoleFilter, "created_at"]
    list_select_related = ["session__user"]
    search_fields = ["search_text__contains", "id__exact", "session__session_id__exact"]
    search_help_text = gettext_lazy("Searches the text of the messages, and session IDs.")
    sortable_by = ["created_at"]
    ordering = ["-created_at", "-id"]
    autocomplete_fields = ["session"]
    fields = ["session", "role", "content", "created_at", "edited_at"]
    readonly_fields = ["created_at", "edited_at"]

    @admin.display(description=gettext_lazy("message"))
    def beginning(self, message):
        """Return the first words of the message."""
        return Truncator(message.content).chars(80)

    @admin.display(description=gettext_lazy("role"))
    def role_name(self, message):
        """Return who speaks."""
        return role_name(message)

    def formfield_for_choice_field(self, db_field, request, **kwargs):
        kwargs["choices"] = ROLES
        return super().formfield_for_choice_field(db_field, request, **kwargs)

    def get_list_display(self, request):
        beginning, *rest = super().get_list_display(request)
        return [beginning, link_to(self, request, "session"), *rest]

    def save_model(self, request, obj, form, change):
        if change and "content" in form.changed_data:
            obj.edited_at = timezone.now()
        super().save_model(request, obj, form, change)
        if not change or "content" in form.changed_data:
            obj.session.touch()

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

    def front_page_figures(self, request):
        """Return the number of messages for the front page."""
        number = self.cached_for_front_page("figures", Message.objects.count)
        return [Figure(_("Messages"), readable_number(number), url=self.list_url())]

    def front_page_days(self, request, since):
        """Return recent messages for the front page."""
        counts = self.cached_days(
            since, lambda: counts_by_day(Message.objects.all(), "created_at", since)
        )
        return Series(_("Messages written"), counts)


def count_sessions():
    """Return the numbers of all sessions and of those in the trash."""
    return Session.objects.aggregate(
        all=Count("pk"), trashed=Count("pk", filter=Q(deleted_at__isnull=False))
    )


def role_name(message):
    """Return who speaks, in the words of an organiser."""
    return dict(ROLES).get(message.role, message.role)
