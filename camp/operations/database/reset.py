"""Back to an empty place: a fresh, migrated database and no files, or all as it was."""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

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
from camp.operations.backup import swap
from camp.operations.backup.swap.files import OWN
from camp.operations.console import size as readable
from camp.operations.database import confirmation, environment, server
from camp.operations.server import lock
from camp.storage.object_store import object_store
from files.models import STORED_MODELS

# So few files without a row are what crashes leave, never somebody else's storage.
FEW = 100
# Of those who are connected to the database so many are named.
NAMED = 5


@dataclass
class Found:
    """What is there before the reset."""

    counts: dict | None  # {table: rows}, None where the database cannot be read
    why: str  # it cannot be read
    marked: str  # the environment that the database is marked with
    files: int  # that lie in the storage
    bytes: int

    @property
    def is_missing(self):
        """Whether there is no database, or nothing at all in it."""
        return self.counts == {}


def reset(options, *, say, stream=None, with_backup=True, ask=input):
    """Empty the database and the storage, once it is confirmed.

    `options` are those of `confirmation` and `server.lock`, `say` prints a line, `stream` is for
    the progress of the backup. Raises CommandError; then everything is as it was.
    """
    confirmation.refuse(options)
    disconnect = options["disconnect"]
    with lock.alone(again(with_backup), disconnect=disconnect):
        swap.recover(say)
        found = look()
        if with_backup:
            require_backup(found)
        with_backup = with_backup and not found.is_missing
        action = announced(found, with_backup)
        confirmation.confirm(options, action=action, say=say, ask=ask, counts=found.counts)
        lock.refuse_others(again(with_backup), disconnect=disconnect)
        kept = replace(found, say, stream, with_backup)
    setup_token.withdraw()
    for line in what_next(kept):
        say(line)


def again(with_backup=True):
    """Return the command as one types it here."""
    return shell.manage("reset", *[] if with_backup else ["--no-backup"])


def look():
    """Return the Found; raises CommandError where no server answers at all."""
    marked = environment.marked()
    counts, why = None, ""
    try:
        counts = server.row_counts()
    except (DatabaseError, UnicodeDecodeError) as error:
        # A broken database is one to reset, but not one that is out of reach.
        why = error_reason(error)
        connection.close()
        if server.is_postgresql():
            require_server()
    return Found(counts, why, marked, *stored())


def require_server():
    """Raise CommandError where the server gives no connection to any database."""
    try:
        with server.maintenance():
            pass
    except DatabaseError as error:
        raise CommandError(error_messages.unreachable_database(error)) from None


def stored():
    """Return how many files lie in the storage, and how many bytes; unfinished ones not."""
    files = total = 0
    if store := object_store():
        for name, length, _modified in store.listed():
            if is_stored(name.partition("/")[0]):
                files, total = files + 1, total + length
        return files, total
    root = Path(settings.LOCAL_STORAGE_PATH)
    for top in filter(is_stored, names_in(root)):
        for folder, _folders, names in os.walk(root / top):
            for name in names:
                with suppress(OSError):  # it may go meanwhile
                    total += os.stat(os.path.join(folder, name), follow_symlinks=False).st_size
                    files += 1
    return files, total


def names_in(folder):
    """Return the names of what lies in a folder, which need not exist."""
    try:
        return os.listdir(folder) if folder.is_dir() else []
    except OSError as error:
        raise CommandError(error_messages.unwritable_folder(folder, error.strerror)) from None


def is_stored(name):
    """Return whether a name at the top of the storage is that of a folder of stored bytes."""
    return bool(OWN.fullmatch(name)) and not name.startswith(".")


def require_backup(found):
    """Raise CommandError where a backup could not hold what is there."""
    if found.counts is None:
        raise CommandError(no_backup(found.why))
    tables = [model._meta.db_table for model in STORED_MODELS]
    known = sum(found.counts.get(table, 0) for table in tables)
    if found.files - known <= (max(FEW, known) if known else 0):
        return
    sentence = _(
        "Of the files in %(folder)s (%(files)s) the database %(name)s knows %(known)s: a backup "
        "would not hold the others. If they belong to another database, correct DATABASE_URL or "
        "LOCAL_STORAGE_PATH; if nobody wants them: %(fix)s"
    )
    values = {
        "files": f"{found.files:,}",
        "folder": object_store() or settings.LOCAL_STORAGE_PATH,
        "name": server.place().name,
        "known": f"{known:,}",
        "fix": again(with_backup=False),
    }
    raise CommandError(sentence % values)


