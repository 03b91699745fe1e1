"""Proving that a backup is whole, without a database."""

import collections
import contextlib
import os
import subprocess
from datetime import datetime
from pathlib import Path

from django.core.management import CommandError
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from camp.operations.backup import report
from camp.operations.backup.archive import Damaged, Reader
from camp.operations.console import Progress
from camp.operations.local_postgres import programs as postgres_programs

DUMP = "database.dump"
# The last that pg_dump and SQLite write; newer pg_dumps add a line for psql.
ENDS = (b"-- PostgreSQL database dump complete", b"COMMIT;")
TAIL = 1024


def verify(path, *, stream):
    """Read all of a backup; returns lines that say what is inside.

    Progress goes to `stream`. Raises CommandError with one sentence where it is damaged.
    """
    path = Path(path)
    try:
        if path.suffix == ".sql":
            return verify_sql(path, stream)
        reader = Reader(path)
        manifest = reader.manifest()
        with Progress(stream, reader.size, _("Verifying")) as shown:
            verify_archive(reader, manifest, shown)
    except Damaged as error:
        raise CommandError(str(error)) from error
    except OSError as error:
        sentence = _("%(path)s cannot be read (%(why)s).")
        raise CommandError(sentence % {"path": path, "why": error.strerror or error}) from error
    return list(inside(manifest))


def verify_archive(reader, manifest, progress):
    """Read an archive strictly; a dump of PostgreSQL also goes by pg_restore."""
    tool = manifest.get("dump_tool")
    with contextlib.ExitStack() as stack:
        dump = None
        with contextlib.suppress(CommandError):  # the checksums say enough
            if tool and manifest["kind"] == "native":
                major = postgres_programs.number_in(tool)
                programs = postgres_programs.client("pg_restore", at_least=major)
                dump = stack.enter_context(Listing(programs))
        reader.unpack(lambda name, size: dump if name == DUMP else None, progress)
        if dump and not dump.is_fine():
            sentence = _("The archive %(file)s is damaged: %(why)s.")
            why = _("pg_restore cannot read its database")
            raise Damaged(sentence % {"file": reader.path, "why": why})


class Listing:
    """A stream for a dump, of which pg_restore lists the content."""

    def __init__(self, programs):
        self._process = subprocess.Popen(
            [str(programs.path("pg_restore")), "--list"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        self._process.kill()
        self.is_fine()

    def write(self, view):
        """Pass bytes on; pg_restore goes away once it has seen the list."""
        with contextlib.suppress(OSError):
            self._process.stdin.write(view)

    def is_fine(self):
        """Return whether pg_restore could read it."""
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        return self._process.wait() == 0


def verify_sql(path, stream):
    """Read all of an SQL file and look at its end; returns lines about it."""
    tail, size = b"", os.path.getsize(path)
    with path.open("rb") as source, Progress(stream, size, _("Verifying")) as shown:
        while chunk := source.read(2**20):
            tail = (tail + chunk)[-TAIL:]
            shown.add(len(chunk))
    text = tail.replace(b"\0", b"")  # PowerShell's `>` writes UTF-16
    if not any(end in text for end in ENDS):
        raise Damaged(_("The file %(file)s is damaged: it is cut off.") % {"file": path})
    return [_("It has its end. An SQL file carries no checksums: only an archive can be proved.")]


def inside(manifest):
    """Yield lines that say what an archive holds; one of a newer Camp may lack some of it."""
    known = collections.defaultdict(lambda: "?", manifest)
    with contextlib.suppress(TypeError, ValueError):
        made_at = localtime(datetime.fromisoformat(known["made_at"]))
        known["time"] = f"{made_at:%Y-%m-%d %H:%M:%S}"
    yield (
        _(
            "Made %(time)s by Camp %(camp)s, from %(database)s on %(engine)s %(engine_version)s "
            "(%(environment)s)"
        )
        % known
    )
    with contextlib.suppress(AttributeError, TypeError, KeyError):
        files = manifest["files"]
        yield _("Holds: %(rows)s, %(files)s") % {
            "rows": report.rows(sum(manifest["counts"].values())),
            "files": report.files(files["count"]) if files else _("no files"),
        }
    yield _("Every byte is as it was packed.")
