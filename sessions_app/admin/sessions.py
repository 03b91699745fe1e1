"""Sessions in the admin."""

from django.contrib import admin
from django.db import connection, transaction
from django.db.models import Count, F, OuterRef, Q, Subquery
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from camp.admin.bulk_edit import HandOverMixin
from camp.admin.dashboard import (
    COUNTED,
    Figure,
    counts_by_day,
    readable_capped_count,
    readable_number,
)
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
from camp.db.row_locks import lock_rows
from sessions_app.admin.forms import FilesField, NewSessionOwnerForm, SessionForm
from sessions_app.admin.members import MemberInline, SharingFilter
from sessions_app.admin.messages import MessageInline
from sessions_app.admin.reading import ReadingMixin
from sessions_app.forms import TitleField
from sessions_app.hand_over import hand_over_session
from sessions_app.models import Member, Message, Session
from sessions_app.revisions import mark_changed


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
    list_filter = [
        ("user", ChosenFilter),
        ("members__user", ChosenFilter),
        OwnerFilter,
        SharingFilter,
        TrashFilter,
        "updated_at",
        "created_at",
    ]
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
    inlines = [MemberInline, MessageInline]
    front_page_days_label = gettext_lazy("Sessions started")
    actions = ["trash_selected", "restore_selected", "purge_selected", "hand_over_selected"]
    new_owner_form = NewSessionOwnerForm
    form = SessionForm

    def get_object(self, request, object_id, from_field=None):
        """Return a session, locked if it is to be changed or deleted."""
        found = super().get_object(request, object_id, from_field)
        if not found or request.method != "POST" or not connection.in_atomic_block:
            return found
        lock_rows(Session.objects.filter(pk=found.pk))
        return super().get_object(request, object_id, from_field)

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

    def save_formset(self, request, form, formset, change):
        """Save members, with who added them, and tell open pages of the session."""
        for member in formset.save(commit=False) if formset.model is Member else ():
            if member._state.adding:
                member.added_by = request.user
        formset.save()
        if change and formset.has_changed():
            mark_changed([form.instance.pk])

    def save_model(self, request, obj, form, change):
        if change:
            # In the statement itself: messages may have come since the form was opened.
            obj.revision = F("revision") + 1
        is_handed_over = change and "user" in form.changed_data
        if is_handed_over:
            # Handing over needs to know who the owner was.
            obj.user_id = form.initial["user"]
        super().save_model(request, obj, form, change)
        if is_handed_over:
            self.hand_over_saved(request, obj, form)

    def hand_over_notes(self, form):
        """Return what became of the files."""
        notes = {
            FilesField.MOVE: gettext_lazy("The files of the session went along."),
            FilesField.LEAVE: gettext_lazy(
                "The files stayed with their owner and left the session."
            ),
        }
        return [notes[form.cleaned_data["files"]]] if form.cleaned_data["files"] else []

    def trash_notes(self):
        """Return what becomes of the files."""
        return [_("The files of a session stay in the library.")]

    def hand_over(self, sessions, user, form):
        """Give sessions to another user, all or none of them."""
        with transaction.atomic():
            keys = lock_rows(Session.objects.filter(pk__in=[session.pk for session in sessions]))
            for session in sessions:
                if session.pk in keys:  # not deleted meanwhile
                    hand_over_session(session, user, files=form.cleaned_data["files"])

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
            RelatedCount(
                "sessions_joined",
                _("Member of"),
                CappedCount(Member.objects, "user"),
                url=self.list_url(f"?{filter_parameter('members__user')}="),
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