def no_backup(why):
    """Return the sentence for a backup that cannot be made."""
    sentence = _(
        "No backup can be made (%(why)s): nothing was changed. It goes without one with: %(fix)s"
    )
    return sentence % {"why": why.rstrip(".。"), "fix": again(with_backup=False)}


def announced(found, with_backup):
    """Return the sentences that say what will happen."""
    where = {
        "files": f"{found.files:,}",
        "size": readable(found.bytes),
        "folder": settings.LOCAL_STORAGE_PATH,
    }
    if store := object_store():
        sentence = _(
            "All rows go. What is stored in %(bucket)s stays there (files: %(files)s, %(size)s)."
        )
        gone = sentence % (where | {"bucket": store})
    else:
        gone = all_gone(where)
    if with_backup:
        return f"{gone} {_('A backup of them is made first.')}"
    return f"{gone} {_('No backup is made.')}"


def all_gone(where):
    """Return the sentence for a storage folder."""
    return (
        _("All rows go, and all that is stored in %(folder)s (files: %(files)s, %(size)s).") % where
    )


def saved(say, stream):
    """Make a backup and return its path; raises CommandError where that fails."""
    try:
        return backup.safety_copy(say, stream)
    except (DatabaseError, OSError, UnicodeDecodeError) as error:
        raise CommandError(no_backup(error_reason(error))) from None
    finally:
        connection.close()


def replace(found, say=None, stream=None, with_backup=False):
    """Put an empty, migrated database and no files in the place of what is there.

    Returns the path of the backup that is made first `with_backup`, else None.
    """
    kept = None
    try:
        with swap.Replacement(say) as new:
            with new.frozen():
                if with_backup:
                    kept = saved(say, stream)
            new.make_database()
            with server.connected_to(new.fresh):
                make_ready(found.marked)
            new.commit(files=True)
    except (DatabaseError, OSError) as error:
        raise CommandError(failed(error)) from None
    finally:
        # What was remembered are rows of the fresh database, or of the old one.
        ContentType.objects.clear_cache()
    return kept


def make_ready(marked):
    """Migrate the empty database, and let it keep the mark that the old one had."""
    ContentType.objects.clear_cache()
    call_command("migrate", verbosity=0, interactive=False)
    environment.mark(environment.stricter(marked, settings.CAMP_ENVIRONMENT))


def failed(error):
    """Return the sentence for a reset that did not come about."""
    values = {"why": error_reason(error), "fix": again()}
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


def what_next(kept):
    """Yield what there is now, and how to go on, line by line."""
    yield _("The database %(name)s is empty and up to date.") % {"name": server.place().name}
    if left := strangers():
        yield _("Not Camp's, and still in %(folder)s: %(names)s") % {
            "folder": settings.LOCAL_STORAGE_PATH,
            "names": ", ".join(left[:NAMED]) + (" …" if len(left) > NAMED else ""),
        }
    if store := object_store():
        yield _("What is stored in %(bucket)s can be removed now, for good, with: %(fix)s") % {
            "bucket": store,
            "fix": shell.manage("sweep", "--force"),
        }
    if kept:
        yield _("Bring back what was there with: %(fix)s") % {
            "fix": shell.manage("restore", shell.quoted(kept))
        }
    yield _("Start, and make the first administrator at the address that is printed: %(fix)s") % {
        "fix": shell.manage("up")
    }
    yield _("Or make one here: %(fix)s") % {"fix": shell.manage("createsuperuser")}
    yield _("Fill it with samples: %(fix)s") % {"fix": shell.manage("demo")}


def strangers():
    """Return the names of what lies in the storage and is not Camp's."""
    names = names_in(Path(settings.LOCAL_STORAGE_PATH))
    return sorted(name for name in names if not OWN.fullmatch(name) and not name.startswith("."))
