"""How much people may store, and what is reserved."""

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


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
