"""Files: a row here, the bytes in storage."""

import base64
import re
import secrets
import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Min, Prefetch, Q
from django.db.models.lookups import Exact
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from camp.db.old_metadata import OldMetadata
from camp.db.search_text import SearchTextField, search_rows
from camp.db.soft_delete import OwnedQuerySet, SoftDeleteModel
from files.content_types import Kind, KindOf, media_type
from sessions_app.models import Session


class FileQuerySet(OwnedQuerySet):
    """Files by owner, name and kind."""

    def search(self, text, owner=None):
        """Return the files whose names contain every word of `text`.

        With `owner`, only that user's, found by the search index: fast if few match.
        """
        return search_rows(self, text, owner and owner.pk)

    def of_kind(self, kind):
        """Return the files of a Kind."""
        return self.filter(Exact(KindOf("content_type"), Kind(kind).value))

    def same_as(self, file):
        """Return the owner's other files with the same bytes, the oldest first."""
        same = self.present().filter(user=file.user_id, size=file.size, sha256=file.sha256)
        is_known = bool(file.sha256 and file.user_id)
        return same.exclude(pk=file.pk).order_by("pk") if is_known else self.none()

    def earlier(self, files):
        """Return {file: the oldest file with the same bytes} for some files of one owner.

        Files without an older one are left out. One query.
        """
        hashed = [file for file in files if file.sha256 and file.user_id]
        if not hashed:
            return {}
        same = self.visible_to(hashed[0].user_id).filter(
            size__in={file.size for file in hashed}, sha256__in={file.sha256 for file in hashed}
        )
        first = same.values("sha256").annotate(first=Min("pk")).values("first")
        found = {file.sha256: file for file in self.filter(pk__in=first)}
        pairs = ((file, found.get(file.sha256)) for file in hashed)
        return {file: other for file, other in pairs if other and other.pk < file.pk}


class File(OldMetadata, SoftDeleteModel):
    """A file in somebody's library."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        related_name="files",
        # Files without an owner, from the old backend, are visible to organisers only.
        null=True,
        # The indexes of the list below begin with it.
        db_index=False,
        verbose_name=_("user"),
    )
    filename = models.CharField(_("name"), max_length=255)
    content_type = models.CharField(_("type"), max_length=100, default="application/octet-stream")
    size = models.BigIntegerField(_("size"))  # bytes
    # Relative to the storage root and opaque; never contains a name that a person chose.
    storage_path = models.CharField(_("storage path"), max_length=500, editable=False)
    created_at = models.DateTimeField(_("uploaded"), auto_now_add=True)
    # Time of the last replacement.
    replaced_at = models.DateTimeField(_("replaced"), null=True, editable=False)
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
        # One for each order of the list, one for rare kinds and kinds by size, one for the page of
        # a session, one for the trash, one for the sweep, which looks up paths. The index of the
        # search is in camp/db/bigram_index.py.
        indexes = [
            models.Index(
                F("user"), F("created_at").desc(), F("id").desc(), name="sample_files_newest"
            ),
            models.Index("user", "search_text", "id", name="sample_files_name"),
            models.Index("user", "size", "id", name="sample_files_size"),
            models.Index(
                F("user"), KindOf("content_type"), F("size"), F("id"), name="sample_files_kind"
            ),
            models.Index(
                F("session"),
                F("created_at").desc(),
                F("id").desc(),
                condition=Q(session__isnull=False),
                name="sample_files_session",
            ),
            models.Index("storage_path", name="sample_files_path"),
            models.Index(
                F("user"),
                F("deleted_at").desc(),
                F("id").desc(),
                condition=Q(deleted_at__isnull=False),
                name="sample_files_trash",
            ),
            # For organisers, who see everyone's: one for each order, one for each filter, and
            # one for a checksum that they search for.
            models.Index("created_at", "id", name="sample_files_all_created"),
            models.Index("search_text", "id", name="sample_files_all_names"),
            models.Index("size", "id", name="sample_files_all_sizes"),
            models.Index(
                KindOf("content_type"), F("created_at"), F("id"), name="sample_files_all_kinds"
            ),
            models.Index("deleted_at", "created_at", "id", name="sample_files_all_trash"),
            models.Index("sha256", name="sample_files_sha256"),
        ]

    def __str__(self):
        return self.filename

    def get_absolute_url(self):
        """Return the address of the file's page."""
        return reverse("files:detail", args=[self.pk])

    @property
    def media_type(self):
        """Return the registered name of its type; old rows may have an alias."""
        return media_type(self.content_type, self.filename)

    @property
    def kind(self):
        """Return its Kind."""
        return Kind.of(self.media_type)

    @property
    def since(self):
        """Return when its present content was stored."""
        return self.replaced_at or self.created_at


