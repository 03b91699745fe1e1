"""Rows that are moved to the trash before they are deleted for good."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

# Said so that SQLite does not start from an index on `deleted_at`, which has nearly all rows.
PRESENT = ~models.Q(deleted_at__isnull=False)


class SoftDeleteQuerySet(models.QuerySet):
    """Rows with `deleted_at`."""

    def present(self):
        """Return the rows outside the trash."""
        return self.filter(PRESENT)


class OwnedQuerySet(SoftDeleteQuerySet):
    """Rows by owner; the model has `user` and `deleted_at`."""

    def owned_by(self, user):
        """Return the user's rows outside the trash."""
        # One filter takes Django half as long as two.
        return self.filter(PRESENT, user=user)

    def trashed_by(self, user):
        """Return the user's rows in the trash."""
        return self.filter(user=user, deleted_at__isnull=False)


class MarkedDeletionModel(models.Model):
    """A row that may have too many dependents for one transaction; see camp.web.batch_deletion."""

    # From then on nobody sees the row, and it is deleted in batches.
    deletion_started_at = models.DateTimeField(_("being deleted since"), null=True, editable=False)

    class Meta:
        abstract = True


class SoftDeleteModel(models.Model):
    deleted_at = models.DateTimeField(_("deleted"), null=True, blank=True, editable=False)

    class Meta:
        abstract = True

    def trash(self):
        """Move it to the trash."""
        self.deleted_at = timezone.now()
        self.save(update_fields=["deleted_at"])

    def restore(self):
        """Take it out of the trash."""
        self.deleted_at = None
        self.save(update_fields=["deleted_at"])
