"""Restore from a dump: plain SQL, or pg_dump's custom format; and explain files that are none."""

import codecs
import collections
import contextlib
import sqlite3
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TextIO

from django.core.management import CommandError
from django.db import connection
from django.utils.translation import gettext as _

from camp.config import shell
from camp.operations import console
from camp.operations.backup.archive import MANIFEST, Damaged
from camp.operations.backup.restore import postgresql, prepare
from camp.operations.backup.restore.prepare import Result
from camp.operations.backup.swap import AtomicSwap
from camp.operations.local_postgres import programs

HEAD = 4096
# PowerShell's `>` writes UTF-16, and Windows's editors begin UTF-8 with a mark.
MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
POSTGRESQL = "PostgreSQL database dump"
CLUSTER = "PostgreSQL database cluster dump"
SQLITE = ("BEGIN TRANSACTION;", "PRAGMA foreign_keys=OFF;")
# What a whole dump ends with, among its last lines.
LAST_LINES = 12
ENDS: dict[str | None, bytes] = {
    "PostgreSQL": b"-- PostgreSQL database dump complete",
    "SQLite": b"COMMIT;",
}
# SQL of SQLite must open no file other than its own.
FORBIDDEN = {sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH}
CUSTOM_DUMP = b"PGDMP"
# How files of other kinds begin.
SQLITE_FILE = b"SQLite format 3\0"
ZIP = b"PK"
COMPRESSED = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
}
TAR_DUMP = "toc.dat"  # what `pg_dump -Ft` begins with


class Dump:
    """A dump that shall be restored. It has no files: those in the storage stay as they are."""

    files = False
    counts: dict[str, int] | None = None
    left_out: Sequence[str] = ()
    engine: str | None = "PostgreSQL"  # None for what is no dump of one database

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self.bytes = self.path.stat().st_size

    @property
    def name(self) -> str:
        """The name of the file."""
        return self.path.name

    @property
    def runs_sql(self) -> bool:
        """Whether the file holds statements that run on a server."""
        return self.engine == "PostgreSQL"

    def refuse(self) -> None:
        """Raise CommandError where this database cannot take it."""
        prepare.refuse_other_engine(self.path, self.engine)

    def create_database(self, new: AtomicSwap) -> None:
        """Create the new database."""
        new.create_database()

    def check_files(self, result: Result) -> None:
        """Do nothing: no files came with it."""

    def add_files(self, undo: contextlib.ExitStack) -> None:
        """Do nothing."""


class CustomDump(Dump):
    """A dump in pg_dump's custom format (`pg_dump -Fc`)."""

    def refuse(self) -> None:
        """Raise CommandError where this database cannot take it."""
        super().refuse()
        self._programs = programs.newest_client("pg_restore")

    def refuse_without_room(self) -> None:
        """Do nothing: PostgreSQL's disk may be on another machine."""

    def action(self) -> str:
        """Return the sentence that says what will happen."""
        sentence = _(
            "All of this will be replaced by the dump %(file)s (%(size)s). The stored files stay."
        )
        return sentence % {"file": self.name, "size": console.format_size(self.bytes)}

    def unpack(self, new: AtomicSwap, stream: TextIO) -> None:
        """Read all of the dump; raises Damaged where it is cut or damaged."""
        postgresql.check_custom(self._programs, self.path)

    def fill(self, stream: TextIO) -> None:
        """Bring the dump into the new database, to which Django is connected."""
        postgresql.restore_custom(self._programs, self.path)


