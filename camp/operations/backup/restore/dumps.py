"""Restoring from a plain SQL dump: pg_dump's, or that of `manage.py backup --sql`."""

import codecs
import collections
import contextlib
import sqlite3
from pathlib import Path

from django.core.management import CommandError
from django.db import connection
from django.utils.translation import gettext as _

from camp.config import shell
from camp.operations import console
from camp.operations.backup.archive import Damaged
from camp.operations.backup.restore import disk_space, statements
from camp.operations.database import server

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
ENDS = {"PostgreSQL": b"-- PostgreSQL database dump complete", "SQLite": b"COMMIT;"}
# What an SQL of SQLite may do with a file other than its own: nothing.
FORBIDDEN = {sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH}


class Dump:
    """A plain SQL dump that shall be restored; the stored files stay as they are."""

    files = False
    counts = None

    def __init__(self, path):
        self.path = path
        with path.open("rb") as stream:
            head = stream.read(HEAD)
        found = (encoding for mark, encoding in MARKS.items() if head.startswith(mark))
        self._encoding = next(found, None)
        text = head.decode(self._encoding or "utf-8", errors="replace").lstrip()
        self._windows = "\r\n" in text
        self._engine = _engine(text)

    @property
    def runs_sql(self):
        """Whether the file holds statements that run on a server."""
        return self._engine == "PostgreSQL"

    @property
    def name(self):
        """What people call it."""
        return self.path.name

    def refuse(self):
        """Raise CommandError where this database cannot take it."""
        if self._engine is None:
            sentence = _(
                "%(file)s is neither an archive of Camp nor a plain SQL dump of one database: "
                "nothing was done. Archives are made with: %(fix)s"
            )
            raise CommandError(sentence % {"file": self.path, "fix": shell.manage("backup")})
        here = server.place().engine
        if self._engine != here:
            sentence = _(
                "The dump %(file)s is one of %(engine)s, and this database is %(here)s: nothing "
                "was done. Where it came from, make an archive that either takes: %(fix)s"
            )
            fix = shell.manage("backup", "--portable")
            values = {"file": self.path, "engine": self._engine, "here": here, "fix": fix}
            raise CommandError(sentence % values)

    def refuse_without_room(self):
        """Raise CommandError where the disk has no room for an SQLite database of that size."""
        if connection.vendor == "sqlite":
            folder = Path(connection.settings_dict["NAME"]).resolve().parent
            disk_space.refuse_without({folder: self.path.stat().st_size})

    def action(self):
        """Return the sentence that says what will happen."""
        sentence = _(
            "All of this will be replaced by the SQL dump %(file)s (%(size)s). "
            "The stored files stay."
        )
        size = console.size(self.path.stat().st_size)
        return sentence % {"file": self.path.name, "size": size}

    def unpack(self, new, stream):
        """Read all of the dump; raises Damaged where it is cut, or is more than data."""
        with console.Progress(stream, self.path.stat().st_size, _("Checking the dump")) as shown:
            last = collections.deque(maxlen=LAST_LINES)
            lines = _noted(self._lines(shown), last)
            if self._engine == "PostgreSQL":
                statements.check(statements.split(lines))
            for _line in lines:
                pass
            if not any(line.rstrip() == ENDS[self._engine] for line in last):
                sentence = _("The dump %(file)s is cut off: its last line is missing.")
                raise Damaged(sentence % {"file": self.path})

    def _lines(self, shown=None):
        """Yield the lines of the dump as bytes, whatever Windows made of them."""
        with contextlib.ExitStack() as stack:
            if self._encoding:
                stream = self.path.open(encoding=self._encoding, newline="\n")
                lines = (line.encode() for line in stack.enter_context(stream))
                width = 2 if self._encoding == "utf-16" else 1
            else:
                lines, width = stack.enter_context(self.path.open("rb")), 1
            try:
                for line in lines:
                    if shown:
                        shown.add(len(line) * width)
                    yield line[:-2] + b"\n" if self._windows and line.endswith(b"\r\n") else line
            except UnicodeDecodeError as error:
                sentence = _("The dump %(file)s is damaged: it is no text (%(why)s).")
                raise Damaged(sentence % {"file": self.path, "why": error.reason}) from None

    def make_database(self, new):
        """Make the fresh database."""
        new.make_database()

    def fill(self, new, result, stream):
        """Bring the dump into the fresh database, to which Django is connected."""
        if self._engine == "PostgreSQL":
            statements.execute(self._lines(), connection.settings_dict["NAME"])
        else:
            _execute_sqlite(self._lines())

    def check(self, new, result):
        """Do nothing: no files came with it."""


def _engine(text):
    """Return which engine a dump is of by its beginning, or None where it is no dump of one."""
    if CLUSTER in text:
        return None
    if POSTGRESQL in text and text.startswith("--"):
        return "PostgreSQL"
    return "SQLite" if text.startswith(SQLITE) else None


def _noted(lines, last):
    for line in lines:
        if line.strip():
            last.append(line)
        yield line


def _execute_sqlite(lines):
    """Run the statements of a dump of SQLite; raises DatabaseError."""
    file = connection.settings_dict["NAME"]
    with (
        connection.wrap_database_errors,
        contextlib.closing(sqlite3.connect(file, isolation_level=None)) as fresh,
    ):
        fresh.set_authorizer(
            lambda action, *_: sqlite3.SQLITE_DENY if action in FORBIDDEN else sqlite3.SQLITE_OK
        )
        statement = []
        for line in lines:
            statement.append(line)
            if line.rstrip().endswith(b";"):
                text = b"".join(statement).decode()
                if sqlite3.complete_statement(text):
                    fresh.execute(text)
                    statement.clear()
        if b"".join(statement).strip():
            raise Damaged(_("The dump is cut off: it ends in the middle of a statement."))
