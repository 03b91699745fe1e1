"""The steps of a restore, the same for every kind of source."""

import contextlib
import os
import sqlite3

from django.core.management import CommandError
from django.db import DatabaseError, OperationalError, connection
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from camp.config import shell
from camp.db.errors import error_reason
from camp.operations import backup, error_messages
from camp.operations.backup import swap
from camp.operations.backup.archive import Damaged
from camp.operations.backup.engine_neutral import CannotLoad
from camp.operations.backup.restore import archives, custom_dumps, dumps, prepare
from camp.operations.backup.restore.foreign_files import explain_foreign_file
from camp.operations.backup.restore.inventory import count_missing
from camp.operations.backup.restore.result import Result
from camp.operations.backup.swap import Replacement
from camp.operations.backup.swap.files import storage
from camp.operations.database import confirmation, server
from camp.operations.database import environment as environments
from camp.operations.server import lock


def restore(path, options, *, say, stream):
    """Replace the database, and the files if the source has any, by what is in `path`.

    `options` are those of `database.confirmation` and `server.lock`, `no_files` and `no_backup`.
    `say` prints a line, progress goes to `stream`. Raises CommandError, and then everything
    is as it was.
    """
    with lock.alone(again(path), disconnect=options["disconnect"]):
        refuse_without_server()
        swap.recover(say)
        with told():
            source = opened(path)
            source.refuse()
            refuse_superuser(source, options["as_superuser"])
            confirmation.refuse(options)
            source.files &= not options["no_files"]
            source.refuse_without_room()
            with Replacement(say) as new:
                result = replaced(source, new, options, say, stream)
            result.kept = new.kept
    for line in lines(source, result):
        say(line)


def refuse_superuser(source, trusted):
    """Raise CommandError where SQL would run as a superuser that is not named in `trusted`.

    A dump is a program: as a superuser it may run others on the server's machine
    (https://www.postgresql.org/docs/current/sql-copy.html, PROGRAM).
    """
    role = server.superuser() if source.runs_sql else ""
    if role and trusted != role:
        sentence = _(
            "The role %(role)s is a superuser, as which a dump can run programs on the server's "
            "machine: nothing was done. Use another role in DATABASE_URL, or if you trust the "
            "dump, add: %(fix)s"
        )
        fix = f"--as-superuser {shell.quoted(role)}"
        raise CommandError(sentence % {"role": role, "fix": fix})


def again(path):
    """Return the command as one types it here."""
    return shell.manage("restore", shell.quoted(path))


def replaced(source, new, options, say, stream):
    """Do all of it; returns the Result."""
    source.unpack(new, stream)
    confirmation.confirm(options, action=source.action(), say=say)
    lock.refuse_others(again(source.path), disconnect=options["disconnect"])
    environment = environments.current()
    with new.frozen():
        if not options["no_backup"]:
            backup.safety_copy(say, stream)
    say(_("Making the new database ..."))
    result = Result()
    source.make_database(new)
    with server.connected_to(new.fresh):
        source.fill(new, result, stream)
        prepare.check_counts(source.counts, result)
        prepare.bring_forward(result)
        source.check(new, result)
        prepare.mark(new, environment, result)
    new.commit(files=source.files)
    with contextlib.suppress(DatabaseError):  # what follows only helps, or informs
        prepare.analyse()
        if not (source.files or result.is_old):
            count_missing(storage(), result)
    return result


def refuse_without_server():
    """Raise CommandError where PostgreSQL does not answer, with or without the database."""
    try:
        if server.is_postgresql():
            with contextlib.suppress(OperationalError):
                connection.ensure_connection()  # and keep it for what is asked next
        server.server_version()
    except OperationalError as error:
        raise CommandError(error_messages.unreachable_database(error)) from None


@contextlib.contextmanager
def told():
    """Turn what commonly goes wrong into one sentence, which says that nothing was changed."""
    try:
        yield
    except (Damaged, CannotLoad) as error:
        raise CommandError(f"{error} {unchanged()}") from None
    except KeyboardInterrupt:
        raise CommandError(f"{_('Stopped.')} {unchanged()}") from None
    except OSError as error:
        why = error.strerror or str(error)
        if error.filename:
            why = f"{why}: {os.fspath(error.filename)}"
        raise CommandError(failed(why)) from error
    except (DatabaseError, sqlite3.Error) as error:
        raise CommandError(failed(error_reason(error))) from error


def failed(why):
    """Return the sentence for a restore that could not be done."""
    return f"{_('The restore failed (%(why)s).') % {'why': why}} {unchanged()}"


def unchanged():
    """Return what a person wants to hear first when a restore failed."""
    if swap.is_unsettled():  # the database went away at the worst moment
        return _("What was begun will be settled by the next command, before anything else.")
    return _("Nothing was changed: the data is what it was before.")


def opened(path):
    """Return the source in a file: an Archive, a Dump or a CustomDump.

    Raises CommandError, Damaged, OSError.
    """
    if path.is_dir():
        sentence = _("%(file)s is a folder, not a backup: nothing was done. Name a file in it.")
        raise CommandError(sentence % {"file": path})
    if not path.exists():
        sentence = _("There is no file %(file)s. See what there is with: %(fix)s")
        listing = "dir" if os.name == "nt" else "ls -l"
        fix = f"{listing} {shell.quoted(path.parent)}"
        raise CommandError(sentence % {"file": path, "fix": fix})
    if custom_dumps.is_custom_dump(path):
        return custom_dumps.CustomDump(path)
    if sentence := explain_foreign_file(path):
        raise CommandError(sentence)
    if archives.is_archive(path):
        return archives.Archive(path)
    return dumps.Dump(path)


def lines(source, result):
    """Yield what to say when all is done, what to do next last."""
    values = {"name": server.place().name, "rows": f"{result.rows:,}", "source": source.name}
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
            yield _("Only the newest ones were looked for. Look for all of them with: %(fix)s") % {
                "fix": shell.manage("doctor", "--files")
            }
    if result.left_out:
        yield _("Left out, since Camp's migrations do not make them: %(names)s.") % {
            "names": ", ".join(result.left_out)
        }
    if result.kept:
        yield _("What else lay in the storage is kept in: %(folder)s") % {"folder": result.kept}
    if result.is_old:
        yield _(
            "This database is one of the old backend. See what taking it over does with: %(fix)s"
        ) % {"fix": shell.manage("takeover")}
    else:
        yield _("Start Camp with: %(fix)s") % {"fix": shell.manage("up")}
