"""The database: a fresh one in the place of the old one, in one step."""

import contextlib
import gc
import os
import random
import re
import sqlite3
import struct
from pathlib import Path

from django.core.management import CommandError
from django.db import connection
from django.utils.translation import gettext as _

from camp.db.errors import error_reason
from camp.fs.atomic import sync_folder
from camp.operations.database import connected_users, server
from camp.operations.server import lock, processes

# What SQLite keeps beside a database's file.
SUFFIXES = ("-wal", "-shm", "-journal")
# PostgreSQL takes names of up to 63 bytes; the rest is for what is put behind one.
LONGEST = 30
# Where the header of an SQLite database has the number that `PRAGMA user_version` sets.
VERSION_AT = 60


def abandoned():
    """Return the names of databases that earlier replacements could not drop.

    That of one which is under way is among them. With SQLite there are none. Raises
    DatabaseError.
    """
    if connection.vendor != "postgresql":
        return []
    short = shortened(connection.settings_dict["NAME"])
    form = re.compile(rf"{re.escape(short)}_(?:before|restore)_\d{{14}}_[0-9a-f]{{6}}")
    return list(filter(form.fullmatch, server.names_that_begin(f"{short}_")))


def shortened(name):
    """Return what the names of the databases beside one called `name` begin with."""
    return name.encode()[:LONGEST].decode(errors="ignore")


def of(vendor, id_):
    """Return the engine's way for the configured database."""
    name = connection.settings_dict["NAME"]
    return PostgreSQL(name, id_) if vendor == "postgresql" else SQLite(name, id_)


class PostgreSQL:
    """A database of the server; both are renamed in one transaction.

    `fresh` is what `database.connected_to` takes.
    """

    def __init__(self, name, id_):
        self.name = name
        short = shortened(name)
        self.fresh = f"{short}_restore_{id_}"
        self._aside = f"{short}_before_{id_}"

    @contextlib.contextmanager
    def frozen(self):
        """Let nobody write to the old database; after the context nobody may even connect.

        Raises CommandError where somebody writes just now, DatabaseError.
        """
        with connected_users.read_only(self.name) as is_there:
            yield
            if is_there:
                connected_users.close_to_all(self.name)

    def release(self):
        """Do nothing: `back` and `forward` let people connect again."""

    def make(self):
        """Make the fresh database, empty."""
        server.create(self.fresh, hasty=True)

    def seal(self):
        """Bring the fresh database to the disk; returns what it is recognised by."""
        return server.make_lasting(self.fresh)

    def swap(self):
        """Put the fresh database into its place."""
        server.swap(self.fresh, self.name, self._aside)

    def is_done(self, identity):
        """Return whether the database in place is the fresh one."""
        return identity is not None and server.oid(self.name) == identity

    def forward(self):
        """Drop the old database; raises DatabaseError."""
        server.open_again(self.name)
        server.drop(self._aside)

    def left(self, why):
        """Return the sentence for an old database that `forward` could not drop."""
        sentence = _(
            "The old database is still there, as %(name)s, since it could not be dropped "
            "(%(why)s). Drop it with: %(fix)s"
        )
        values = {"name": self._aside, "why": why, "fix": server.drop_statement(self._aside)}
        return sentence % values

    def back(self):
        """Drop the fresh database."""
        server.open_again(self.name)
        server.drop(self.fresh)


