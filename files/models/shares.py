"""Links by which people without a log-in get files."""

import secrets

from django.conf import settings
from django.db import models
from django.db.models import F, Prefetch, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from files.models.files import File


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
        return Prefetch("files", File.objects.in_path_order()[:count], to_attr="first")

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
