"""Sessions and messages in the admin."""

from django import forms
from django.contrib import admin
from django.db import transaction
from django.db.models import Count, F, OuterRef, Q, Subquery
from django.db.models.functions import Left, Length
from django.db.models.lookups import GreaterThan
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from camp.admin.bulk_edit import HandOverMixin, NewOwnerForm
from camp.admin.dashboard import (
    COUNTED,
    Figure,
    counts_by_day,
    readable_capped_count,
    readable_number,
)
from camp.admin.export import exported
from camp.admin.filters.choices import ChosenFilter, OwnerFilter, TrashFilter, filter_parameter
from camp.admin.metadata import OldMetadataMixin
from camp.admin.model_admin import (
    CampModelAdmin,
    CappedCount,
    RelatedCount,
    RelatedCountsMixin,
)
from camp.admin.purge import TrashFirstMixin
from camp.admin.search import OWNER_FIELDS
from camp.admin.visibility import link_to
from sessions_app.admin_reading import ROLES, ReadingMixin
from sessions_app.forms import TitleField
from sessions_app.hand_over import hand_over_session
from sessions_app.models import Message, Session
from sessions_app.reading import AuthorNames

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


class FilesField(forms.ChoiceField):
    """What becomes of the files of a session that gets another owner."""

    MOVE, LEAVE = "move", "leave"
    CHOICES = [
        (MOVE, gettext_lazy("The files of the session go along")),
        (LEAVE, gettext_lazy("The files stay with their owner and leave the session")),
    ]

    def __init__(self, **options):
        super().__init__(
            label=gettext_lazy("Files"),
            choices=self.CHOICES,
            widget=forms.RadioSelect,
            **options,
        )


class NewSessionOwnerForm(NewOwnerForm):
    """The choice of a new owner, and of what becomes of the files."""

    files = FilesField(initial=FilesField.MOVE)

    def __init__(self, model_admin, request, data=None):
        super().__init__(model_admin, request, data)
        files = model_admin.files_admin
        if not files.has_change_permission(request):
            self.fields["files"].choices = FilesField.CHOICES[1:]
            self.initial["files"] = FilesField.LEAVE


class SessionForm(forms.ModelForm):
    """A session; a new owner has the form ask what becomes of the files."""

    files = FilesField(required=False)
    # Set by the admin for each request.
    files_admin = None
    may_move_files = False

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        if not self.may_move_files:
            self.fields["files"].choices = FilesField.CHOICES[1:]

    def clean(self):
        cleaned = super().clean()
        user = cleaned.get("user")
        if not self.instance.pk or user is None or "user" not in self.changed_data:
            return cleaned
        files = self.instance.files.exclude(user=user)
        if "files" not in self.errors and not cleaned.get("files") and files.exists():
            sentence = _("There are files in this session (%(files)s). What becomes of them?")
            self.add_error("files", sentence % {"files": self.files_admin.bulk_note(files)})
        return cleaned