class Version(models.Model):
    """An earlier content of a file; see files/library/versions.py."""

    file = models.ForeignKey(File, models.CASCADE, related_name="versions", verbose_name=_("file"))
    # The name of the file then.
    filename = models.CharField(_("name"), max_length=255)
    content_type = models.CharField(_("type"), max_length=100)
    size = models.BigIntegerField(_("size"))  # bytes
    sha256 = models.CharField("SHA-256", max_length=64, default="", blank=True, editable=False)
    storage_path = models.CharField(_("storage path"), max_length=500, editable=False)
    # From when until when it was the content.
    since = models.DateTimeField(_("from"))
    replaced_at = models.DateTimeField(_("to"))

    class Meta:
        db_table = "camp_versions"
        verbose_name = _("earlier version")
        verbose_name_plural = _("earlier versions")
        ordering = ["-replaced_at", "-id"]
        # The sweep looks up paths.
        indexes = [models.Index("storage_path", name="camp_versions_path")]

    def __str__(self):
        return self.filename


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
            content_type=self.content_type,
            size=self.length,
            sha256=self.sha256,
            storage_path=self.storage_path,
            session=self.session,
        )


class Quota(models.Model):
    """The quota of a user who has another one than USER_QUOTA."""

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
    """Room reserved for the files of a form that is arriving."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="reservations")
    size = models.BigIntegerField()  # bytes
    # One that was not renewed for long was left by a killed server.
    renewed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "camp_reservations"

    def __str__(self):
        return f"{self.size} ({self.user_id})"


def new_nonce():
    """Return a public identifier for a link; not a secret by itself."""
    return secrets.token_hex(8)


class ShareQuerySet(models.QuerySet):
    """Links by owner and state."""

    def visible_to(self, user):
        """Return the links that a user made."""
        return self.filter(user=user)

    def unexpired(self):
        """Return the links that have not expired; their downloads may be used up."""
        return self.filter(expires_at__gt=timezone.now(), user__is_active=True)

    def open(self):
        """Return the links that have not expired and have downloads left."""
        return self.unexpired().filter(Q(limit=None) | Q(downloads__lt=F("limit")))


class Share(models.Model):
    """A link by which people without a log-in get some files; see files/library/shares.py."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="shares", verbose_name=_("user")
    )
    files = models.ManyToManyField(File, related_name="shares", verbose_name=_("files"))
    nonce = models.CharField(max_length=16, unique=True, default=new_nonce, editable=False)
    # SHA-256 of the token in the address, in hex; "" if only the signature can be checked.
    token_hash = models.CharField(max_length=64, default="", blank=True, editable=False)
    password = models.CharField(max_length=255, default="", blank=True, editable=False)
    limit = models.PositiveIntegerField(_("downloads at most"), null=True, blank=True)
    downloads = models.PositiveIntegerField(_("downloads"), default=0, editable=False)
    used_at = models.DateTimeField(_("last used"), null=True, editable=False)
    # Wrong passwords, and the time of the last one.
    failures = models.PositiveIntegerField(default=0, editable=False)
    failed_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(_("made"), auto_now_add=True)
    expires_at = models.DateTimeField(_("ends"))

    objects = ShareQuerySet.as_manager()

    class Meta:
        db_table = "camp_shares"
        verbose_name = _("shared link")
        verbose_name_plural = _("shared links")
        indexes = [
            # The owner's list, the newest first.
            models.Index("user", F("created_at").desc(), F("id").desc(), name="camp_shares_newest"),
            # For organisers: their list, the links that have expired, those that are used up.
            models.Index("created_at", "id", name="camp_shares_all_created"),
            models.Index("expires_at", "created_at", "id", name="camp_shares_all_ends"),
            models.Index(
                "created_at",
                "id",
                condition=Q(downloads__gte=F("limit")),
                name="camp_shares_all_used",
            ),
        ]

    def __str__(self):
        # Not the nonce: it is half of the secret address.
        return f"{self._meta.verbose_name} {self.pk}"

    @staticmethod
    def first_files(count):
        """Return a Prefetch that gives each link the list `first` of its first files."""
        return Prefetch("files", File.objects.order_by("pk")[:count], to_attr="first")

    @property
    def is_closed(self):
        """Whether it has expired, or its downloads are used up."""
        used_up = self.limit is not None and self.downloads >= self.limit
        return used_up or self.expires_at <= timezone.now()


class Receipt(models.Model):
    """A download of a link, perhaps in several requests; see files/library/shares.py."""

    share = models.ForeignKey(Share, models.CASCADE, related_name="receipts")
    # The number of the file, or "zip".
    subject = models.CharField(max_length=20)
    # A keyed hash of the client's network.
    client = models.CharField(max_length=64)
    sent = models.BigIntegerField()  # bytes
    # The sweep looks for expired ones.
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "camp_receipts"

    def __str__(self):
        return f"{self.share_id} {self.subject}"
