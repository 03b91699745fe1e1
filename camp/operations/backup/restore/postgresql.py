"""Dumps of PostgreSQL: SQL is sent statement by statement, other formats go to pg_restore.

Not through psql, to which a dump could give commands of its own: a dump is data. As with
pg_restore's --no-owner and --no-privileges, owners and privileges are left out: those roles
may not exist here.
"""

import contextlib
import os
import re
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import psycopg
from django.db import connection
from django.utils.translation import gettext as _

from camp.operations.backup.archive import Damaged
from camp.operations.database import server
from camp.operations.local_postgres.programs import Failed, Programs, Running, run_meanwhile

# What has a meaning outside of strings and names.
TOKEN = re.compile(
    rb"--[^\n]*|/\*|(?<![\w$\x80-\xff])\$(?:[A-Za-z_\x80-\xff][\w\x80-\xff]*)?\$"
    rb"|(?<![\w$\x80-\xff])[eE]'|['\"();\\]"
)
ESCAPED_END = re.compile(rb"\\.|'", re.DOTALL)
COMMENT_PART = re.compile(rb"/\*|\*/")
# pg_dump's protection against what we do not do in the first place.
HARMLESS = re.compile(rb"\\(?:un)?restrict\s+\w+\s*")
COPY_IN = re.compile(rb"\s*COPY\s[^'$]*\sFROM\s+stdin\s*", re.IGNORECASE)
LEFT_OUT = re.compile(
    rb"\s*(?:GRANT\s|REVOKE\s|ALTER\s+DEFAULT\s+PRIVILEGES\s|SET\s+SESSION\s+AUTHORIZATION\s"
    rb"|BEGIN\s*$|COMMIT\s*$|START\s+TRANSACTION\s*$|COMMENT\s+ON\s+EXTENSION\s"
    rb"|ALTER\s.*\sOWNER\s+TO\s+[^\s;]+\s*$)",
    re.DOTALL | re.IGNORECASE,
)
FORBIDDEN = re.compile(
    rb"\s*(?:(?:CREATE|DROP|ALTER)\s+(?:DATABASE|ROLE|USER|GROUP|TABLESPACE|SYSTEM|SUBSCRIPTION)"
    rb"|ROLLBACK|COPY|SET\s+ROLE|LOAD)\b",
    re.IGNORECASE,
)
SETTING = re.compile(rb"\s*SET\s+(\w+)\s*(?:=|TO)\s", re.IGNORECASE)
LINES_AT_ONCE = 1000
# From this major on pg_restore sets what older servers do not know.
UNKNOWN_SETTING = 17
JOBS = 4
RESTORE_OPTIONS = ["--no-owner", "--no-privileges", "--exit-on-error"]


class ForbiddenStatement(Damaged):
    """A dump that does more than fill one database; the message is one sentence."""


@dataclass
class Statement:
    """A statement without comments, and the lines of data that follow it, if it is a COPY.

    The data must be read before the next statement.
    """

    text: bytes
    data: Iterator[bytes] | None = None


def split_statements(lines: Iterable[bytes]) -> Iterator[Statement]:
    """Yield the Statements of a dump; raises ForbiddenStatement, and Damaged where it is cut."""
    parser = _Parser()
    lines = iter(lines)
    for line in lines:
        for text in parser.feed(line):
            if COPY_IN.fullmatch(text):
                data = _read_copy(lines)
                yield Statement(text, data)
                for _line in data:  # the caller may not have read it
                    pass
            else:
                yield Statement(text)
    if parser.is_within():
        raise Damaged(_("The dump is cut off: it ends in the middle of a statement."))


