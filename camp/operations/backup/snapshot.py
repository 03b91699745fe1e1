"""A picture of the database at one moment, while people go on working.

On PostgreSQL it is a transaction whose snapshot pg_dump takes over. On SQLite it is a copy,
made by the online backup API from within a read transaction: in WAL mode nobody waits for
that, and however much is written meanwhile, it never has to begin again.
"""

import contextlib
import os
import sqlite3
import subprocess
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from django.core.management import CommandError
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils.translation import gettext as _
from psycopg import IsolationLevel

from camp.db import bigram_index
from camp.operations.console import Silent
from camp.operations.database import server
from camp.operations.local_postgres import programs as postgres_programs

# Pages that are copied between two looks at the progress.
PAGES_AT_ONCE = 4096
NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL


@dataclass
class Snapshot:
    """What is in the database at one moment.

    `connection` is one of Django's, for reading only. `member` is what the database is
    called in an archive, `dump(writer, progress)` adds it there.
    """

    connection: BaseDatabaseWrapper
    member: str
    about: dict
    dump: callable

    def counts(self):
        """Return {table: rows} of every table."""
        return server.row_counts(self.connection)

    def migrations(self):
        """Return {app: names of its migrations that ran}."""
        with self.connection.cursor() as cursor:
            if "django_migrations" not in self.connection.introspection.table_names(cursor):
                return {}
            cursor.execute("SELECT app, name FROM django_migrations ORDER BY app, name")
            found = {}
            for app, name in cursor.fetchall():
                found.setdefault(app, []).append(name)
        return found


def taken(scratch, progress, dump=True):
    """Return a context manager that yields a Snapshot.

    `scratch` is a path at which a copy may be made meanwhile, `progress(label, total)`
    returns a Progress, `dump` says whether the snapshot's own will be called. Raises
    CommandError, DatabaseError, OSError.
    """
    if server.is_postgresql():
        return of_postgresql(dump_programs() if dump else None)
    return of_sqlite(scratch, progress)


@contextlib.contextmanager
def of_postgresql(programs):
    """Yield the Snapshot of a PostgreSQL; `programs` are those that dump it, or None."""
    wrapper = connection.copy()
    wrapper.settings_dict["OPTIONS"]["isolation_level"] = IsolationLevel.REPEATABLE_READ
    try:
        wrapper.set_autocommit(False)
        with wrapper.cursor() as cursor:
            cursor.execute("SET TRANSACTION READ ONLY")
            # While files are packed this connection has nothing to do for long.
            cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            cursor.execute("SET LOCAL statement_timeout = 0")
            cursor.execute("SELECT pg_export_snapshot()")
            [name] = cursor.fetchone()
        info = wrapper.connection.info
        about = {
            "engine_version": info.parameter_status("server_version").split()[0],
            "engine_major": info.server_version // 10_000,
            "dump_tool": programs.version if programs else None,
        }
        with contextlib.ExitStack() as stack:
            dump = None
            if programs:
                # Begun now, it reads the catalogue while the rows are counted.
                words = ("--format=custom", f"--snapshot={name}")
                process = stack.enter_context(dumping(programs, *words))
                dump = partial(pack_dump, process)
            yield Snapshot(wrapper, "database.dump", about, dump)
    finally:
        wrapper.close()


def dump_programs():
    """Return the Programs whose pg_dump fits the server; raises ToolsMissing."""
    return postgres_programs.client("pg_dump", at_least=server.server_version())


def pack_dump(process, writer, progress):
    """Add what a running pg_dump makes of a snapshot to an archive."""
    writer.add_stream("database.dump", process.stdout, progress)
    refuse_failed(process)


@contextlib.contextmanager
def dumping(programs, *arguments):
    """Yield the Popen of a pg_dump that has begun; it does not outlive the block."""
    command = [str(programs.path("pg_dump")), "--no-password", *arguments]
    # Into a file: it may be too long for a pipe that nobody reads yet.
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            command,
            env=server.program_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
        )
        process.errors = errors
        try:
            with process.stdout:
                yield process
        finally:
            process.kill()  # which does nothing to one that has ended
            process.wait()


