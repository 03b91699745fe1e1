"""Files: a row here, the bytes in storage."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from camp.search import SearchTextField, normalise
from camp.trash import OwnedQuerySet, Trashable
from files.kinds import Kind
from sessions_app.models import Session


class FileQuerySet(OwnedQuerySet):
    """Files, their owner's, searched and filtered."""

    def search(self, text):
        """Return the files whose name holds every word of `text`."""
        found = self
        for word in normalise(text).split():
            found = found.filter(search_text__contains=word)
        return found

    def of_kind(self, kind):
        """Return the files of a kind (`files.kinds.Kind`)."""
        return self.filter(Kind(kind).condition())


class File(Trashable):
    """A file that somebody keeps."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        related_name="files",
        # Without an owner only organisers see it; the old backend left such rows.
        null=True,
        # The list's indexes below begin with it.
        db_index=False,
        verbose_name=_("user"),
    )
    filename = models.CharField(_("name"), max_length=255)
    content_type = models.CharField(_("type"), max_length=100, default="application/octet-stream")
    size = models.BigIntegerField(_("size"))  # bytes
    # Relative to the storage root and opaque; a name that a person gave is never part of it.
    storage_path = models.CharField(_("storage path"), max_length=500, editable=False)
    created_at = models.DateTimeField(_("uploaded"), auto_now_add=True)
    session = models.ForeignKey(
        Session,
        models.SET_NULL,
        related_name="files",
        null=True,
        blank=True,
        verbose_name=_("session"),
    )
    sha256 = models.CharField("SHA-256", max_length=64, default="", blank=True, editable=False)
    search_text = SearchTextField(source="filename", limit=255)

    objects = FileQuerySet.as_manager()

    class Meta:
        db_table = "sample_files"
        verbose_name = _("file")
        verbose_name_plural = _("files")
        # One for each order of the list, one for the trash; the sweep looks bytes up by path.
        indexes = [
            models.Index(
                F("user"), F("created_at").desc(), F("id").desc(), name="sample_files_newest"
            ),
            models.Index("user", "search_text", "id", name="sample_files_name"),
            models.Index("user", "size", "id", name="sample_files_size"),
            models.Index("storage_path", name="sample_files_path"),
            models.Index(
                F("user"),
                F("deleted_at").desc(),
                F("id").desc(),
                condition=Q(deleted_at__isnull=False),
                name="sample_files_trash",
            ),
        ]

    def __str__(self):
        return self.filename

    def get_absolute_url(self):
        """Return the address of the file's page."""
        return reverse("files:detail", args=[self.pk])

    @property
    def kind(self):
        """Return the file's `files.kinds.Kind`."""
        return Kind.of(self.content_type)


class Upload(models.Model):
    """A file that is coming in over several requests; its bytes are a `files.parts.Part`."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="uploads", verbose_name=_("user")
    )
    session = models.ForeignKey(
        Session, models.SET_NULL, related_name="uploads", null=True, verbose_name=_("session")
    )
    filename = models.CharField(_("name"), max_length=255)
    content_type = models.CharField(_("type"), max_length=100)
    # As the client sent it, to whom it is given back.
    metadata = models.TextField(default="")
    length = models.BigIntegerField(_("size"))  # bytes
    # Of these it is known that the disk has them.
    offset = models.BigIntegerField(default=0)
    # Set once all bytes are here, before they move: after a crash they are found again.
    storage_path = models.CharField(max_length=500, default="")
    sha256 = models.CharField("SHA-256", max_length=64, default="")
    file = models.OneToOneField(
        File, models.SET_NULL, related_name="upload", null=True, verbose_name=_("file")
    )
    created_at = models.DateTimeField(_("begun"), auto_now_add=True)
    # The sweep looks for those that are over.
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "camp_uploads"
        verbose_name = _("unfinished upload")
        verbose_name_plural = _("unfinished uploads")

    def __str__(self):
        return self.filename

    def get_absolute_url(self):
        """Return the address to which the bytes are sent."""
        return reverse("uploads:upload", args=[self.pk])


class Quota(models.Model):
    """How much room somebody has, where it is not what everybody has."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        primary_key=True,
        related_name="quota",
        verbose_name=_("user"),
    )
    limit = models.BigIntegerField(_("room"), null=True, blank=True)  # bytes; None: no limit

    class Meta:
        db_table = "camp_quotas"
        verbose_name = _("quota")
        verbose_name_plural = _("quotas")

    def __str__(self):
        return str(self.user)


class Reservation(models.Model):
    """Room for the files of a form that is just coming in."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="reservations")
    size = models.BigIntegerField()  # bytes
    # One that nobody renewed for long belongs to a server that was killed.
    renewed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "camp_reservations"

    def __str__(self):
        return f"{self.size} ({self.user_id})"
