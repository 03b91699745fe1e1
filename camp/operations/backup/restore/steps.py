"""The steps of a restore, the same for every kind of source."""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from django.core.management import CommandError
from django.db import DatabaseError, OperationalError, connection
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from camp.config import shell
from camp.db.errors import error_reason
from camp.operations import backup, error_messages
from camp.operations.backup.archive import Damaged
from camp.operations.backup.engine_neutral import CannotLoad
from camp.operations.backup.restore import archives, dumps, prepare
from camp.operations.backup.restore.prepare import Result
from camp.operations.backup.restore.stored_files import count_missing
from camp.operations.backup.swap import AtomicSwap
from camp.operations.console import Say
from camp.operations.database import confirmation, environment, server
from camp.operations.server import lock
from camp.storage.object_store import object_store
from files import sweep
from files.storage import backend

Source = archives.Archive | dumps.CustomDump | dumps.SqlDump


def restore(path: Path, options: dict[str, Any], *, say: Say, stream: TextIO) -> None:
    """Replace the database, and the files if the source has any, by what is in `path`.

    `options` are those of `database.confirmation` and `server.lock`, `no_files` and `no_backup`.
    `say` prints a line, progress goes to `stream`. Raises CommandError, and then everything
    is as it was.
    """
    with lock.exclusive_access(restore_command(path), disconnect=options["disconnect"]):
        refuse_without_server()
        with explain_errors():
            source = open_source(path)
            source.refuse()
            refuse_superuser(source, options["as_superuser"])
            confirmation.refuse(options)
            source.files &= not options["no_files"]
            source.refuse_without_room()
            with AtomicSwap() as new:
                result = replace(source, new, options, say, stream)
        clean_up(source, new, result, say)
    for line in describe_result(source, result):
        say(line)


def restore_command(path: Path) -> str:
    """Return the command as one types it here."""
    return shell.manage("restore", shell.quote(path))


def refuse_without_server() -> None:
    """Raise CommandError where PostgreSQL does not answer, with or without the database."""
    try:
        if server.is_postgresql():
            with contextlib.suppress(OperationalError):
                connection.ensure_connection()  # and keep it for the next queries
        server.server_version()
    except OperationalError as error:
        raise CommandError(error_messages.unreachable_database(error)) from None


@contextlib.contextmanager
def explain_errors() -> Iterator[None]:
    """Turn what commonly goes wrong into one sentence, which says that nothing was changed."""
    unchanged = _("Nothing was changed: the data is what it was before.")
    try:
        yield
    except (Damaged, CannotLoad) as error:
        raise CommandError(f"{error} {unchanged}") from None
    except KeyboardInterrupt:
        stopped = _("Stopped.")
        raise CommandError(f"{stopped} {unchanged}") from None
    except (OSError, DatabaseError, sqlite3.Error) as error:
        if isinstance(error, OSError):
            why = error.strerror or str(error)
            if error.filename:
                why = f"{why}: {os.fspath(error.filename)}"
        else:
            why = error_reason(error)
        sentence = _("The restore failed (%(why)s).") % {"why": why}
        raise CommandError(f"{sentence} {unchanged}") from error


def open_source(path: Path) -> Source:
    """Return the source in a file: an Archive, a CustomDump or a SqlDump.

    Raises CommandError, Damaged, OSError.
    """
    if path.is_dir():
        sentence = _("%(file)s is a folder, not a backup: nothing was done. Name a file in it.")
        raise CommandError(sentence % {"file": path})
    if not path.exists():
        sentence = _("There is no file %(file)s. See what there is with: %(fix)s")
        listing = "dir" if os.name == "nt" else "ls -l"
        fix = f"{listing} {shell.quote(path.parent)}"
        raise CommandError(sentence % {"file": path, "fix": fix})
    with path.open("rb") as stream:
        if stream.read(len(dumps.CUSTOM_DUMP)) == dumps.CUSTOM_DUMP:
            return dumps.CustomDump(path)
    if sentence := dumps.explain_foreign_file(path):
        raise CommandError(sentence)
    return archives.Archive(path) if archives.is_archive(path) else dumps.SqlDump(path)


def refuse_superuser(source: Source, trusted: str) -> None:
    """Raise CommandError where SQL would run as a superuser that is not named in `trusted`.

    A dump is a program: as a superuser it may run others on the server's machine
    (https://www.postgresql.org/docs/current/sql-copy.html, PROGRAM).
    """
    role = server.get_superuser_name() if source.runs_sql else ""
    if role and trusted != role:
        sentence = _(
            "The role %(role)s is a superuser: a dump could run programs on the server's machine. "
            "Nothing was done. Use another role in DATABASE_URL, or if you trust the dump, add: "
            "%(fix)s"
        )
        fix = f"--as-superuser {shell.quote(role)}"
        raise CommandError(sentence % {"role": role, "fix": fix})


def replace(
    source: Source, new: AtomicSwap, options: dict[str, Any], say: Say, stream: TextIO
) -> Result:
    """Verify the source, make the new database and files, and swap; returns the Result."""
    source.unpack(new, stream)
    confirmation.confirm(options, action=source.action(), say=say)
    lock.refuse_others(restore_command(source.path), disconnect=options["disconnect"])
    present_environment = environment.current()
    new.freeze()
    if not options["no_backup"]:
        backup.safety_copy(say, stream)
    say(_("Making the new database ..."))
    result = Result()
    source.create_database(new)
    with server.connected_to(new.database):
        source.fill(stream)
        prepare.check_counts(source.counts, result)
        prepare.bring_forward(result)
        source.check_files(result)
        source.add_files(new.undo)
        prepare.write_mark(present_environment, new.id, result)
    new.commit()
    return result


def clean_up(source: Source, new: AtomicSwap, result: Result, say: Say) -> None:
    """Remove the old data, and look at the new: all of this only helps, or informs.

    Other files than those of the archive lose their rows, and so their bytes. In an object store
    they are left to `manage.py sweep`.
    """
    new.remove_old(say)
    with contextlib.suppress(DatabaseError, OSError):
        prepare.analyse()
        if result.is_old:
            return
        if not source.files:
            count_missing(result)
        elif not object_store():
            say(_("Removing the old files ..."))
            for nameless, _named in sweep.stored_batches(timezone.now()):
                for path in nameless:
                    backend.remove(path)


def describe_result(source: Source, result: Result) -> Iterator[str]:
    """Yield what to say when all is done, what to do next last."""
    values = {
        "name": server.locate_database().name,
        "rows": f"{result.rows:,}",
        "source": source.name,
    }
    yield _("Restored: the database %(name)s with %(rows)s rows, from %(source)s.") % values
    if source.files:
        yield ngettext("Restored: %(count)s file.", "Restored: %(count)s files.", result.files) % {
            "count": f"{result.files:,}"
        }
    else:
        yield _("The stored files were left as they are.")
    if result.without_bytes:
        yield ngettext(
            "%(count)s file of the list has no bytes here.",
            "%(count)s files of the list have no bytes here.",
            result.without_bytes,
        ) % {"count": f"{result.without_bytes:,}"}
        if result.is_sample:
            yield _("Only the newest files were checked. Check all of them with: %(fix)s") % {
                "fix": shell.manage("doctor", "--files")
            }
    if source.left_out:
        yield _("Left out, since Camp's migrations do not make them: %(names)s.") % {
            "names": ", ".join(source.left_out)
        }
    if result.is_old:
        yield _("This is a database of the old backend. Preview its takeover with: %(fix)s") % {
            "fix": shell.manage("takeover")
        }
    else:
        yield _("Start Camp with: %(fix)s") % {"fix": shell.manage("up")}
