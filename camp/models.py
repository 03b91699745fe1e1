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
