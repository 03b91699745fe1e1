"""The swap of an SQLite database: one file is renamed over the other."""

import contextlib
import gc
import glob
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from django.core.management import CommandError
from django.db import connection
from django.utils.translation import gettext as _

from camp.config import shell
from camp.db.errors import error_reason
from camp.fs.atomic import sync_folder
from camp.fs.ownership import chown_to_folder_owner
from camp.operations.server import lock, processes

# What SQLite keeps beside a database's file.
SUFFIXES = ("-wal", "-shm", "-journal")


class SQLite:
    """A file, which is renamed over the old one."""

    def __init__(self, name: str | Path, id_: str) -> None:
        self._file = Path(name).resolve()
        self.fresh = _beside(self._file, f".restore-{id_}")
        self._aside = _beside(self._file, f".before-{id_}")
        self._old: sqlite3.Connection | None = None
        self._version: int | None = None

    @classmethod
    def list_leftovers(cls, name: str | Path) -> list[tuple[str, str]]:
        """Return (path, command that removes it) of each file of an earlier swap."""
        file = Path(name).resolve()
        patterns = (glob.escape(file.name) + kind for kind in (".restore-*", ".before-*"))
        remove = "del" if os.name == "nt" else "rm"
        return [
            (str(path), f"{remove} {shell.quote(path)}")
            for pattern in patterns
            for path in sorted(file.parent.glob(pattern))
        ]

    @classmethod
    def remove_leftovers(cls, name: str | Path) -> None:
        """Remove new databases that never came into place.

        What was set aside of a broken old one stays until a swap succeeds.
        """
        for path, _fix in cls.list_leftovers(name):
            if ".restore-" in Path(path).name:
                Path(path).unlink(missing_ok=True)

    def freeze(self) -> None:
        """Refuse while others have the old database open; remember its version for `swap`."""
        if self._file.exists():
            with self._open_exclusively():
                pass
            self._old = sqlite3.connect(self._file, isolation_level=None)
            self._version = _read_version(self._old)

    def release(self) -> None:
        """Close the old database."""
        if self._old is not None:
            self._old.close()
            self._old = None

    def create(self) -> None:
        """Create the new database."""
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(self.fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))

    def make_durable(self) -> None:
        """Bring all of the new database into its one file, and that to the disk."""
        with contextlib.closing(sqlite3.connect(self.fresh, isolation_level=None)) as fresh:
            fresh.execute("PRAGMA journal_mode = DELETE")
        if self._file.exists() and os.name == "posix" and os.geteuid() == 0:
            owner = self._file.stat()
            os.chown(self.fresh, owner.st_uid, owner.st_gid)
        else:
            chown_to_folder_owner(self.fresh)
        with self.fresh.open("r+b") as stream:
            os.fsync(stream.fileno())
        sync_folder(self.fresh.parent)

    def swap(self) -> None:
        """Rename the new file over the old one; raises CommandError where that is in use."""
        connection.close()
        if not self._file.exists():
            self._replace()
            return
        with self._open_exclusively() as old:
            if old:
                # Brings all that was written into the file itself, and removes `-wal` and `-shm`.
                old.execute("PRAGMA journal_mode = DELETE")
                if os.name == "posix":
                    old.execute("BEGIN EXCLUSIVE")
                else:
                    old.close()  # Windows replaces no open file
            self._replace()

    def _replace(self) -> None:
        # SQLite would take the log of a broken database, which none else has, for the new one's.
        # Killed right after this, we leave the broken one without it, and the log set aside.
        for suffix in SUFFIXES:
            with contextlib.suppress(FileNotFoundError):
                os.replace(_beside(self._file, suffix), _beside(self._aside, suffix))
        sync_folder(self._file.parent)
        os.replace(self.fresh, self._file)
        sync_folder(self._file.parent)

    @contextlib.contextmanager
    def _open_exclusively(self) -> Iterator[sqlite3.Connection | None]:
        """Yield a connection to the old database that keeps everybody else out.

        Yields None where it is broken. Raises CommandError while another program has it open,
        or has written to it since `freeze`.
        """
        connection.close()
        # SQLite keeps a closed connection open as long as a cursor of it lies about.
        gc.collect()
        if others := processes.list_users_of(self._file):
            raise CommandError(self._describe_use(lock.join_names(others)))
        if self._old is None:
            self._old = sqlite3.connect(self._file, isolation_level=None)
        try:
            yield self._old if self._lock(self._old) else None
        finally:
            self.release()

    def _lock(self, old: sqlite3.Connection) -> bool:
        """Lock the old database; returns False where it is broken."""
        try:
            # So it cannot be opened while anybody else has it open.
            old.execute("PRAGMA locking_mode = EXCLUSIVE")
            old.execute("PRAGMA busy_timeout = 1000")
            old.execute("BEGIN IMMEDIATE")
            old.execute("COMMIT")
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                return False  # broken: it is what shall be replaced
            raise CommandError(self._describe_use(error_reason(error))) from None
        if self._version not in (None, _read_version(old)):
            sentence = _(
                "Another program has written to the database %(file)s meanwhile: nothing was "
                "changed. Stop it, then try again."
            )
            raise CommandError(sentence % {"file": self._file})
        return True

    def _describe_use(self, why: str) -> str:
        sentence = _(
            "Another program has the database %(file)s open (%(why)s): nothing was "
            "changed. Stop it, then try again."
        )
        return sentence % {"file": self._file, "why": why}

    def is_swapped(self) -> bool:
        """Return whether the new database is in place."""
        return not self.fresh.exists()

    def remove_old(self) -> None:
        """Remove what broken databases left beside the file, on the way of earlier swaps too."""
        for path, _fix in self.list_leftovers(self._file):
            Path(path).unlink(missing_ok=True)

    def discard(self) -> None:
        """Remove the new database."""
        for suffix in ("", *SUFFIXES):
            _beside(self.fresh, suffix).unlink(missing_ok=True)


def _read_version(database: sqlite3.Connection) -> int | None:
    """Return a number that changes when others write; None where the file is broken."""
    try:
        return database.execute("PRAGMA data_version").fetchone()[0]
    except sqlite3.DatabaseError:
        return None


def _beside(file: Path, suffix: str) -> Path:
    return file.with_name(file.name + suffix)
