"""The swap of a PostgreSQL database: two renames in one transaction."""

import hashlib
import re
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import psycopg
from django.core.management import CommandError
from django.utils.translation import gettext as _
from psycopg import Connection, sql

from camp.operations.database import server

# PostgreSQL takes names of up to 63 bytes; the other 30 are for what is put behind one.
LONGEST = 33
LOCKED = """
    SELECT 1 FROM pg_locks JOIN pg_database ON pg_database.oid = objid
    WHERE classid = 'pg_database'::regclass AND datname = %s
      AND mode = 'AccessExclusiveLock' AND granted
"""
OTHERS = "SELECT 1 FROM pg_stat_activity WHERE datname = %s AND pid <> %s"
DISCONNECT = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> %s"
)
LOCK_SECONDS = 5
WRITABLE = """
    SELECT oid::regclass::text FROM pg_class
    WHERE relkind IN ('r', 'p') AND relnamespace::regnamespace::text NOT LIKE 'pg!_%' ESCAPE '!'
      AND relnamespace <> 'information_schema'::regnamespace
      AND has_table_privilege(oid, 'UPDATE, DELETE, TRUNCATE')
"""


class PostgreSQL:
    """A database of the server, renamed in one transaction with the old one."""

    def __init__(self, name: str, id_: str) -> None:
        self.name = name
        self.fresh = f"{_shorten(name)}_restore_{id_}"
        self._aside = f"{_shorten(name)}_before_{id_}"
        self._locks: Connection | None = None
        self._oid: int | None = None

    @classmethod
    def list_leftovers(cls, name: str) -> list[tuple[str, str]]:
        """Return (name, statement that drops it) of each database of an earlier swap."""
        prefix = _shorten(name)
        form = re.compile(rf"{re.escape(prefix)}_(?:before|restore)_\d{{14}}_[0-9a-f]{{6}}")
        found = filter(form.fullmatch, server.list_databases(f"{prefix}_"))
        return [(each, server.drop_statement(each)) for each in found]

    @classmethod
    def remove_leftovers(cls, name: str) -> None:
        """Drop them."""
        for each, _fix in cls.list_leftovers(name):
            server.drop(each)

    def freeze(self) -> None:
        """Lock all tables against writing, in a transaction that ends with this process."""
        self._locks = lock_tables(self.name)

    def release(self) -> None:
        """Release the locks."""
        if self._locks is not None:
            self._locks.close()
            self._locks = None

    def create(self) -> None:
        """Create the new database."""
        server.create(self.fresh, hasty=True)

    def make_durable(self) -> None:
        """Have all that was written to the new database survive a power cut."""
        server.make_durable(self.fresh)
        self._oid = server.get_oid(self.fresh)

    def swap(self) -> None:
        """Rename both databases; whoever is connected is disconnected.

        The renaming locks the old database, so that nobody can connect any more, and waits some
        seconds for others to leave. They do so before our locks on its tables end: so nothing
        can be written to it in between.
        """
        with (
            server.connect_for_maintenance() as renaming,
            server.connect_for_maintenance() as watching,
            ThreadPoolExecutor(1) as pool,
        ):
            if self._locks is not None:
                self._locks.execute("SELECT 1")  # fails if they ended before their time
            renamed = pool.submit(self._rename, renaming, server.get_oid(self.name))
            own = [self.name, self._locks.info.backend_pid if self._locks else 0]
            self._wait(renamed, lambda: watching.execute(LOCKED, own[:1]).fetchone())
            if not renamed.done():
                watching.execute(DISCONNECT, own)
                self._wait(renamed, lambda: not watching.execute(OTHERS, own).fetchone())
            self.release()
            renamed.result()

    def _rename(self, renaming: Connection, old: int | None) -> None:
        with renaming.transaction():
            renaming.execute("SET LOCAL lock_timeout = '10s'")
            if old is not None:
                renaming.execute(_rename_statement(self.name, self._aside))
            renaming.execute(_rename_statement(self.fresh, self.name))

    @staticmethod
    def _wait(future: Future[None], condition: Callable[[], object]) -> None:
        while not (future.done() or condition()):
            time.sleep(0.01)

    def is_swapped(self) -> bool:
        """Return whether the new database is in place."""
        return self._oid is not None and server.get_oid(self.name) == self._oid

    def remove_old(self) -> None:
        """Drop the old database."""
        server.drop(self._aside)

    def discard(self) -> None:
        """Drop the new database."""
        server.drop(self.fresh)


def _rename_statement(name: str, other: str) -> sql.Composed:
    command = sql.SQL("ALTER DATABASE {} RENAME TO {}")
    return command.format(sql.Identifier(name), sql.Identifier(other))


def _shorten(name: str) -> str:
    """Return the prefix for databases beside one called `name`, which no other name has."""
    encoded = name.encode()
    if len(encoded) <= LONGEST:
        return name
    digest = hashlib.sha256(encoded).hexdigest()[:8]
    return f"{encoded[: LONGEST - 9].decode(errors='ignore')}_{digest}"


def lock_tables(name: str) -> Connection | None:
    """Return a connection that keeps others from writing to a database until it is closed.

    The locks end with the process, too. Returns None where the database is missing or broken:
    nobody can write there. Raises CommandError where somebody does not let go of a table.
    """
    session: Connection | None = None
    try:
        session = psycopg.connect(**server.connection_parameters(name))
        session.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        session.execute(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
        if tables := [sql.SQL(table) for (table,) in session.execute(WRITABLE)]:
            lock = sql.SQL("LOCK TABLE {} IN SHARE MODE")
            session.execute(lock.format(sql.SQL(", ").join(tables)))
    except psycopg.errors.LockNotAvailable:
        if session is not None:
            session.close()
        sentence = _("Another connection is writing to the database %(name)s: nothing was changed.")
        raise CommandError(sentence % {"name": name}) from None
    except psycopg.Error:
        if session is not None:
            session.close()
        return None
    return session
