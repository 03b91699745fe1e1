"""Verify that a backup is complete and undamaged; needs no database."""

import collections
import contextlib
import os
import subprocess
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Self, TextIO, cast

from django.core.management import CommandError
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from camp.operations.backup import report
from camp.operations.backup.archive import Damaged, Reader
from camp.operations.backup.snapshot import DUMP
from camp.operations.console import Progress
from camp.operations.local_postgres import programs as postgres_programs

# How dumps of pg_dump and SQLite end; newer pg_dumps add a line for psql.
SQL_ENDS = (b"-- PostgreSQL database dump complete", b"COMMIT;")
TAIL = 1024  # bytes


def verify(path: Path | str, *, stream: TextIO) -> list[str]:
    """Read a whole backup; returns lines that say what it holds.

    Progress is printed to `stream`. Raises CommandError if the backup is damaged.
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
    return list(describe_content(manifest))


def verify_archive(reader: Reader, manifest: dict[str, Any], progress: Progress) -> None:
    """Verify the checksums; has pg_restore, if there is one, read PostgreSQL's dump too."""
    tool = manifest.get("dump_tool")
    with contextlib.ExitStack() as stack:
        dump = None
        if tool and manifest["kind"] == "native":
            with contextlib.suppress(CommandError):
                major = postgres_programs.number_in(tool)
                programs = postgres_programs.client("pg_restore", at_least=major)
                dump = stack.enter_context(DumpListing(programs))
        reader.unpack(lambda name, size: dump if name == DUMP else None, progress)
        if dump and not dump.succeeded():
            sentence = _("The archive %(file)s is damaged: %(why)s.")
            why = _("pg_restore cannot read its database")
            raise Damaged(sentence % {"file": reader.path, "why": why})


class DumpListing:
    """A `pg_restore --list` that reads the dump written to it."""

    def __init__(self, programs: postgres_programs.Programs) -> None:
        self._process = subprocess.Popen(
            [str(programs.path("pg_restore")), "--list"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._input = cast(IO[bytes], self._process.stdin)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_details: object) -> None:
        self._process.kill()
        self.succeeded()

    def write(self, data: bytes) -> None:
        """Pass bytes on; pg_restore closes the pipe once it has read the list."""
        with contextlib.suppress(OSError):
            self._input.write(data)

    def succeeded(self) -> bool:
        """Wait for pg_restore; returns whether it could read the dump."""
        with contextlib.suppress(OSError):
            self._input.close()
        return self._process.wait() == 0


def verify_sql(path: Path, stream: TextIO) -> list[str]:
    """Read a whole SQL file and check its end; returns lines about it. Raises Damaged."""
    tail, size = b"", os.path.getsize(path)
    with path.open("rb") as source, Progress(stream, size, _("Verifying")) as shown:
        while chunk := source.read(2**20):
            tail = (tail + chunk)[-TAIL:]
            shown.add(len(chunk))
    text = tail.replace(b"\0", b"")  # PowerShell's `>` writes UTF-16
    if not any(end in text for end in SQL_ENDS):
        raise Damaged(_("The file %(file)s is damaged: it is cut off.") % {"file": path})
    return [_("It is complete. SQL files have no checksums: only an archive can be verified.")]


def describe_content(manifest: dict[str, Any]) -> Iterator[str]:
    """Yield lines that say what an archive holds; a newer Camp's may lack some entries."""
    values = collections.defaultdict(lambda: "?", manifest)
    with contextlib.suppress(TypeError, ValueError):
        made_at = localtime(datetime.fromisoformat(values["made_at"]))
        values["time"] = f"{made_at:%Y-%m-%d %H:%M:%S}"
    sentence = _(
        "Made %(time)s by Camp %(camp)s, from %(database)s on %(engine)s %(engine_version)s "
        "(%(environment)s)"
    )
    yield sentence % values
    with contextlib.suppress(AttributeError, TypeError, KeyError):
        files = manifest["files"]
        yield _("Holds: %(rows)s, %(files)s") % {
            "rows": report.count_rows(sum(manifest["counts"].values())),
            "files": report.count_files(files["count"]) if files else _("no files"),
        }
    yield _("Every checksum matches.")
