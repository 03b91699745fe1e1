"""The cache without Redis: an SQLite file of its own, which all processes of a machine share.

It is not in the database, where an entry would wait for the transaction of a request, and end
with it.
"""

import fnmatch
import json
import logging
import os
import sqlite3
import threading
import time
from contextlib import contextmanager

from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache
from django.core.serializers.json import DjangoJSONEncoder

from camp.fs.ownership import chown_to_folder_owner

logger = logging.getLogger("camp.cache")

BUSY_SECONDS = 1  # that a call waits for another process
SCHEMA = """
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    CREATE TABLE IF NOT EXISTS entries (
        key TEXT NOT NULL UNIQUE, value TEXT NOT NULL, expires REAL NOT NULL
    );
    CREATE INDEX IF NOT EXISTS entries_expires ON entries (expires);
"""
ADD = """
    INSERT INTO entries VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE
    SET value = excluded.value, expires = excluded.expires WHERE expires <= ?
"""
# A row that is replaced gets a new number: the lowest ones were set first.
TRIM = "DELETE FROM entries WHERE expires <= ? OR rowid <= (SELECT max(rowid) FROM entries) - ?"

_connections: dict[str, sqlite3.Connection] = {}  # {path: connection of all threads}
_lock = threading.Lock()  # for all of them


class FileCache(BaseCache):
    """A cache of JSON values in an SQLite file; an entry that cannot be read or kept is missing.

    Any text is a key. Where no file can be made, each process has a cache in memory.
    """

    def __init__(self, location, params):
        super().__init__(params)
        self._path = str(location)

    def get(self, key, default=None, version=None):
        """Return the value of a key, or `default`."""
        with self._opened() as entries:
            row = self._find(entries, self.make_key(key, version))
            return default if row is None else json.loads(row[0])
        return default

    def set(self, key, value, timeout=DEFAULT_TIMEOUT, version=None):
        """Keep a value; returns whether it was done. Raises TypeError if it is not JSON."""
        row = self._row(key, value, timeout, version)
        with self._opened() as entries:
            entries.execute("INSERT OR REPLACE INTO entries VALUES (?, ?, ?)", row)
            entries.execute(TRIM, (time.time(), self._max_entries))
            return True
        return False

    def add(self, key, value, timeout=DEFAULT_TIMEOUT, version=None):
        """Keep a value unless there is one; returns whether it was done."""
        row = self._row(key, value, timeout, version)
        with self._opened() as entries:
            return entries.execute(ADD, (*row, time.time())).rowcount > 0
        return False

    def touch(self, key, timeout=DEFAULT_TIMEOUT, version=None):
        """Set a new timeout; returns whether there is an entry."""
        key, _value, expires = self._row(key, None, timeout, version)
        query = "UPDATE entries SET expires = ? WHERE key = ? AND expires > ?"
        with self._opened() as entries:
            return entries.execute(query, (expires, key, time.time())).rowcount > 0
        return False

    def incr(self, key, delta=1, version=None):
        """Add to a number in one step, and return the sum. Raises ValueError without an entry."""
        key = self.make_key(key, version)
        with self._opened() as entries:
            entries.execute("BEGIN IMMEDIATE")
            row = self._find(entries, key)
            if row is not None:
                total = json.loads(row[0]) + delta
                entries.execute("UPDATE entries SET value = ? WHERE key = ?", (str(total), key))
                return total
        raise ValueError(f"Key {key!r} not found")

    def delete(self, key, version=None):
        """Remove an entry; returns whether there was one."""
        query = "DELETE FROM entries WHERE key = ? AND expires > ?"
        with self._opened() as entries:
            arguments = (self.make_key(key, version), time.time())
            return entries.execute(query, arguments).rowcount > 0
        return False

    def delete_pattern(self, pattern: str, version: int | None = None) -> int:
        """Delete the entries whose keys match the pattern; returns how many."""
        prefix = self.make_key("", version=version)
        with self._opened() as entries:
            entries.execute("BEGIN IMMEDIATE")
            rows = entries.execute("SELECT key FROM entries WHERE expires > ?", (time.time(),))
            keys = [
                (key,)
                for (key,) in rows.fetchall()
                if key.startswith(prefix) and fnmatch.fnmatchcase(key.removeprefix(prefix), pattern)
            ]
            entries.executemany("DELETE FROM entries WHERE key = ?", keys)
            return len(keys)
        return 0

    def clear(self):
        """Delete all entries; returns whether it was done."""
        with self._opened() as entries:
            entries.execute("DELETE FROM entries")
            return True
        return False

    def _row(self, key, value, timeout, version):
        expires = self.get_backend_timeout(timeout)
        return (
            self.make_key(key, version),
            json.dumps(value, cls=DjangoJSONEncoder),
            float("inf") if expires is None else expires,
        )

    def _find(self, entries, key):
        query = "SELECT value FROM entries WHERE key = ? AND expires > ?"
        return entries.execute(query, (key, time.time())).fetchone()

    @contextmanager
    def _opened(self):
        """Yield the connection, in a transaction if the context begins one or writes.

        What fails is logged and ends the context: put the fallback behind it.
        """
        with _lock:
            try:
                with _connect(self._path) as entries:
                    yield entries
            except sqlite3.Error as error:
                logger.warning("The cache fails (%s).", error)
                _connections.pop(self._path).close()


def _connect(path):
    """Return the connection to a file that this process has; make both if need be."""
    if path not in _connections:
        try:
            # With the rights of its owner only, which SQLite gives to its other files as well.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            chown_to_folder_owner(path)
            _connections[path] = _make_connection(path)
        except (OSError, sqlite3.Error) as error:
            logger.warning("The cache is in memory: no file can be made (%s).", error)
            _connections[path] = _make_connection(":memory:")
    return _connections[path]


def _make_connection(path):
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, check_same_thread=False)
    connection.executescript(SCHEMA)
    return connection


def _close_before_fork():
    """Close the connections, which must not be used by two processes, and pause their use."""
    _lock.acquire()
    while _connections:
        _connections.popitem()[1].close()


if hasattr(os, "register_at_fork"):
    # https://sqlite.org/howtocorrupt.html#_carrying_an_open_database_file_across_a_fork
    os.register_at_fork(
        before=_close_before_fork, after_in_parent=_lock.release, after_in_child=_lock.release
    )
