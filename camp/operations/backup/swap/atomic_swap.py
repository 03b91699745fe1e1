"""The steps of a swap, the same for both kinds of database."""

import contextlib
import secrets
import shutil
from pathlib import Path
from typing import Self

from django.conf import settings
from django.core.cache import cache
from django.core.management import CommandError
from django.db import DatabaseError, connection
from django.utils import timezone
from django.utils.translation import gettext as _

from camp.config import shell
from camp.db.errors import error_reason
from camp.fs.ownership import make_folder
from camp.operations.backup.swap import postgresql, sqlite
from camp.operations.console import Say
from camp.operations.database import server

# A folder of the staging folder that ends so is removed by the sweep when it is old.
WORK_FOLDER = "restore-{id}.part"


class OutcomeUnknown(CommandError):
    """The server went away at the moment of the swap: all was replaced, or nothing."""


class AtomicSwap:
    """A new database that replaces the configured one on `commit`, and not at all without.

    `database` is its name or path, for `server.connected_to`; `folder` a work folder on the
    volume of the storage; `undo` an ExitStack that is closed if there is no commit.
    """

    def __init__(self) -> None:
        stamp = timezone.now().strftime("%Y%m%d%H%M%S")
        self.id = f"{stamp}_{secrets.token_hex(3)}"
        self.folder = Path(settings.UPLOAD_STAGING) / WORK_FOLDER.format(id=self.id)
        self.undo = contextlib.ExitStack()
        self._engine = engine()(connection.settings_dict["NAME"], self.id)
        self.database: str | Path = self._engine.fresh
        self._committed = False

    def __enter__(self) -> Self:
        remove_leftovers()
        make_folder(self.folder.parent, 0o700)
        make_folder(self.folder, 0o700)
        return self

    def __exit__(self, *error: object) -> None:
        connection.close()
        self._engine.release()
        if self._committed:
            return
        self.undo.close()
        with contextlib.suppress(DatabaseError, OSError):
            self._engine.discard()
        shutil.rmtree(self.folder, ignore_errors=True)

    def freeze(self) -> None:
        """Keep others from writing to the old database, or notice it: then `commit` refuses.

        Raises CommandError while others use it.
        """
        self._engine.freeze()

    def create_database(self) -> None:
        """Create the new database, empty; raises DatabaseError, OSError."""
        self._engine.create()

    def commit(self) -> None:
        """Put the new database in place; on return that survives a power cut.

        Raises CommandError, DatabaseError or OSError, and then the old one is in place, but
        for OutcomeUnknown.
        """
        connection.close()
        cache.clear()  # before as well, in case we are killed after the swap
        self._engine.make_durable()
        try:
            self._engine.swap()
        except BaseException as error:
            # A connection may have been lost, or Ctrl-C pressed, after it was done.
            if not self._is_swapped(error):
                raise
        self._committed = True
        self.undo.pop_all()
        cache.clear()

    def _is_swapped(self, error: BaseException) -> bool:
        try:
            return self._engine.is_swapped()
        except DatabaseError:
            self.undo.pop_all()  # rows of the new database may name the new files
            sentence = _(
                "The database went away at the last moment (%(why)s): either everything was "
                "replaced, or nothing. See which with: %(fix)s"
            )
            values = {"why": error_reason(error), "fix": shell.manage("doctor")}
            raise OutcomeUnknown(sentence % values) from error

    def remove_old(self, say: Say) -> None:
        """Remove the old database and the work folder; `say` prints what stays behind."""
        try:
            self._engine.remove_old()
        except (DatabaseError, OSError) as error:
            sentence = _(
                "The old database is still there, as %(name)s, since it could not be dropped "
                "(%(why)s). Drop it with: %(fix)s"
            )
            with contextlib.suppress(DatabaseError):
                for name, fix in list_leftovers():
                    say(sentence % {"name": name, "why": error_reason(error), "fix": fix})
        shutil.rmtree(self.folder, ignore_errors=True)


def engine() -> type[postgresql.PostgreSQL] | type[sqlite.SQLite]:
    """Return the class for the configured kind of database."""
    return postgresql.PostgreSQL if server.is_postgresql() else sqlite.SQLite


def list_leftovers() -> list[tuple[str, str]]:
    """Return (name, command that removes it) of the databases that killed swaps left.

    That of a swap that is under way is among them. Raises DatabaseError.
    """
    return engine().list_leftovers(connection.settings_dict["NAME"])


def remove_leftovers() -> None:
    """Remove what killed swaps left; call it while nobody else uses the data."""
    with contextlib.suppress(DatabaseError, OSError):
        engine().remove_leftovers(connection.settings_dict["NAME"])
    for folder in Path(settings.UPLOAD_STAGING).glob(WORK_FOLDER.format(id="*")):
        shutil.rmtree(folder, ignore_errors=True)
