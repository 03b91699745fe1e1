"""Sessions and their messages."""

import uuid

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Exists, ExpressionWrapper, F, OuterRef, Q, Subquery
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from camp.db.old_metadata import OldMetadata
from camp.db.planner_hints import InSubquery
from camp.db.search_text import SearchTextField, search_words
from camp.db.soft_delete import (
    MarkedDeletionModel,
    OwnedQuerySet,
    SoftDeleteModel,
    SoftDeleteQuerySet,
)


def session_name(title):
    """Return the name of a session with that title."""
    return title or str(_("Untitled session"))


def new_session_id():
    """Return a new public identifier: an unguessable UUID of 36 characters."""
    return str(uuid.uuid4())


class SessionQuerySet(OwnedQuerySet):
    """Visibility and search of sessions."""

    def for_list(self, **annotations):
        """Read what lists show, and `annotations`, as named tuples.

        Whole sessions take three times as long to read, and their metadata may be long.
        """
        fields = ("id", "session_id", "title", "updated_at", "announced_at", *annotations)
        return self.annotate(**annotations).values_list(*fields, named=True)

    def visible_to(self, user):
        """Return the sessions that the user owns or is a member of, outside the trash.

        For one session by its ID; a list joins `owned_by` and `shared_with`, each with its index.
        """
        membership = Member.objects.of(user).filter(session=OuterRef("pk"))
        return self.present().filter(Q(user=user) | Exists(membership))

    def shared_with(self, user):
        """Return the sessions of others that the user is a member of, outside the trash."""
        memberships = Subquery(Member.objects.of(user).values("session"))
        shared = self.present().filter(InSubquery(F("pk"), memberships))
        return shared.exclude(user=user)

    def announced_to(self, user):
        """Return the announcements, outside the trash, that the user has not read yet."""
        everyone = Member.objects.filter(session=OuterRef("pk"), user=None)
        read = ReadMark.objects.filter(
            session=OuterRef("pk"), user=user, read_up_to__gte=OuterRef("announced_at")
        )
        announced = self.present().filter(announced_at__isnull=False)
        return announced.filter(Exists(everyone), ~Exists(read))

    def shared(self):
        """Return the sessions that have members."""
        return self.filter(Exists(Member.objects.filter(session=OuterRef("pk"))))

    def with_rights(self, user):
        """Annotate `may_write`, whether the user may add messages and files, and `is_shared`."""
        membership = Member.objects.of(user).filter(session=OuterRef("pk"), may_write=True)
        may_write = Q(user=user) | Exists(membership)
        return self.annotate(
            may_write=ExpressionWrapper(may_write, models.BooleanField()),
            is_shared=Exists(Member.objects.filter(session=OuterRef("pk"))),
        )

    def writable_by(self, user):
        """Return the sessions to which the user may add, outside the trash; see `visible_to`."""
        return self.visible_to(user).with_rights(user).filter(may_write=True)

    def trashed_by(self, user):
        """Return the user's sessions in the trash, without those that are being deleted."""
        return super().trashed_by(user).filter(deletion_started_at=None)

    def search(self, text):
        """Return the sessions that contain every word of `text`, in the title or the messages."""
        found, said = self, Message.objects.present().filter(session=OuterRef("pk"))
        for word in search_words(text):
            has_word = Q(search_text__contains=word)
            found = found.filter(has_word | Exists(said.filter(has_word)))
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
    # Counts every change that an open page of the session shows; see `touch` and revisions.py.
    revision = models.BigIntegerField(default=0, editable=False)
    # Set while it stands on top of everyone's home page.
    announced_at = models.DateTimeField(_("announced"), null=True, blank=True, editable=False)
    search_text = SearchTextField(source="title", limit=255)

    objects = SessionQuerySet.as_manager()

    class Meta:
        db_table = "sample_sessions"
        verbose_name = _("session")
        verbose_name_plural = _("sessions")
        permissions = [
            ("share_with_everyone", "Can share with everyone and announce"),
        ]
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
            # For the home page.
            models.Index(
                "announced_at",
                condition=Q(announced_at__isnull=False),
                name="sample_sessions_announced",
            ),
        ]

    def __str__(self):
        return session_name(self.title)

    def get_absolute_url(self):
        """Return the URL of the session's page."""
        return reverse("sessions:detail", args=[self.session_id])

    def touch(self):
        """Move the session to the top of the list, as after a new message."""
        self.updated_at = timezone.now()
        Session.objects.filter(pk=self.pk).update(
            updated_at=self.updated_at, revision=F("revision") + 1
        )


class MemberQuerySet(models.QuerySet):
    """Members by the person whom they let in."""

    def of(self, user):
        """Return the rows that let the user into a session, by name or as one of everyone."""
        return self.filter(Q(user=user) | Q(user=None))


