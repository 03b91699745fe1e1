"""Sessions and their messages."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from camp.db.old_metadata import OldMetadata
from camp.db.search_text import SearchTextField, search_words
from camp.db.soft_delete import MarkedDeletionModel, OwnedQuerySet, SoftDeleteModel


def new_session_id():
    """Return a new public identifier: an unguessable UUID of 36 characters."""
    return str(uuid.uuid4())


class SessionQuerySet(OwnedQuerySet):
    """Visibility and search of sessions."""

    def for_list(self):
        """Read only what a list shows: the rest costs as much again, and metadata may be long."""
        return self.only("id", "session_id", "title", "updated_at")

    def trashed_by(self, user):
        """Return the user's sessions in the trash, without those that are being deleted."""
        return super().trashed_by(user).filter(deletion_started_at=None)

    def search(self, text):
        """Return the sessions that contain every word of `text`, in the title or the messages."""
        found = self
        for word in search_words(text):
            said = Message.objects.filter(session=OuterRef("pk"), search_text__contains=word)
            found = found.filter(Q(search_text__contains=word) | Exists(said))
        return found


class Session(OldMetadata, SoftDeleteModel, MarkedDeletionModel):
    """A titled log of messages."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        related_name="sessions",
        # NULL in rows of the old backend: visible to organisers only.
        null=True,
        # The list's index below starts with it.
        db_index=False,
        verbose_name=_("user"),
    )
    session_id = models.CharField(
        _("session ID"), max_length=255, unique=True, default=new_session_id, editable=False
    )
    title = models.CharField(_("title"), max_length=255, default="", blank=True)
    created_at = models.DateTimeField(_("started"), auto_now_add=True)
    updated_at = models.DateTimeField(_("last change"), auto_now=True)
    search_text = SearchTextField(source="title", limit=255)

    objects = SessionQuerySet.as_manager()

    class Meta:
        db_table = "sample_sessions"
        verbose_name = _("session")
        verbose_name_plural = _("sessions")
        # For keyset pages of the list; its first column serves the foreign key's cascade.
        indexes = [
            models.Index(
                F("user"), F("updated_at").desc(), F("id").desc(), name="sample_sessions_newest"
            ),
            models.Index(
                F("user"),
                F("deleted_at").desc(),
                F("id").desc(),
                condition=Q(deleted_at__isnull=False),
                name="sample_sessions_trash",
            ),
            # For organisers, who see everyone's: the orders and the filter of their list.
            models.Index("created_at", "id", name="sample_sessions_all_created"),
            models.Index("updated_at", "id", name="sample_sessions_all_updated"),
            models.Index("search_text", "id", name="sample_sessions_all_titles"),
            models.Index("deleted_at", "created_at", "id", name="sample_sessions_all_trash"),
        ]

    def __str__(self):
        return self.title or str(_("Untitled session"))

    def get_absolute_url(self):
        """Return the URL of the session's page."""
        return reverse("sessions:detail", args=[self.session_id])

    def touch(self):
        """Move the session to the top of the list, as after a new message."""
        self.save(update_fields=["updated_at"])


class MessageQuerySet(models.QuerySet):
    """Visibility of messages."""

    def visible_to(self, user):
        """Return the messages of the user's own sessions."""
        return self.filter(session__user=user, session__deleted_at=None)


class Message(OldMetadata):
    """One entry of a session."""

    class Role(models.TextChoices):
        """The author; the last two come with sessions of the old backend."""

        USER = "user", _("You")
        ASSISTANT = "assistant", _("Assistant")
        SYSTEM = "system", _("System")

    session = models.ForeignKey(
        Session,
        models.CASCADE,
        related_name="messages",
        db_index=False,
        verbose_name=_("session"),
    )
    role = models.CharField(_("role"), max_length=20, choices=Role.choices, default=Role.USER)
    content = models.TextField(_("message"))
    created_at = models.DateTimeField(_("written"), auto_now_add=True)
    edited_at = models.DateTimeField(_("edited"), null=True, blank=True, editable=False)
    search_text = SearchTextField(source="content")

    objects = MessageQuerySet.as_manager()

    class Meta:
        db_table = "sample_messages"
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        # For the session's page, which reads messages in this order.
        indexes = [
            models.Index("session", "created_at", "id", name="sample_messages_order"),
            # For the list of organisers, and its filter.
            models.Index("created_at", "id", name="sample_messages_all_created"),
            models.Index("role", "created_at", "id", name="sample_messages_all_roles"),
        ]

    def __str__(self):
        return self.content[:60]
