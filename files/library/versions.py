"""Replace the content of files; earlier contents are kept as versions, and can be restored.

Bytes are never overwritten. New ones are in the storage before a row is changed, and old ones are
removed only after the commit.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from enum import Enum

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy

from camp.fs.filenames import shorten_name
from camp.web.external_references import atomic_deletion
from files.content_types import GENERIC, guess_media_type
from files.library import quota
from files.models import File, Version
from files.storage import backend

# A content from further in the future was written with a wrong clock.
MAX_CLOCK_SKEW = timedelta(minutes=1)
CONTENT = ("content_type", "size", "sha256", "storage_path")


class Outcome(Enum):
    """The result of a replacement."""

    REPLACED = "replaced"
    SAME = "same"  # the file has these bytes already
    ADDED = "added"  # the file was gone: the bytes became a new one

    def describe(self, file: File) -> str:
        """Return the message for the user; `file` is what has the bytes now."""
        return MESSAGES[self] % {"name": file.filename}


MESSAGES = {
    Outcome.REPLACED: gettext_lazy("“%(name)s” has its new content."),
    Outcome.SAME: gettext_lazy("“%(name)s” already has this content. Nothing was changed."),
    Outcome.ADDED: gettext_lazy(
        "The file had been deleted, so “%(name)s” was stored as a new one."
    ),
}


@contextmanager
def rows_for_bytes(paths: Sequence[str]) -> Iterator[None]:
    """Within the block, write the rows of bytes that are at `paths`: in one transaction.

    If that fails the bytes are removed.
    """
    written = False
    try:
        with transaction.atomic():
            yield
            written = True
    except BaseException as error:
        # After a connection lost during COMMIT the rows may be there: the bytes stay, and the
        # sweep decides. After a refused COMMIT (the user is gone meanwhile) they are not.
        if not written or isinstance(error, IntegrityError):
            for path in paths:
                backend.remove(path)
        raise


def save_or_replace(new: File, pk: int | None) -> tuple[File, Outcome]:
    """Replace the content of the file `pk` by that of `new`; returns the File and an Outcome.

    `new` is a File that is not saved, with its bytes in the storage. It is saved as a new file if
    `pk` is None, or its owner has no such file, or has it in the trash. Call it in a transaction.
    """
    file = lock_file(pk, new.user_id)
    if file is None:
        new.save(force_insert=True)
        if new.session is not None:
            new.session.touch()
        return new, Outcome.ADDED
    if has_same_bytes(file, new):
        transaction.on_commit(lambda: backend.remove(new.storage_path), robust=True)
        return file, Outcome.SAME
    now = next_moment(file)
    build_version(file, now).save(force_insert=True)
    set_content(file, new, now)
    prune(file)
    return file, Outcome.REPLACED


def restore(version):
    """Restore an earlier content of a file; returns the File.

    The present content becomes a Version instead. Raises Version.DoesNotExist if another request
    was faster.
    """
    with transaction.atomic():
        file, version = lock_version(version)
        now = next_moment(file)
        build_version(file, now).save(force_insert=True)
        # Not delete(): its signal would remove the bytes.
        row = Version.objects.filter(pk=version.pk)
        row._raw_delete(row.db)
        set_content(file, version, now)
    return file


def remove(version):
    """Delete a version with its bytes; raises Version.DoesNotExist, StillReferenced."""
    with atomic_deletion():
        file, version = lock_version(version)
        version.delete()
        quota.forget_usage(file.user_id)


def lock_file(pk: int | None, user_id: int) -> File | None:
    """Return the file of a user, or None; until the commit nobody else can change it.

    Every change of a file's content or versions locks the file first.
    """
    if pk is None:
        return None
    files = File.objects.select_for_update(of=("self",)).owned_by(user_id)
    return files.select_related("session").filter(pk=pk).first()


def lock_version(version):
    """Lock the file of a version; returns both as they are now."""
    file = lock_file(version.file_id, version.file.user_id)
    if file is None:
        raise Version.DoesNotExist
    return file, file.versions.get(pk=version.pk)


def has_same_bytes(file, new):
    """Return whether a file has the bytes of `new`, and they are not missing or cut."""
    same = new.sha256 and (file.size, file.sha256) == (new.size, new.sha256)
    return bool(same) and backend.size(file.storage_path) == file.size


def next_moment(file):
    """Return when a file's content changes: now, but in another second than the last time.

    Last-Modified has whole seconds, and must differ for each content (RFC 9110, 8.8.2.2).
    """
    now = timezone.now()
    next_second = file.since.replace(microsecond=0) + timedelta(seconds=1)
    return next_second if timedelta() < next_second - now < MAX_CLOCK_SKEW else now


def build_version(file, now):
    """Return the content of a file as a Version, not saved."""
    values = {name: getattr(file, name) for name in (*CONTENT, "filename", "since")}
    return Version(file=file, replaced_at=now, **values)


def set_content(file, other, now):
    """Give a file the content of `other`, a File or a Version, and save it."""
    for name in CONTENT:
        setattr(file, name, getattr(other, name))
    file.filename = rename_for_content(file.filename, other.filename)
    file.replaced_at = now
    backend.set_time(file.storage_path, now)
    file.save(update_fields=[*CONTENT, "filename", "search_text", "replaced_at"])


def rename_for_content(name, other):
    """Return the name of a file whose content now is that of a file called `other`.

    The name stays; only a suffix that would be wrong for the content changes.
    """
    types = {guess_media_type(name), guess_media_type(other)}
    if len(types) == 1 or GENERIC in types:
        return name
    stem, suffix = name.rpartition(".")[0], other.rpartition(".")[2]
    return shorten_name(f"{stem}.{suffix}")


def prune(file):
    """Delete the versions of a file beyond the FILE_VERSIONS latest."""
    for version in file.versions.all()[settings.FILE_VERSIONS :]:
        version.delete()
