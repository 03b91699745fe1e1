"""Files: a row here, the bytes in storage."""

from datetime import datetime
from typing import NamedTuple

from django.conf import settings
from django.db import models
from django.db.models import Exists, F, Min, OuterRef, Q
from django.db.models.lookups import Exact
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from camp.db.old_metadata import OldMetadata
from camp.db.planner_hints import Unindexed
from camp.db.search_text import SearchTextField, search_rows
from camp.db.soft_delete import OwnedQuerySet, SoftDeleteModel
from camp.fs.filenames import MAX_FOLDER
from files.content_types import Kind, KindOf, media_type
from files.type_names import name_type
from sessions_app.models import Session
from sessions_app.revisions import mark_changed_on_commit

FOLDER_TO_SEARCH = 300  # characters


class FileQuerySet(OwnedQuerySet):
    """Files by owner, name and kind."""

    def visible_to(self, user):
        """Return the user's files and those of the sessions that the user sees."""
        # An IN would make PostgreSQL collect all of those sessions first.
        session = Session.objects.visible_to(user).filter(pk=OuterRef("session"))
        return self.present().filter(Q(user=user) | Exists(session))

    def shared_with(self, user):
        """Return the files of others in the sessions that the user sees."""
        return self.visible_to(user).exclude(user=user)

    def found_by_session(self, user):
        """Return the same, found by the indexes of sessions: fast if they have few files."""
        own = Session.objects.owned_by(user).values("pk")
        shared = Session.objects.shared_with(user).values("pk")
        # An OR would make PostgreSQL read all files.
        return self.present().filter(session__in=own.union(shared)).exclude(user=user)

    def mark_sessions_changed(self):
        """Tell the open pages of the files' present sessions, after the commit, of a change."""
        sessions = self.filter(session__isnull=False).order_by().values_list("session", flat=True)
        mark_changed_on_commit(list(sessions.distinct()))

    def for_list(self):
        """Read what lists show, as tuples of the fields of FileRow."""
        return self.values_list(*FileRow._fields)

    def search(self, text, owner=None):
        """Return the files whose names and folders contain every word of `text`.

        With `owner`, only that user's, found by the search index: fast if few match.
        """
        return search_rows(self, text, owner and owner.pk)

    def in_path_order(self):
        """Return the files by folder and name."""
        return self.order_by("search_text", "pk")

    def of_kind(self, kind, *, indexed=True):
        """Return the files of a Kind; not `indexed` if something else finds them."""
        found = KindOf("content_type")
        return self.filter(Exact(found if indexed else Unindexed(found), Kind(kind).value))

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
        same = self.owned_by(hashed[0].user_id).filter(
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
        # Files without an owner, from the old backend, are visible only to organisers and to the
        # people of their session.
        null=True,
        # The indexes of the list below begin with it.
        db_index=False,
        verbose_name=_("user"),
    )
    filename = models.CharField(_("name"), max_length=255)
    # The folder in which it was uploaded, such as `src/app`; None without one.
    folder = models.CharField(_("folder"), max_length=MAX_FOLDER, null=True, editable=False)
    content_type = models.CharField(_("type"), max_length=100, default="application/octet-stream")
    size = models.BigIntegerField(_("size"))  # bytes
    # Relative to the storage root and opaque; never contains a name that a person chose.
    storage_path = models.CharField(_("storage path"), max_length=500, editable=False)
    # See files/uploads/batches.py.
    created_at = models.DateTimeField(_("uploaded"), default=timezone.now, editable=False)
    # Time of the last replacement.
    replaced_at = models.DateTimeField(_("replaced"), null=True, editable=False)
    session = models.ForeignKey(
        Session,
        models.SET_NULL,
        related_name="files",
        null=True,
        blank=True,
        # The index of a session's page begins with it.
        db_index=False,
        verbose_name=_("session"),
    )
    sha256 = models.CharField("SHA-256", max_length=64, default="", blank=True, editable=False)
    search_text = SearchTextField(source="filename", attribute="path_to_search", limit=600)

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
    def path(self):
        """Return its name, after its folder if it has one."""
        return f"{self.folder}/{self.filename}" if self.folder else self.filename

    @property
    def path_to_search(self):
        """Return the path with no more of the folder than fits an index, and the whole name."""
        return f"{self.folder[:FOLDER_TO_SEARCH]}/{self.filename}" if self.folder else self.filename

    @property
    def media_type(self):
        """Return the registered name of its type; old rows may have an alias."""
        return media_type(self.content_type, self.filename)

    @property
    def kind(self):
        """Return its Kind."""
        return Kind.of(self.media_type)

    @property
    def type_name(self):
        """Return its type in words, such as PowerPoint."""
        return name_type(self.media_type)

    @property
    def since(self):
        """Return when its present content was stored."""
        return self.replaced_at or self.created_at


class FileRow(NamedTuple):
    """What lists show of a file, and what orders them; a File takes three times as long to read."""

    id: int
    filename: str
    folder: str | None
    content_type: str
    size: int
    created_at: datetime
    # Short lists do without the rest.
    storage_path: str = ""
    replaced_at: datetime | None = None
    search_text: str = ""
    session_id: int | None = None
    session__title: str | None = None
    session__deleted_at: datetime | None = None
    session__user_id: int | None = None
    user_id: int | None = None

    path = File.path
    media_type = File.media_type
    kind = File.kind


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
