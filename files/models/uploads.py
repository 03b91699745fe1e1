"""Uploads that can be resumed."""

import base64
import re
import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from camp.fs.filenames import MAX_FOLDER
from files.models.files import File
from sessions_app.models import Session


class UploadQuerySet(models.QuerySet):
    """Uploads by owner."""

    def unfinished(self, user):
        """Return a user's uploads that can be resumed, the newest first."""
        unexpired = self.filter(user=user, file=None, expires_at__gt=timezone.now())
        return unexpired.order_by("-created_at", "pk")


# In Upload-Metadata: the SHA-256 of the whole file, in hex, in base64.
ANNOUNCED_SHA256 = re.compile(r"(?:^|,) *sha256 +([A-Za-z0-9+/=]+) *(?:,|$)")


class Upload(models.Model):
    """A resumable upload; its bytes are an UploadPart."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="uploads", verbose_name=_("user")
    )
    session = models.ForeignKey(
        Session, models.SET_NULL, related_name="uploads", null=True, verbose_name=_("session")
    )
    filename = models.CharField(_("name"), max_length=255)
    folder = models.CharField(_("folder"), max_length=MAX_FOLDER, null=True)
    content_type = models.CharField(_("type"), max_length=100)
    # Upload-Metadata as the client sent it; HEAD returns it.
    metadata = models.TextField(default="")
    length = models.BigIntegerField(_("size"))  # bytes
    # Bytes known to be synced.
    offset = models.BigIntegerField(default=0)
    # Set once all bytes have arrived, before they move: a crash in between can be repaired.
    storage_path = models.CharField(max_length=500, default="")
    sha256 = models.CharField("SHA-256", max_length=64, default="")
    # The file whose content it replaces; None for a new file.
    replaces = models.ForeignKey(
        File,
        models.SET_NULL,
        related_name="replacements",
        null=True,
        verbose_name=_("file to replace"),
    )
    file = models.ForeignKey(
        File, models.CASCADE, related_name="uploads", null=True, verbose_name=_("file")
    )
    created_at = models.DateTimeField(_("begun"), auto_now_add=True)
    # When its file counts as uploaded, by its place in a batch; None: at its end.
    file_created_at = models.DateTimeField(null=True, editable=False)
    # The sweep looks for expired ones.
    expires_at = models.DateTimeField(db_index=True)

    objects = UploadQuerySet.as_manager()

    class Meta:
        db_table = "camp_uploads"
        verbose_name = _("unfinished upload")
        verbose_name_plural = _("unfinished uploads")
        indexes = [
            # The list of organisers.
            models.Index("created_at", "id", condition=Q(file=None), name="camp_uploads_unfinished")
        ]

    def __str__(self):
        return self.filename

    def get_absolute_url(self):
        """Return the address for the bytes."""
        return reverse("uploads:upload", args=[self.pk])

    @property
    def path(self):
        """Return its name, after its folder if it has one."""
        return f"{self.folder}/{self.filename}" if self.folder else self.filename

    def accepts(self, sha256):
        """Return whether its client announced this SHA-256 (hex) for the file, or none."""
        match = ANNOUNCED_SHA256.search(self.metadata)
        announced = base64.b64decode(match[1]).decode("latin-1").strip().lower() if match else ""
        return sha256 == announced or not re.fullmatch("[0-9a-f]{64}", announced)

    def as_file(self):
        """Return the File that it becomes once its bytes are in the storage, not saved."""
        return File(
            user_id=self.user_id,
            filename=self.filename,
            folder=self.folder,
            content_type=self.content_type,
            size=self.length,
            sha256=self.sha256,
            storage_path=self.storage_path,
            session=self.session,
            created_at=self.file_created_at or timezone.now(),
        )
