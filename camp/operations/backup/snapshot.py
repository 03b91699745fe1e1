"""A consistent snapshot of the database, while it stays in use.

On PostgreSQL, a transaction whose exported snapshot pg_dump uses. On SQLite, a copy made by
the online backup API within a read transaction: in WAL mode that blocks no writer, and
writes do not make it start again.
"""

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

from django.core.management import CommandError
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils.translation import gettext as _

from camp.db import bigram_index
from camp.operations.backup.archive import NEW_FILE, Writer
from camp.operations.console import Progress
from camp.operations.database import server
from camp.operations.local_postgres.programs import Failed, Programs, Running, client, run_meanwhile

PAGES_PER_STEP = 4096
DUMP, SQLITE_COPY = "database.dump", "database.sqlite3"  # members of an archive


@dataclass
class Snapshot:
    """The database at one moment.

    `connection` is one of Django's, to read from. `about` goes into the manifest.
    `dump(writer, progress)` adds the database to an archive.
    """

    connection: BaseDatabaseWrapper
    about: dict[str, Any]
    dump: Callable[[Writer, Progress], None]


def take(
    scratch: Path, progress: Callable[[int, str], Progress], dump: bool = True
) -> contextlib.AbstractContextManager[Snapshot]:
    """Return a context manager that yields a Snapshot.

    `scratch` is a free path for a temporary copy, `progress(total, label)` returns a Progress.
    With `dump` false the snapshot's `dump` cannot be called. Raises CommandError,
    DatabaseError, OSError.
    """
    if server.is_postgresql():
        return snapshot_postgresql(find_pg_dump() if dump else None)
    return snapshot_sqlite(scratch, progress)


@contextlib.contextmanager
def snapshot_postgresql(programs: Programs | None) -> Iterator[Snapshot]:
    """Yield a Snapshot; `programs` hold the pg_dump to use, or are None."""
    from psycopg import IsolationLevel  # not on SQLite, where `up` loads this module

    wrapper = connection.copy()
    wrapper.settings_dict["OPTIONS"]["isolation_level"] = IsolationLevel.REPEATABLE_READ
    try:
        wrapper.set_autocommit(False)
        with wrapper.cursor() as cursor:
            cursor.execute("SET TRANSACTION READ ONLY")
            # The connection is idle while files are packed.
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
            dump: Any = None
            if programs:
                # pg_dump reads the catalogue while the rows are counted.
                options = ("--format=custom", f"--snapshot={name}")
                process = stack.enter_context(running_pg_dump(programs, *options))
                dump = partial(pack_dump, process)
            yield Snapshot(wrapper, about, dump)
    finally:
        wrapper.close()


def find_pg_dump() -> Programs:
    """Return the Programs with a pg_dump new enough for the server; raises ToolsMissing."""
    version = cast(int, server.server_version())  # only SQLite has none
    return client("pg_dump", at_least=version)


def pack_dump(dump: Running, writer: Writer, progress: Progress) -> None:
    """Add the output of a running pg_dump to an archive."""
    writer.add_stream(DUMP, dump.output, progress=progress)
    dump.finish()


@contextlib.contextmanager
def running_pg_dump(programs: Programs, *options: str) -> Iterator[Running]:
    """Run pg_dump meanwhile; raises CommandError if it fails."""
    words = ("--no-password", *options)
    environment = server.program_environment()
    try:
        with run_meanwhile(programs.path("pg_dump"), *words, env=environment) as process:
            yield process
    except Failed as error:
        sentence = _("pg_dump failed (%(why)s): no backup was made.")
        raise CommandError(sentence % {"why": error}) from None


@contextlib.contextmanager
def snapshot_sqlite(scratch: Path, progress: Callable[[int, str], Progress]) -> Iterator[Snapshot]:
    """Yield a Snapshot: a verified copy at `scratch`, which is removed at the end."""
    wrapper = connection.copy()
    try:
        with progress(server.database_size(), _("Copying the database")) as shown:
            copy_sqlite(connection.settings_dict["NAME"], scratch, shown)
        wrapper.settings_dict["NAME"] = f"{Path(scratch).absolute().as_uri()}?immutable=1"
        wrapper.settings_dict["OPTIONS"] = {}
        check_sqlite(wrapper, scratch)
        about = {"engine_version": sqlite3.sqlite_version, "engine_major": None, "dump_tool": None}

        def dump(writer: Writer, progress: Progress) -> None:
            writer.add_file(SQLITE_COPY, scratch, progress)

        yield Snapshot(wrapper, about, dump)
    finally:
        wrapper.close()
        Path(scratch).unlink(missing_ok=True)


@contextlib.contextmanager
def reading_sqlite(source: Path | str) -> Iterator[sqlite3.Connection]:
    """Yield a connection within a read transaction, which sees one moment until its end."""
    with contextlib.closing(sqlite3.connect(source, timeout=20, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
        yield reader


def copy_sqlite(source: Path | str, target: Path, progress: Progress | None = None) -> None:
    """Copy an SQLite database as it is now; raises DatabaseError, OSError."""
    progress = progress or Progress(None)
    os.close(os.open(target, NEW_FILE, 0o600))
    done = 0

    def step(status: int, remaining: int, total: int) -> None:
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
        # The copy is temporary.
        copy.execute("PRAGMA synchronous=OFF")
        copy.execute("PRAGMA journal_mode=OFF")
        reader.backup(copy, pages=PAGES_PER_STEP, progress=step, sleep=0)


def check_sqlite(wrapper: BaseDatabaseWrapper, file: Path) -> None:
    """Raise CommandError if the copied database is damaged."""
    thorough = os.path.getsize(file) <= server.CHECK_ALL_UP_TO
    if why := server.sqlite_damage(wrapper, thorough):
        raise CommandError(
            _("The database is damaged (%(why)s): no backup was made.") % {"why": why}
        )


@contextlib.contextmanager
def as_sql(scratch: Path) -> Iterator[Iterator[bytes]]:
    """Yield chunks of bytes: a snapshot as SQL for psql or sqlite3, without owners and grants.

    `scratch` is a free path for a temporary copy.
    """
    if not server.is_postgresql():
        with copy_without_search_indexes(scratch) as (copy, statements):
            yield (f"{line}\n".encode() for line in dump_sqlite(copy, statements))
        return
    options = ("--format=plain", "--no-owner", "--no-privileges")
    with running_pg_dump(find_pg_dump(), *options) as dump:
        yield iter(lambda: dump.output.read(2**20), b"")


@contextlib.contextmanager
def copy_without_search_indexes(scratch: Path) -> Iterator[tuple[sqlite3.Connection, list[str]]]:
    """Yield (connection to a copy of SQLite's database, statements that make the indexes).

    `iterdump` fails on FTS5 tables without content.
    """
    wrapper = connection.copy()
    wrapper.settings_dict["NAME"], wrapper.settings_dict["OPTIONS"] = str(scratch), {}
    try:
        copy_sqlite(connection.settings_dict["NAME"], scratch)
        with wrapper.wrap_database_errors:
            statements: list[str] = []
            for key in bigram_index.existing(wrapper):
                statements += bigram_index.statements(wrapper, key)
                bigram_index.remove(wrapper, key)
            yield wrapper.connection, statements
    finally:
        wrapper.close()
        Path(scratch).unlink(missing_ok=True)


def dump_sqlite(copy: sqlite3.Connection, last: Iterable[str]) -> Iterator[str]:
    """Yield the statements of an SQLite database, and `last` in the same transaction."""
    for line in copy.iterdump():
        if line == "COMMIT;":
            yield from (f"{statement};" for statement in last)
        yield line