class SqlDump(Dump):
    """A plain SQL dump: pg_dump's, or that of `manage.py backup --sql`."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        with self.path.open("rb") as stream:
            head = stream.read(HEAD)
        found = (encoding for mark, encoding in MARKS.items() if head.startswith(mark))
        self._encoding = next(found, None)
        text = head.decode(self._encoding or "utf-8", errors="replace").lstrip()
        self._windows = "\r\n" in text
        self.engine = _detect_engine(text)

    def refuse(self) -> None:
        """Raise CommandError where this database cannot take it."""
        if self.engine is None:
            sentence = _(
                "%(file)s is neither a Camp archive nor a plain SQL dump of one database: nothing "
                "was done. Archives are made with: %(fix)s"
            )
            raise CommandError(_fill(sentence, self.path))
        super().refuse()

    def refuse_without_room(self) -> None:
        """Raise CommandError where the disk has no room for an SQLite database of that size."""
        if connection.vendor == "sqlite":
            folder = Path(connection.settings_dict["NAME"]).resolve().parent
            prepare.refuse_without_room({folder: self.bytes})

    def action(self) -> str:
        """Return the sentence that says what will happen."""
        sentence = _(
            "All of this will be replaced by the SQL dump %(file)s (%(size)s). "
            "The stored files stay."
        )
        return sentence % {"file": self.name, "size": console.format_size(self.bytes)}

    def unpack(self, new: AtomicSwap, stream: TextIO) -> None:
        """Read all of the dump; raises Damaged where it is cut, or is more than data."""
        with console.Progress(stream, self.bytes, _("Checking the dump")) as progress:
            last: collections.deque[bytes] = collections.deque(maxlen=LAST_LINES)
            lines = _remember(self._read_lines(progress), last)
            if self.engine == "PostgreSQL":
                postgresql.check_statements(postgresql.split_statements(lines))
            for _line in lines:
                pass
            if not any(line.rstrip() == ENDS[self.engine] for line in last):
                sentence = _("The dump %(file)s is cut off: its last line is missing.")
                raise Damaged(sentence % {"file": self.path})

    def _read_lines(self, progress: console.Progress | None = None) -> Iterator[bytes]:
        """Yield the lines of the dump as bytes, whatever Windows made of them."""
        with contextlib.ExitStack() as stack:
            lines: Iterable[bytes]
            if self._encoding:
                stream = self.path.open(encoding=self._encoding, newline="\n")
                lines = (line.encode() for line in stack.enter_context(stream))
                width = 2 if self._encoding == "utf-16" else 1
            else:
                lines, width = stack.enter_context(self.path.open("rb")), 1
            try:
                for line in lines:
                    if progress:
                        progress.add(len(line) * width)
                    yield line[:-2] + b"\n" if self._windows and line.endswith(b"\r\n") else line
            except UnicodeDecodeError as error:
                sentence = _("The dump %(file)s is damaged: it is not text (%(why)s).")
                raise Damaged(sentence % {"file": self.path, "why": error.reason}) from None

    def fill(self, stream: TextIO) -> None:
        """Bring the dump into the new database, to which Django is connected."""
        if self.engine == "PostgreSQL":
            postgresql.execute_statements(self._read_lines(), connection.settings_dict["NAME"])
        else:
            _execute_sqlite(self._read_lines())


def _detect_engine(text: str) -> str | None:
    """Return the engine of a dump by its beginning, or None where it is no dump of one database."""
    if CLUSTER in text:
        return None
    if POSTGRESQL in text and text.startswith("--"):
        return "PostgreSQL"
    return "SQLite" if text.startswith(SQLITE) else None


def _remember(lines: Iterable[bytes], last: collections.deque[bytes]) -> Iterator[bytes]:
    for line in lines:
        if line.strip():
            last.append(line)
        yield line


def _execute_sqlite(lines: Iterable[bytes]) -> None:
    """Run the statements of a dump of SQLite; raises DatabaseError."""
    file = connection.settings_dict["NAME"]
    with (
        connection.wrap_database_errors,
        contextlib.closing(sqlite3.connect(file, isolation_level=None)) as target,
    ):
        target.set_authorizer(
            lambda action, *_: sqlite3.SQLITE_DENY if action in FORBIDDEN else sqlite3.SQLITE_OK
        )
        statement: list[bytes] = []
        for line in lines:
            statement.append(line)
            if line.rstrip().endswith(b";"):
                text = b"".join(statement).decode()
                if sqlite3.complete_statement(text):
                    target.execute(text)
                    statement.clear()
        if b"".join(statement).strip():
            raise Damaged(_("The dump is cut off: it ends in the middle of a statement."))


def explain_foreign_file(path: Path) -> str | None:
    """Return the sentence for a file that `restore` cannot take, or None for what it may.

    Raises OSError.
    """
    with path.open("rb") as stream:
        head = stream.read(512)
    if not head:
        return _fill(_("%(file)s is empty: nothing was done."), path)
    if head.startswith(SQLITE_FILE):
        sentence = _(
            "%(file)s is an SQLite file, not a Camp archive: nothing was done. To use it, stop "
            "Camp and name it in DATABASE_URL; archives are made with: %(fix)s"
        )
        return _fill(sentence, path)
    for magic, program in COMPRESSED.items():
        if head.startswith(magic):
            sentence = _("%(file)s is compressed with %(program)s: unpack it first.")
            return _fill(sentence, path, program=program)
    if head.startswith(ZIP):
        sentence = _(
            "%(file)s is a ZIP file, not a Camp archive: nothing was done. If it contains a "
            "backup, unpack it first; archives are made with: %(fix)s"
        )
        return _fill(sentence, path)
    return _explain_foreign_tar(path)


def _explain_foreign_tar(path: Path) -> str | None:
    try:
        with tarfile.open(path, "r:") as archive:
            first = archive.next()
    except (tarfile.TarError, ValueError):
        return None
    if first is None or first.name == MANIFEST:
        return None
    if first.name == TAR_DUMP:
        sentence = _(
            "%(file)s is a dump in pg_dump's tar format, which is not supported: nothing was "
            "done. Dump it again with pg_dump -Fc."
        )
    else:
        sentence = _(
            "%(file)s is a tar file, but not a Camp archive: nothing was done. Archives are made "
            "with: %(fix)s"
        )
    return _fill(sentence, path)


def _fill(sentence: str, path: Path, **values: object) -> str:
    """Return a sentence with the file's name and the command that makes a backup."""
    return sentence % {"file": path, "fix": shell.manage("backup"), **values}