class Member(models.Model):
    """Somebody who sees a session of somebody else; without a user, everyone does."""

    session = models.ForeignKey(
        Session,
        models.CASCADE,
        related_name="members",
        # The unique constraints below begin with it.
        db_index=False,
        verbose_name=_("session"),
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        related_name="memberships",
        null=True,
        blank=True,
        # The index below begins with it.
        db_index=False,
        verbose_name=_("user"),
        help_text=_("Without a user: everyone who has an account."),
    )
    may_write = models.BooleanField(_("may write"), default=False)
    added_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        related_name="+",
        null=True,
        blank=True,
        editable=False,
        verbose_name=_("added by"),
    )
    added_at = models.DateTimeField(_("added"), auto_now_add=True)

    objects = MemberQuerySet.as_manager()

    class Meta:
        db_table = "camp_session_members"
        verbose_name = _("member")
        verbose_name_plural = _("members")
        constraints = [
            models.UniqueConstraint(
                fields=["session", "user"],
                name="camp_session_members_once",
                violation_error_message=_("This user is a member already."),
            ),
            models.UniqueConstraint(
                fields=["session"],
                condition=Q(user=None),
                name="camp_session_members_everyone",
                violation_error_message=_("Everyone is a member already."),
            ),
        ]
        # For what one sees.
        indexes = [models.Index("user", "session", name="camp_session_members_user")]

    def __str__(self):
        return str(self.user or _("Everyone here"))

    def clean(self):
        """Refuse the owner."""
        if self.user_id and self.user_id == self.session.user_id:
            raise ValidationError({"user": _("The owner needs no membership.")})


class ReadMark(models.Model):
    """Up to where somebody has read a session.

    Apart from Member: owners, and those who see a session as one of everyone, have none there.
    """

    session = models.ForeignKey(Session, models.CASCADE, related_name="read_marks", db_index=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="read_marks")
    # The time of the newest message that was shown.
    read_up_to = models.DateTimeField()

    class Meta:
        db_table = "camp_session_read_marks"
        constraints = [
            models.UniqueConstraint(fields=["session", "user"], name="camp_session_read_marks_once")
        ]

    def __str__(self):
        return f"{self.session_id} {self.user_id}"


class MessageQuerySet(SoftDeleteQuerySet):
    """Visibility of messages."""

    def visible_to(self, user):
        """Return the messages of the sessions that the user sees, without deleted ones."""
        session = Session.objects.visible_to(user).filter(pk=OuterRef("session"))
        return self.present().filter(Exists(session))

    def for_reading(self):
        """Read what a page shows, with `author_name`; search_text is as long as the content."""
        return self.defer("search_text").annotate(author_name=F("author__username"))


class Message(OldMetadata, SoftDeleteModel):
    """One entry of a session."""

    class Role(models.TextChoices):
        """Who speaks; the last two come with sessions of the old backend."""

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
    # NULL: no person (see the role), or somebody whose account was deleted.
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        related_name="messages",
        null=True,
        blank=True,
        editable=False,
        verbose_name=_("author"),
    )
    role = models.CharField(_("role"), max_length=20, choices=Role.choices, default=Role.USER)
    content = models.TextField(_("message"))
    created_at = models.DateTimeField(_("written"), auto_now_add=True)
    edited_at = models.DateTimeField(_("edited"), null=True, blank=True, editable=False)
    # The message that this one answers.
    reply_to = models.ForeignKey(
        "self",
        models.SET_NULL,
        related_name="replies",
        null=True,
        blank=True,
        editable=False,
        db_index=False,
        verbose_name=_("answer to"),
    )
    deleted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        related_name="+",
        null=True,
        blank=True,
        editable=False,
        db_index=False,
        verbose_name=_("deleted by"),
    )
    # Made by the form that sent it: the same message sent again is not stored twice.
    submission_id = models.UUIDField(null=True, editable=False)
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
            # For the deletion of the message that was answered.
            models.Index(
                "reply_to", condition=Q(reply_to__isnull=False), name="sample_messages_replies"
            ),
            # For the counts of sessions, for the sweep, and for the list of organisers.
            models.Index(
                "session",
                "deleted_at",
                condition=Q(deleted_at__isnull=False),
                name="sample_messages_trash",
            ),
            models.Index(
                "deleted_by", condition=Q(deleted_by__isnull=False), name="sample_messages_deleter"
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["session", "author", "submission_id"],
                condition=Q(submission_id__isnull=False),
                name="sample_messages_submission",
            )
        ]

    def __str__(self):
        return self.content[:60]

    def is_of(self, user):
        """Return whether `user`, or None, wrote it."""
        return user is not None and self.author_id == user.pk and self.role == self.Role.USER
