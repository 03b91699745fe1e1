"""Start over: an empty, migrated database and no files, or everything as it was."""

import contextlib
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection
from django.utils.translation import gettext as _
from psycopg.errors import InsufficientPrivilege

from accounts import setup_token
from camp.config import shell
from camp.db.errors import error_reason
from camp.operations import backup, error_messages
from camp.operations.backup.swap import AtomicSwap
from camp.operations.console import Say, format_size
from camp.operations.database import confirmation, environment, server
from camp.operations.server import lock
from camp.storage.object_store import object_store
from files.models import File, Version

# Folders at the top of the storage: stored files, uploads under way, thumbnails.
STORED = re.compile(r"[0-9a-f]{2}")
OWN = re.compile(r"[0-9a-f]{2}|\.staging|\.thumbnails")
# Up to this many files without a row are what crashes leave, not somebody else's storage.
FEW = 100
NAMED = 5  # of what stays in the storage


@dataclass
class Present:
    """What is there before the reset."""

    counts: dict[str, int] | None  # {table: rows}, None where the database cannot be read
    why: str  # it cannot be read
    environment: str  # that the database is marked with
    files: int  # in the storage
    bytes: int

    @property
    def is_missing(self) -> bool:
        """Whether there is no database, or nothing at all in it."""
        return self.counts == {}


def reset(options: dict[str, Any], *, say: Say, stream: TextIO | None = None) -> None:
    """Empty the database and the storage, once it is confirmed.

    `options` are those of `confirmation` and `server.lock`, and `no_backup`. `say` prints a line,
    `stream` is for the progress of the backup. Raises CommandError; then everything is as it was.
    """
    confirmation.refuse(options)
    disconnect, with_backup = options["disconnect"], not options["no_backup"]
    with lock.exclusive_access(reset_command(with_backup), disconnect=disconnect):
        present = inspect()
        if with_backup:
            require_complete_backup(present)
        with_backup = with_backup and not present.is_missing
        action = describe_action(present, with_backup)
        confirmation.confirm(options, action=action, say=say, counts=present.counts)
        lock.refuse_others(reset_command(with_backup), disconnect=disconnect)
        archive = replace(present, say, stream, with_backup)
    setup_token.withdraw()
    for line in describe_outcome(archive):
        say(line)


def reset_command(with_backup: bool = True) -> str:
    """Return the command as one types it here."""
    return shell.manage("reset", *[] if with_backup else ["--no-backup"])


def inspect() -> Present:
    """Return what is Present; raises CommandError where no server answers at all."""
    marked = environment.read_mark()
    counts, why = None, ""
    try:
        counts = server.row_counts()
    except (DatabaseError, UnicodeDecodeError) as error:
        # A broken database is one to reset, but not one that is out of reach.
        why = error_reason(error)
        connection.close()
        if server.is_postgresql():
            require_server()
    return Present(counts, why, marked, *measure_storage())


def require_server() -> None:
    """Raise CommandError where the server gives no connection to any database."""
    try:
        with server.connect_for_maintenance():
            pass
    except DatabaseError as error:
        raise CommandError(error_messages.unreachable_database(error)) from None


def measure_storage() -> tuple[int, int]:
    """Return how many files lie in the storage, and how many bytes; unfinished ones not."""
    files = total = 0
    if store := object_store():
        for name, length, _modified in store.listed():
            if STORED.fullmatch(name.partition("/")[0]):
                files, total = files + 1, total + length
        return files, total
    root = Path(settings.LOCAL_STORAGE_PATH)
    for top in filter(STORED.fullmatch, list_names(root)):
        for folder, _folders, names in os.walk(root / top):
            for name in names:
                with contextlib.suppress(OSError):  # it may go meanwhile
                    total += os.stat(os.path.join(folder, name), follow_symlinks=False).st_size
                    files += 1
    return files, total


def list_names(folder: Path) -> list[str]:
    """Return the names of what lies in a folder, which need not exist; raises CommandError."""
    try:
        return os.listdir(folder) if folder.is_dir() else []
    except OSError as error:
        raise CommandError(error_messages.unwritable_folder(folder, error.strerror)) from None


def require_complete_backup(present: Present) -> None:
    """Raise CommandError where a backup could not hold what is there."""
    if present.counts is None:
        raise CommandError(explain_no_backup(present.why))
    known = sum(present.counts.get(model._meta.db_table, 0) for model in (File, Version))
    if present.files - known <= (max(FEW, known) if known else 0):
        return
    sentence = _(
        "Of the files in %(folder)s (%(files)s) the database %(name)s knows %(known)s: a backup "
        "would not contain the others. If they belong to another database, correct DATABASE_URL "
        "or LOCAL_STORAGE_PATH; if they are not needed: %(fix)s"
    )
    values = {
        "files": f"{present.files:,}",
        "folder": object_store() or settings.LOCAL_STORAGE_PATH,
        "name": server.locate_database().name,
        "known": f"{known:,}",
        "fix": reset_command(with_backup=False),
    }
    raise CommandError(sentence % values)


