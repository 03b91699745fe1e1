"""Things that are deleted in two steps: into the trash, and for good."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class OwnedQuerySet(models.QuerySet):
    """What a person sees of their own things; the model has `user` and `deleted_at`."""

    def present(self):
        """Return what is not in the trash."""
        return self.filter(deleted_at=None)

    def visible_to(self, user):
        """Return what is the user's own and not in the trash."""
        return self.present().filter(user=user)

    def trashed_by(self, user):
        """Return what is the user's own and in the trash."""
        return self.filter(user=user, deleted_at__isnull=False)


class Trashable(models.Model):
    """A row with a way back: it keeps everything but its place in the lists."""

    deleted_at = models.DateTimeField(_("deleted"), null=True, blank=True, editable=False)

    class Meta:
        abstract = True

    def trash(self):
        """Put it into the trash; `restore` brings it back."""
        self.deleted_at = timezone.now()
        self.save(update_fields=["deleted_at"])

    def restore(self):
        """Take it out of the trash, back to its old place."""
        self.deleted_at = None
        self.save(update_fields=["deleted_at"])
