"""A dump of PostgreSQL as statements, which are sent one by one.

Not through psql, to which a dump could give commands of its own: a dump is data. As with
pg_restore's --no-owner and --no-privileges, whose things were is left out: those people may
not be known here.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

import psycopg
from django.db import connection
from django.utils.translation import gettext as _

from camp.operations.backup.archive import Damaged
from camp.operations.database import server as database

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
CHUNK = 1000


class Refused(Damaged):
    """A dump that does more than fill one database; the message is one sentence."""


@dataclass
class Statement:
    """A statement without comments, and the lines of data that follow it, if it is a COPY.

    The data must be read before the next statement.
    """

    text: bytes
    data: Iterable[bytes] | None = None


def split(lines):
    """Yield the Statements of a dump's lines; raises Refused, and Damaged where it is cut."""
    reader = _Reader()
    lines = iter(lines)
    for line in lines:
        for text in reader.take(line):
            if COPY_IN.fullmatch(text):
                data = _data(lines)
                yield Statement(text, data)
                for _line in data:  # whoever took the statement may not have cared
                    pass
            else:
                yield Statement(text)
    if reader.is_within():
        raise Damaged(_("The dump is cut off: it ends in the middle of a statement."))


def _data(lines):
    """Yield the lines up to the one that ends a COPY."""
    for line in lines:
        if line.startswith(b"\\.") and line.rstrip(b"\r\n") == b"\\.":
            return
        yield line
    raise Damaged(_("The dump is cut off: it ends in the middle of a table."))


class _Reader:
    """What is known at the end of a line about where one is."""

    def __init__(self):
        self._text = bytearray()
        self._depth = 0  # of parentheses
        self._comments = 0
        self._end = None  # what ends the string that one is in

    def is_within(self):
        """Return whether something has begun and not ended."""
        return bool(self._end or self._comments or self._text.strip())

    def take(self, line):
        """Yield the statements that end in a line."""
        if not self.is_within() and HARMLESS.fullmatch(line):
            return
        position = 0
        while position < len(line):
            if self._comments:
                position = self._skip_comment(line, position)
            elif self._end:
                position = self._string(line, position)
            else:
                found = TOKEN.search(line, position)
                stop = found.start() if found else len(line)
                self._text += line[position:stop]
                position = found.end() if found else stop
                if found and self._token(found[0]):
                    yield bytes(self._text).strip()
                    self._text.clear()

    def _token(self, token):
        """Take a token outside of strings; returns whether it ends a statement."""
        if token == b"/*":
            self._comments = 1
        elif token == b"\\":
            raise Refused(
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

    def _skip_comment(self, line, position):
        found = COMMENT_PART.search(line, position)
        if not found:
            return len(line)
        self._comments += 1 if found[0] == b"/*" else -1
        return found.end()

    def _string(self, line, position):
        """Take what belongs to the string that one is in; returns where that stops."""
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
            self._end = None
        return stop


def check(statements):
    """Read all of a dump's statements; raises Refused for one that leaves the database."""
    for statement in statements:
        if statement.data is not None:
            continue
        if found := FORBIDDEN.match(statement.text):
            sentence = _(
                "The dump holds “%(statement)s”: only what fills one database is restored."
            )
            words = b" ".join(found[0].split()).decode(errors="replace")
            raise Refused(sentence % {"statement": words})


def execute(lines, name):
    """Fill a database with a dump, in one transaction; raises Damaged, DatabaseError."""
    parameters = database.connection_parameters(name)
    with (
        connection.wrap_database_errors,
        psycopg.connect(**parameters, prepare_threshold=None) as server,
        server.cursor() as cursor,
    ):
        known = {key for (key,) in cursor.execute("SELECT name FROM pg_settings")}
        for statement in split(lines):
            setting = SETTING.match(statement.text)
            if setting and setting[1].decode().lower() not in known | {"names", "time"}:
                continue  # of a newer pg_dump
            if LEFT_OUT.match(statement.text):
                continue
            if statement.data is None:
                cursor.execute(statement.text)
            else:
                with cursor.copy(statement.text) as copy:
                    for chunk in _joined(statement.data):
                        copy.write(chunk)


def _joined(lines):
    """Yield the lines in larger chunks."""
    chunk = []
    for line in lines:
        chunk.append(line)
        if len(chunk) == CHUNK:
            yield b"".join(chunk)
            chunk.clear()
    yield b"".join(chunk)
