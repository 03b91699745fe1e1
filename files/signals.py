"""Bytes go when their row goes, however it is deleted; sums and the search follow the rows."""

from django.db import connections, transaction
from django.db.migrations.recorder import MigrationRecorder
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver

from camp.db import bigram_index
from files.library import usage
from files.models import File, Upload, Version
from files.serving import thumbnails
from files.storage import backend
from files.uploads.upload_parts import Part


@receiver(post_delete, sender=File, dispatch_uid="files.remove_bytes")
@receiver(post_delete, sender=Version, dispatch_uid="files.remove_bytes")
def remove_bytes(sender, instance, using, **kwargs):
    """Remove the bytes once the deletion is certain; cascades come here too."""
    path = instance.storage_path

    def remove():
        backend.remove(path)
        thumbnails.remove(path)

    transaction.on_commit(remove, using=using, robust=True)


@receiver(post_delete, sender=Upload, dispatch_uid="files.remove_part")
def remove_part(sender, instance, using, **kwargs):
    """Do the same for what came of an upload."""
    part = Part(instance.pk)
    transaction.on_commit(part.remove, using=using, robust=True)


@receiver(post_save, sender=File, dispatch_uid="files.usage_saved")
def forget_usage_of_saved(sender, instance, **kwargs):
    """Have the owner's sum computed again."""
    usage.forget(instance.user_id)


@receiver(post_delete, sender=File, dispatch_uid="files.usage_deleted")
def forget_usage_of_deleted(sender, instance, **kwargs):
    """Have the owner's sum computed again."""
    usage.forget(instance.user_id)


def mend_search(using, **kwargs):
    """Make the index for the search anew if a migration took it apart; for post_migrate."""
    table, connection = File._meta.db_table, connections[using]
    known = MigrationRecorder(connection).applied_migrations()
    if ("files", "0012_search_index") in known and not bigram_index.is_complete(connection, table):
        bigram_index.make(connection, table)