def _read_copy(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the lines up to the one that ends a COPY."""
    for line in lines:
        if line.startswith(b"\\.") and line.rstrip(b"\r\n") == b"\\.":
            return
        yield line
    raise Damaged(_("The dump is cut off: it ends in the middle of a table."))


class _Parser:
    """A parser of lines, which remembers what has begun and not ended."""

    def __init__(self) -> None:
        self._text = bytearray()
        self._depth = 0  # of parentheses
        self._comments = 0
        self._end = b""  # what ends the current string, if there is one

    def is_within(self) -> bool:
        """Return whether something has begun and not ended."""
        return bool(self._end or self._comments or self._text.strip())

    def feed(self, line: bytes) -> Iterator[bytes]:
        """Yield the statements that end in a line."""
        if not self.is_within() and HARMLESS.fullmatch(line):
            return
        position = 0
        while position < len(line):
            if self._comments:
                position = self._skip_comment(line, position)
            elif self._end:
                position = self._add_string(line, position)
            else:
                found = TOKEN.search(line, position)
                stop = found.start() if found else len(line)
                self._text += line[position:stop]
                position = found.end() if found else stop
                if found and self._add_token(found[0]):
                    yield bytes(self._text).strip()
                    self._text.clear()

    def _add_token(self, token: bytes) -> bool:
        """Add a token outside of strings; returns whether it ends a statement."""
        if token == b"/*":
            self._comments = 1
        elif token == b"\\":
            raise ForbiddenStatement(
                _("The dump holds a command for psql: only data is restored from a dump.")
            )
        elif token == b";" and not self._depth:
            return bool(self._text.strip())
        elif not token.startswith(b"--"):
            self._text += token
            if token in b"()":
                self._depth = max(0, self._depth + (1 if token == b"(" else -1))
            elif token != b";":
                self._end = token
        return False

    def _skip_comment(self, line: bytes, position: int) -> int:
        found = COMMENT_PART.search(line, position)
        if not found:
            return len(line)
        self._comments += 1 if found[0] == b"/*" else -1
        return found.end()

    def _add_string(self, line: bytes, position: int) -> int:
        """Add what belongs to the current string; returns where that stops."""
        if self._end in (b"E'", b"e'"):
            found = ESCAPED_END.search(line, position)
            stop = found.end() if found else len(line)
            ends = found and found[0] == b"'"
        else:
            start = line.find(self._end, position)
            ends = start >= 0
            stop = start + len(self._end) if ends else len(line)
        self._text += line[position:stop]
        if ends:
            self._end = b""
        return stop


def check_statements(statements: Iterable[Statement]) -> None:
    """Read all statements; raises ForbiddenStatement for one that leaves the database."""
    for statement in statements:
        if statement.data is not None:
            continue
        if found := FORBIDDEN.match(statement.text):
            sentence = _(
                "The dump holds “%(statement)s”: only what fills one database is restored."
            )
            words = b" ".join(found[0].split()).decode(errors="replace")
            raise ForbiddenStatement(sentence % {"statement": words})


def execute_statements(lines: Iterable[bytes], name: str) -> None:
    """Fill a database with a dump, in one transaction; raises Damaged, DatabaseError."""
    parameters = server.connection_parameters(name)
    with (
        connection.wrap_database_errors,
        psycopg.connect(**parameters, prepare_threshold=None) as target,
        target.cursor() as cursor,
    ):
        known = {key for (key,) in cursor.execute("SELECT name FROM pg_settings")}
        for statement in split_statements(lines):
            setting = SETTING.match(statement.text)
            if setting and setting[1].decode().lower() not in known | {"names", "time"}:
                continue  # of a newer pg_dump
            if LEFT_OUT.match(statement.text):
                continue
            if statement.data is None:
                cursor.execute(statement.text)
            else:
                with cursor.copy(statement.text) as copy:
                    while chunk := b"".join(islice(statement.data, LINES_AT_ONCE)):
                        copy.write(chunk)


def restore_custom(programs: Programs, dump: Path) -> None:
    """Fill the empty database that Django is connected to with a custom dump; raises Damaged.

    `programs` are those of a PostgreSQL that can read the dump.
    """
    name = connection.settings_dict["NAME"]
    if programs.major >= UNKNOWN_SETTING > (server.server_version() or 0):
        with _pg_restore(programs, "--file=-", dump, stdout=subprocess.PIPE) as process:
            execute_statements(process.output, name)
        return
    jobs = f"--jobs={min(JOBS, os.cpu_count() or 1)}"
    quoted = name.replace("\\", "\\\\").replace("'", "\\'")
    with _pg_restore(programs, "--no-password", jobs, dump, f"--dbname=dbname='{quoted}'"):
        pass


def check_custom(programs: Programs, dump: Path) -> None:
    """Read all of a custom dump; raises Damaged where it is cut or damaged."""
    with _pg_restore(programs, f"--file={os.devnull}", dump):
        pass


@contextlib.contextmanager
def _pg_restore(
    programs: Programs, *words: str | Path, stdout: int = subprocess.DEVNULL
) -> Iterator[Running]:
    """Run pg_restore meanwhile; raises Damaged where it fails."""
    environment = server.program_environment(connection.settings_dict["NAME"])
    words = (*RESTORE_OPTIONS, *words)
    program = programs.path("pg_restore")
    try:
        with run_meanwhile(program, *words, stdout=stdout, env=environment) as process:
            yield process
    except Failed as error:
        sentence = _("pg_restore could not restore it (%(why)s).")
        raise Damaged(sentence % {"why": error}) from None