class SQLite:
    """A file; the fresh one is renamed over the old one."""

    def __init__(self, name, id_):
        self.name = name
        self._file = Path(name).resolve()
        self.fresh = self._file.with_name(f"{self._file.name}.restore-{id_}")
        self._aside = self._file.with_name(f"{self._file.name}.before-{id_}")

        self._watch = self._version = None

    @contextlib.contextmanager
    def frozen(self):
        """Notice whatever is written to the old database from now on: `swap` refuses then.

        Raises CommandError while another program has it open.
        """
        if self._file.exists():
            with self._alone():
                pass
            self._watch = sqlite3.connect(self._file, isolation_level=None)
            self._version = self._data_version()
        yield

    def release(self):
        """Close the old database."""
        if self._watch is not None:
            self._watch.close()
            self._watch = None

    def _data_version(self):
        """Return a number that changes when others write; None where the file is broken."""
        try:
            return self._watch.execute("PRAGMA data_version").fetchone()[0]
        except sqlite3.DatabaseError:
            return None

    def make(self):
        """Make the fresh database, empty."""
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(self.fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))

    def seal(self):
        """Bring the fresh database to the disk; returns what it is recognised by."""
        identity = random.getrandbits(31) or 1
        with contextlib.closing(sqlite3.connect(self.fresh, isolation_level=None)) as fresh:
            fresh.execute(f"PRAGMA user_version = {identity}")
            # All of it in one file, and as it was made wherever it is opened.
            fresh.execute("PRAGMA journal_mode = DELETE")
        if os.name == "posix" and os.geteuid() == 0:
            owner = (self._file if self._file.exists() else self._file.parent).stat()
            os.chown(self.fresh, owner.st_uid, owner.st_gid)
        with self.fresh.open("r+b") as stream:
            os.fsync(stream.fileno())
        sync_folder(self.fresh.parent)
        return identity

    def swap(self):
        """Put the fresh database into its place; raises CommandError where the old one is used."""
        connection.close()
        with self._alone() if self._file.exists() else contextlib.nullcontext() as old:
            if old:
                # Brings all that was written into the file itself.
                old.execute("PRAGMA journal_mode = DELETE")
                if os.name == "posix":  # Windows replaces no open file
                    old.execute("BEGIN EXCLUSIVE")
                else:
                    old.close()
            self._replace()

    def _replace(self):
        for suffix in SUFFIXES:
            # What a broken database left there would be taken for the fresh one's.
            with contextlib.suppress(FileNotFoundError):
                os.replace(_beside(self._file, suffix), _beside(self._aside, suffix))
        sync_folder(self._file.parent)
        os.replace(self.fresh, self._file)
        sync_folder(self._file.parent)

    @contextlib.contextmanager
    def _alone(self):
        """Yield a connection to the old database that keeps everybody else out.

        Yields None where it is broken. Raises CommandError while another program has it
        open, or has written to it since it was `frozen`.
        """
        connection.close()
        # SQLite keeps a closed connection open as long as a cursor of it lies about.
        gc.collect()
        if others := processes.list_users_of(self._file):
            raise CommandError(self._in_use(lock.join_names(others)))
        if self._watch is None:
            self._watch = sqlite3.connect(self._file, isolation_level=None)
        try:
            yield self._watch if self._is_alone() else None
        finally:
            self.release()

    def _is_alone(self):
        """Return True once nobody else has the old database open, False where it is broken."""
        try:
            # So it cannot be opened while anybody else has it open.
            self._watch.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._watch.execute("PRAGMA busy_timeout = 1000")
            self._watch.execute("BEGIN IMMEDIATE")
            self._watch.execute("COMMIT")
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                return False  # broken: it is what shall be replaced
            raise CommandError(self._in_use(error_reason(error))) from None
        if self._version not in (None, self._data_version()):
            sentence = _(
                "Another program has written to the database %(file)s meanwhile: nothing was "
                "changed. Stop it, then try again."
            )
            raise CommandError(sentence % {"file": self._file})
        return True

    def _in_use(self, why):
        sentence = _(
            "Another program has the database %(file)s open (%(why)s): nothing was "
            "changed. Stop it, then try again."
        )
        return sentence % {"file": self._file, "why": why}

    def is_done(self, identity):
        """Return whether the database in place is the fresh one."""
        if identity is None or self.fresh.exists():
            return False
        with contextlib.suppress(FileNotFoundError), self._file.open("rb") as stream:
            stream.seek(VERSION_AT)
            return stream.read(4) == struct.pack(">i", identity)
        return False

    def forward(self):
        """Remove what the old database left; raises OSError."""
        for suffix in SUFFIXES:
            _beside(self._aside, suffix).unlink(missing_ok=True)
            _beside(self.fresh, suffix).unlink(missing_ok=True)

    def left(self, why):
        """Return the sentence for files that `forward` could not remove."""
        sentence = _("What is left of the old database cannot be removed (%(why)s): %(file)s")
        return sentence % {"why": why, "file": f"{self._aside}*"}

    def back(self):
        """Remove the fresh database."""
        for suffix in SUFFIXES:
            aside = _beside(self._aside, suffix)
            if aside.exists():
                os.replace(aside, _beside(self._file, suffix))
        for suffix in ("", *SUFFIXES):
            _beside(self.fresh, suffix).unlink(missing_ok=True)


def _beside(file, suffix):
    return file.with_name(file.name + suffix)
