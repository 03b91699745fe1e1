"""Files whose content changes: what they held before stays for a while, with a way back.

Bytes are never written over. New ones lie in their own place before a row is touched, and
old ones go only once the row that names others is committed.
"""

from datetime import timedelta
from enum import Enum

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy

from camp.fs.filenames import shorten_name
from camp.web.external_references import atomic_deletion
from files.library import usage
from files.models import File, Version
from files.storage import backend
from files.uploads.content_types import GENERIC, guessed

# A content from further in the future is of a clock that was wrong.
CLOCKS_DIFFER = timedelta(minutes=1)
CONTENT = ("content_type", "size", "sha256", "storage_path")


class Outcome(Enum):
    """What became of bytes that were to replace a file's."""

    REPLACED = "replaced"
    SAME = "same"  # the file holds just these already
    ADDED = "added"  # the file was gone: they are one of their own

    def told(self, file):
        """Return the sentence that tells a person of it; `file` is what has the bytes now."""
        return SENTENCES[self] % {"name": file.filename}


SENTENCES = {
    Outcome.REPLACED: gettext_lazy("“%(name)s” has its new content."),
    Outcome.SAME: gettext_lazy("“%(name)s” has this content already: nothing was changed."),
    Outcome.ADDED: gettext_lazy(
        "The file is in the trash or gone: “%(name)s” was stored as a new one."
    ),
}


def put(new, pk):
    """Have the file `pk` hold what `new` holds; returns the File and an Outcome.

    `new` is a File that is not saved, with its bytes in their place. Where its owner has no
    such file, or has it in the trash, it is saved as one of its own. Call it in a transaction.
    """
    file = locked(pk, new.user_id)
    if file is None:
        new.save(force_insert=True)
        if new.session is not None:
            new.session.touch()
        return new, Outcome.ADDED
    if is_same(file, new):
        transaction.on_commit(lambda: backend.remove(new.storage_path), robust=True)
        return file, Outcome.SAME
    now = next_moment(file)
    version_of(file, now).save(force_insert=True)
    hold(file, new, now)
    prune(file)
    return file, Outcome.REPLACED


def restore(version):
    """Have a file hold again what it held once; returns the File.

    What it holds now becomes a Version in the place of that one. Raises
    Version.DoesNotExist where somebody was faster.
    """
    with transaction.atomic():
        file, version = locked_version(version)
        now = next_moment(file)
        version_of(file, now).save(force_insert=True)
        # Not delete(): its signal would have the bytes removed.
        row = Version.objects.filter(pk=version.pk)
        row._raw_delete(row.db)
        hold(file, version, now)
    return file


def remove(version):
    """Delete a version with its bytes.

    Raises Version.DoesNotExist where it is gone, StillReferenced.
    """
    with atomic_deletion():
        file, version = locked_version(version)
        version.delete()
        usage.forget(file.user_id)


def locked(pk, user_id):
    """Return the file of a person, or None; until the commit nobody else changes it.

    Whoever changes a file's content or its versions locks the file first.
    """
    if pk is None:
        return None
    files = File.objects.select_for_update(of=("self",)).visible_to(user_id)
    return files.select_related("session").filter(pk=pk).first()


def locked_version(version):
    """Return the file of a version and the version, as they are now, with the file locked."""
    file = locked(version.file_id, version.file.user_id)
    if file is None:
        raise Version.DoesNotExist
    return file, file.versions.get(pk=version.pk)


def is_same(file, new):
    """Return whether `new` holds the bytes that a file has, and really has."""
    same = new.sha256 and (file.size, file.sha256) == (new.size, new.sha256)
    return bool(same) and backend.size(file.storage_path) == file.size


def next_moment(file):
    """Return the time at which a file gets other content: now, but in another second than the last.

    Last-Modified has whole seconds, and tells one content from another (RFC 9110, 8.8.2.2).
    """
    now = timezone.now()
    next_second = file.since.replace(microsecond=0) + timedelta(seconds=1)
    return next_second if timedelta() < next_second - now < CLOCKS_DIFFER else now


def version_of(file, now):
    """Return what a file holds as a Version, not saved."""
    values = {name: getattr(file, name) for name in (*CONTENT, "filename", "since")}
    return Version(file=file, replaced_at=now, **values)


def hold(file, other, now):
    """Save that a file holds what `other`, a File or a Version, does."""
    for name in CONTENT:
        setattr(file, name, getattr(other, name))
    file.filename = called(file.filename, other.filename)
    file.replaced_at = now
    backend.set_time(file.storage_path, now)
    file.save(update_fields=[*CONTENT, "filename", "search_text", "replaced_at"])


def called(name, other):
    """Return the name of a file that now holds what was called `other`.

    A person's name for it stays; only an ending that would lie about the content follows.
    """
    kinds = {guessed(name), guessed(other)}
    if len(kinds) == 1 or GENERIC in kinds:
        return name
    stem, suffix = name.rpartition(".")[0], other.rpartition(".")[2]
    return shorten_name(f"{stem}.{suffix}")


def prune(file):
    """Delete the versions of a file beyond the FILE_VERSIONS latest."""
    for version in file.versions.all()[settings.FILE_VERSIONS :]:
        version.delete()