def refuse_failed(process):
    """Wait for a pg_dump of which all was read; raises CommandError where it failed."""
    if process.wait():
        process.errors.seek(0)
        why = postgres_programs.telling_line(process.errors.read().decode(errors="replace"))
        raise CommandError(_("pg_dump failed (%(why)s): no backup was made.") % {"why": why})


@contextlib.contextmanager
def of_sqlite(scratch, progress):
    """Yield the Snapshot of an SQLite database: a copy at `scratch`, checked."""
    wrapper = connection.copy()
    try:
        with progress(_("Copying the database"), server.size()) as shown:
            copy_sqlite(connection.settings_dict["NAME"], scratch, shown)
        wrapper.settings_dict["NAME"] = f"{Path(scratch).absolute().as_uri()}?immutable=1"
        wrapper.settings_dict["OPTIONS"] = {}
        check_sqlite(wrapper, scratch)
        yield Snapshot(
            wrapper,
            "database.sqlite3",
            {"engine_version": sqlite3.sqlite_version, "engine_major": None, "dump_tool": None},
            lambda writer, progress: writer.add_file("database.sqlite3", scratch, None, progress),
        )
    finally:
        wrapper.close()
        Path(scratch).unlink(missing_ok=True)


@contextlib.contextmanager
def reading_sqlite(source):
    """Yield a connection within a read transaction: it sees one moment until its end."""
    with contextlib.closing(sqlite3.connect(source, timeout=20, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
        yield reader


def copy_sqlite(source, target, progress=None):
    """Copy an SQLite database as it is at this moment; raises DatabaseError, OSError."""
    progress = progress or Silent()
    os.close(os.open(target, NEW_FILE, 0o600))
    done = 0

    def step(status, remaining, total):
        nonlocal done
        copied = (total - remaining) * page_size
        progress.add(copied - done)
        done = copied

    with (
        connection.wrap_database_errors,
        reading_sqlite(source) as reader,
        contextlib.closing(sqlite3.connect(target)) as copy,
    ):
        [page_size] = reader.execute("PRAGMA page_size").fetchone()
        # It is thrown away or synced as part of the archive.
        copy.execute("PRAGMA synchronous=OFF")
        copy.execute("PRAGMA journal_mode=OFF")
        reader.backup(copy, pages=PAGES_AT_ONCE, progress=step, sleep=0)


def check_sqlite(wrapper, file):
    """Raise CommandError if the copied database is damaged."""
    thorough = os.path.getsize(file) <= server.CHECK_ALL_UP_TO
    if why := server.sqlite_damage(wrapper, thorough):
        raise CommandError(
            _("The database is damaged (%(why)s): no backup was made.") % {"why": why}
        )


@contextlib.contextmanager
def as_sql(scratch):
    """Yield chunks of bytes: the database as one moment's SQL, for psql or sqlite3.

    It names no owner and no rights: it is for another machine. `scratch` is a path at which
    a copy may be made meanwhile.
    """
    if not server.is_postgresql():
        with without_indexes(scratch) as (copy, anew):
            yield (f"{line}\n".encode() for line in sqlite_lines(copy, anew))
        return
    words = ("--format=plain", "--no-owner", "--no-privileges")
    with dumping(dump_programs(), *words) as process:
        yield iter(lambda: process.stdout.read(2**20), b"")
        refuse_failed(process)


@contextlib.contextmanager
def without_indexes(scratch):
    """Yield a copy of SQLite's database without what `iterdump` cannot read.

    Those are the indexes for the search. With it come the statements that make them anew.
    """
    wrapper = connection.copy()
    wrapper.settings_dict["NAME"], wrapper.settings_dict["OPTIONS"] = str(scratch), {}
    try:
        copy_sqlite(connection.settings_dict["NAME"], scratch)
        with wrapper.wrap_database_errors:
            anew = []
            for table in bigram_index.tables(wrapper):
                anew += bigram_index.statements(wrapper, table)
                bigram_index.remove(wrapper, table)
            yield wrapper.connection, anew
    finally:
        wrapper.close()
        Path(scratch).unlink(missing_ok=True)


def sqlite_lines(copy, last):
    """Yield the statements of an SQLite database, and some more in the same transaction."""
    for line in copy.iterdump():
        if line == "COMMIT;":
            yield from (f"{statement};" for statement in last)
        yield line