@admin.register(Session)
class SessionAdmin(
    ReadingMixin,
    OldMetadataMixin,
    TrashFirstMixin,
    HandOverMixin,
    RelatedCountsMixin,
    CampModelAdmin,
):
    """Sessions with their last messages."""

    list_display = ["title_or_none", "created_at", "updated_at"]
    list_filter = [("user", ChosenFilter), OwnerFilter, TrashFilter, "updated_at", "created_at"]
    list_select_related = ["user"]
    search_fields = [
        "search_text__contains",
        "id__exact",
        "session_id__exact",
        "messages__search_text__contains",
        *OWNER_FIELDS,
    ]
    in_site_search = True
    sortable_by = ["title_or_none", "created_at", "updated_at"]
    ordering = ["-created_at", "-id"]
    autocomplete_fields = ["user"]
    fieldsets = [
        (None, {"fields": ["title", "user", "session_id"]}),
        (gettext_lazy("Dates"), {"fields": ["created_at", "updated_at", "deleted_at"]}),
    ]
    readonly_fields = ["session_id", "created_at", "updated_at", "deleted_at"]
    inlines = [MessageInline]
    front_page_days_label = gettext_lazy("Sessions started")
    actions = ["trash_selected", "restore_selected", "purge_selected", "hand_over_selected"]
    new_owner_form = NewSessionOwnerForm
    form = SessionForm

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

    @property
    def files_admin(self):
        """Return the admin of files: a higher layer, known by its relation only."""
        return self.admin_site.get_model_admin(Session._meta.get_field("files").related_model)

    def bulk_note(self, queryset):
        """Return the number of some sessions, and of their files with the bytes."""
        files = self.files_admin.bulk_note(
            self.files_admin.model.objects.filter(session__in=queryset)
        )
        return f"{super().bulk_note(queryset)} ({files})"

    def purge_note(self, queryset):
        """Return the number of some sessions, and of their messages."""
        messages = Message.objects.filter(session__in=queryset)[: COUNTED + 1].count()
        sentence = ngettext(
            "%(sessions)s (%(count)s message)", "%(sessions)s (%(count)s messages)", messages
        )
        return sentence % {
            "sessions": super().bulk_note(queryset),
            "count": readable_capped_count(messages),
        }

    def get_form(self, request, obj=None, change=False, **kwargs):
        form = super().get_form(request, obj, change=change, **kwargs)
        form.files_admin = self.files_admin
        form.may_move_files = self.files_admin.has_change_permission(request)
        return form

    def get_fieldsets(self, request, obj=None):
        """Return the fieldsets, with the question about the files if the owner is another."""
        fieldsets = super().get_fieldsets(request, obj)
        if not obj or request.POST.get("user", "") in ("", str(obj.user_id)):
            return fieldsets
        (title, options), *rest = fieldsets
        return [(title, options | {"fields": [*options["fields"], "files"]}), *rest]

    def save_model(self, request, obj, form, change):
        super().save_model(request, obj, form, change)
        if change and "user" in form.changed_data:
            self.hand_over_saved(request, obj, form)

    def hand_over_notes(self, form):
        """Return what became of the files."""
        notes = {
            FilesField.MOVE: _("The files of the session went along."),
            FilesField.LEAVE: _("The files stayed with their owner and left the session."),
        }
        return [notes[form.cleaned_data["files"]]] if form.cleaned_data["files"] else []

    def trash_notes(self):
        """Return what becomes of the files."""
        return [_("The files of a session stay in the library.")]

    def hand_over(self, sessions, user, form):
        """Give sessions to another user, all or none of them."""
        with transaction.atomic():
            for session in sessions:
                with_files = form.cleaned_data["files"] == FilesField.MOVE
                hand_over_session(session, user, with_files=with_files)

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

    def front_page_numbers(self):
        """Return the numbers of all sessions and of those in the trash."""
        return Session.objects.aggregate(
            all=Count("pk"), trashed=Count("pk", filter=Q(deleted_at__isnull=False))
        )

    def activity_time(self):
        """Return an expression for the time of a user's last change of a session."""
        sessions = Session.objects.filter(user=OuterRef("pk")).order_by("-updated_at", "-id")
        return Subquery(sessions.values("updated_at")[:1])

    def front_page_figures(self, numbers):
        """Return the number of sessions for the front page."""
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

    def front_page_days(self, since):
        """Return recent sessions for the front page."""
        return counts_by_day(Session.objects.all(), "created_at", since)


@admin.register(Message)
class MessageAdmin(OldMetadataMixin, CampModelAdmin):
    """Messages of all sessions."""

    list_display = ["beginning", "role_name", "created_at", "edited_at"]
    list_filter = [("session", ChosenFilter), RoleFilter, "created_at"]
    list_select_related = ["session__user", "author"]
    search_fields = ["search_text__contains", "id__exact", "session__session_id__exact"]
    in_site_search = True
    sortable_by = ["created_at"]
    ordering = ["-created_at", "-id"]
    autocomplete_fields = ["session"]
    fields = ["session", "role", "author", "content", "created_at", "edited_at"]
    readonly_fields = ["author", "created_at", "edited_at"]
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
