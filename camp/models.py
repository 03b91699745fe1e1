"""What this place is, kept in the database itself."""

from django.db import models


class Instance(models.Model):
    """The one row that a database says of itself."""

    environment = models.CharField(max_length=20, default="development")
    # The id of the restore or reset that brought this database into its place.
    restored = models.CharField(max_length=64, default="", blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "camp_instance"

    def __str__(self):
        return self.environment
