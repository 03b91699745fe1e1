"""Facts about this installation, stored in its database."""

from django.db import models


class Instance(models.Model):
    """The single row that describes this database."""

    environment = models.CharField(max_length=20, default="development")
    # The id of the restore or reset that brought this database into its place.
    restored = models.CharField(max_length=64, default="", blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "camp_instance"

    def __str__(self):
        return self.environment


class SharedResult(models.Model):
    """A result that took long to compute; see camp/web/shared_results.py."""

    key = models.CharField(max_length=120, primary_key=True)
    value = models.JSONField(null=True)
    computed_at = models.DateTimeField(null=True)
    # Since when somebody computes it again.
    claimed_at = models.DateTimeField(null=True)
    outdated = models.BooleanField(default=False)

    class Meta:
        db_table = "camp_shared_results"

    def __str__(self):
        return self.key