def explain_no_backup(why: str) -> str:
    """Return the sentence for a backup that cannot be made."""
    sentence = _(
        "No backup can be made (%(why)s): nothing was changed. Go on without one with: %(fix)s"
    )
    return sentence % {"why": why.rstrip(".。"), "fix": reset_command(with_backup=False)}


def describe_action(present: Present, with_backup: bool) -> str:
    """Return the sentences that say what will happen."""
    values: dict[str, object] = {"files": f"{present.files:,}", "size": format_size(present.bytes)}
    if store := object_store():
        sentence = _(
            "All rows will be deleted. What is stored in %(bucket)s stays there (files: "
            "%(files)s, %(size)s)."
        )
        values["bucket"] = store
    else:
        sentence = _(
            "All rows will be deleted, and everything stored in %(folder)s (files: %(files)s, "
            "%(size)s)."
        )
        values["folder"] = settings.LOCAL_STORAGE_PATH
    first = _("A backup of them is made first.") if with_backup else _("No backup is made.")
    return f"{sentence % values} {first}"


def make_backup(say: Say, stream: TextIO | None) -> Path | None:
    """Make a backup and return its path; raises CommandError where that fails."""
    try:
        return backup.safety_copy(say, stream)
    except (DatabaseError, OSError, UnicodeDecodeError) as error:
        raise CommandError(explain_no_backup(error_reason(error))) from None
    finally:
        connection.close()


def replace(present: Present, say: Say, stream: TextIO | None, with_backup: bool) -> Path | None:
    """Put an empty, migrated database in the place of what is there, and remove the files.

    Returns the path of the backup that is made first `with_backup`, else None.
    """
    archive = None
    try:
        with AtomicSwap() as new:
            new.freeze()
            if with_backup:
                archive = make_backup(say, stream)
            new.create_database()
            with server.connected_to(new.database):
                migrate(present.environment)
            new.commit()
    except (DatabaseError, OSError) as error:
        raise CommandError(explain_failure(error)) from None
    finally:
        # Cached are rows of the new database, or of the old one.
        ContentType.objects.clear_cache()
    remove_stored_files()
    new.remove_old(say)
    return archive


def migrate(marked: str) -> None:
    """Migrate the empty database, and mark it as the old one was."""
    ContentType.objects.clear_cache()
    call_command("migrate", verbosity=0, interactive=False)
    environment.mark(environment.choose_stricter(marked, settings.CAMP_ENVIRONMENT))


def remove_stored_files() -> None:
    """Remove all that the storage folder holds of Camp; an object store keeps what it has."""
    root = Path(settings.LOCAL_STORAGE_PATH)
    for name in filter(OWN.fullmatch, list_names(root)):
        shutil.rmtree(root / name, ignore_errors=True)


def explain_failure(error: Exception) -> str:
    """Return the sentence for a reset that failed."""
    values = {"why": error_reason(error), "fix": reset_command()}
    if isinstance(error.__cause__, InsufficientPrivilege):
        role, name = connection.settings_dict["USER"], connection.settings_dict["NAME"]
        values["fix"] = f'ALTER ROLE "{role}" CREATEDB; ALTER DATABASE "{name}" OWNER TO "{role}";'
        sentence = _(
            "PostgreSQL does not allow it (%(why)s): everything is as it was. A superuser grants "
            "what is needed with: %(fix)s"
        )
    else:
        sentence = _("The reset failed (%(why)s): everything is as it was. Try again: %(fix)s")
    return sentence % values


def describe_outcome(archive: Path | None) -> Iterator[str]:
    """Yield what there is now and how to go on, line by line."""
    yield _("The database %(name)s is empty and up to date.") % {
        "name": server.locate_database().name
    }
    root = Path(settings.LOCAL_STORAGE_PATH)
    others = sorted(
        name for name in list_names(root) if not (OWN.fullmatch(name) or name.startswith("."))
    )
    if others:
        yield _("Not part of Camp, and still in %(folder)s: %(names)s") % {
            "folder": root,
            "names": ", ".join(others[:NAMED]) + (" …" if len(others) > NAMED else ""),
        }
    if store := object_store():
        yield _("Remove what is stored in %(bucket)s permanently with: %(fix)s") % {
            "bucket": store,
            "fix": shell.manage("sweep", "--force"),
        }
    if archive:
        yield _("Restore the previous data with: %(fix)s") % {
            "fix": shell.manage("restore", shell.quote(archive))
        }
    yield _(
        "Start Camp, and create the first administrator at the address that it prints: %(fix)s"
    ) % {"fix": shell.manage("up")}
    yield _("Or create one here: %(fix)s") % {"fix": shell.manage("createsuperuser")}
    yield _("Fill it with samples: %(fix)s") % {"fix": shell.manage("demo")}
