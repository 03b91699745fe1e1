"""Keep bytes, cached usage, sessions and the search index consistent with the rows of files."""

from django.db import connections, transaction
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver

from camp.db import bigram_index
from files.library import hand_over, quota
from files.models import File, Upload, Version
from files.serving import thumbnails
from files.storage import backend
from files.uploads.upload_parts import UploadPart
from sessions_app.hand_over import handed_over
from sessions_app.revisions import mark_changed_on_commit


@receiver(post_delete, sender=File, dispatch_uid="files.remove_bytes")
@receiver(post_delete, sender=Version, dispatch_uid="files.remove_bytes")
def remove_bytes(sender, instance, using, **kwargs):
    """Remove the bytes after the commit; runs for cascades too."""
    path = instance.storage_path

    def remove():
        backend.remove(path)
        thumbnails.remove(path)

    transaction.on_commit(remove, using=using, robust=True)


@receiver(post_delete, sender=Upload, dispatch_uid="files.remove_part")
def remove_part(sender, instance, using, **kwargs):
    """Remove the part of an upload after the commit."""
    part = UploadPart(instance.pk)
    transaction.on_commit(part.remove, using=using, robust=True)


@receiver(post_save, sender=File, dispatch_uid="files.session_saved")
def mark_session_changed(sender, instance, created, **kwargs):
    """Tell the open pages of its session; a new file moves its session up, which tells them too."""
    if instance.session_id and not created:
        mark_changed_on_commit([instance.session_id])


@receiver(post_delete, sender=File, dispatch_uid="files.session_deleted")
def mark_session_of_deleted(sender, instance, **kwargs):
    """Tell the open pages of its session, unless it was in the trash."""
    if instance.session_id and not instance.deleted_at:
        mark_changed_on_commit([instance.session_id])


@receiver(post_save, sender=File, dispatch_uid="files.usage_saved")
def forget_usage_of_saved(sender, instance, **kwargs):
    """Drop the cached usage of the owner."""
    quota.forget_usage(instance.user_id)


@receiver(post_delete, sender=File, dispatch_uid="files.usage_deleted")
def forget_usage_of_deleted(sender, instance, **kwargs):
    """Drop the cached usage of the owner."""
    quota.forget_usage(instance.user_id)


@receiver(handed_over, dispatch_uid="files.hand_over")
def hand_over_files_of_session(session, user, previous, files, **kwargs):
    """Let the files of the previous owner follow the session to its new owner, or leave it."""
    hand_over.hand_over_files_of_session(session, user, previous, files)


def repair_search_indexes(using, **kwargs):
    """Rebuild the search indexes that a migration has broken; for post_migrate."""
    connection, table = connections[using], File._meta.db_table
    bigram_index.repair(connection, ("files", "0012_search_index"), table)
    bigram_index.repair(connection, ("files", "0017_search_index_of_all"), f"all_{table}")
