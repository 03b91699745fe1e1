"""One replacement, from the folder that it begins in to the moment that decides."""

import contextlib
import secrets
import sys

from django.core.cache import cache
from django.core.management import CommandError
from django.db import DatabaseError, connection
from django.utils import timezone
from django.utils.translation import gettext as _

from camp import database
from camp.replacing import databases, journal
from camp.replacing.files import Files, storage

PREPARING, SWAPPING = "preparing", "swapping"


class Interrupted(CommandError):
    """An earlier replacement was cut short and cannot be settled here."""


class Replacement:
    """Fresh data, as a context manager: what is not committed at its end never was.

    `files.new` is the folder for the new files, `files.work` one for whatever is needed
    meanwhile; `fresh` is the fresh database, for `database.connected_to`, which is there
    after `make_database`. Raises CommandError while another one is under way.
    """

    def __init__(self):
        stamp = timezone.now().strftime("%Y%m%d%H%M%S")
        self.id = f"{stamp}_{secrets.token_hex(3)}"
        self._stack = contextlib.ExitStack()
        self._done = False
        self.kept = None  # the folder of old files that are not Camp's, after a commit

    def __enter__(self):
        if not self._stack.enter_context(journal.held()) or journal.is_unsettled():
            self._stack.close()
            raise CommandError(_("Another command is replacing the data: nothing was done."))
        with self._stack:  # lets go of the lock where the beginning fails
            self.files = Files(storage(), self.id)
            self._database = databases.of(connection.vendor, self.id)
            self.fresh = self._database.fresh
            connection.close()
            self._database.refuse_in_use()
            self._journal = {
                "id": self.id,
                "stage": PREPARING,
                "vendor": connection.vendor,
                "database": database_name(),
                "storage": str(self.files.root),
                "identity": None,
            }
            journal.write(self._journal)
            self._stack.callback(self._settle)
            self.files.make()
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *error):
        self._stack.close()

    def _settle(self):
        connection.close()
        if not self._done:
            settle(self._journal)

    def make_database(self):
        """Make the fresh database; raises DatabaseError, OSError."""
        self._database.make()

    def commit(self, *, files):
        """Put the fresh database, and with `files` the new files, into their places.

        Raises CommandError, DatabaseError, OSError; then all is as it was.
        """
        connection.close()
        if files:
            self.files.settle()
        self._journal |= {"identity": self._database.seal(), "stage": SWAPPING}
        journal.write(self._journal)
        if files:
            self.files.swap()
        try:
            self._database.swap()
        except DatabaseError:
            # The connection may have been lost after it was done.
            if not self._database.is_done(self._journal["identity"]):
                raise
        self._done = True
        self.kept = finish(self._database, self.files)


def database_name():
    """Return what tells the configured database from others."""
    place = database.place()
    return f"{place.host}/{connection.settings_dict['NAME']}"


def settle(found):
    """Finish, or take back, what the journal tells of; returns whether it was finished."""
    engine = databases.of(found["vendor"], found["id"])
    files = Files(found["storage"], found["id"])
    if found["stage"] == SWAPPING and engine.is_done(found["identity"]):
        finish(engine, files)
        return True
    files.back()
    engine.back()
    journal.remove()
    return False


def finish(engine, files):
    """Clean up behind a replacement that has happened; returns what `Files.forward` does."""
    kept = files.forward()
    # The old database is only in the way: it may be dropped by hand.
    with contextlib.suppress(DatabaseError, OSError):
        engine.forward()
    journal.remove()
    cache.clear()
    return kept


def recover(say=None):
    """Settle what a killed process or a power cut left; does nothing while one is under way.

    `say` prints a line, by default to stderr. Raises Interrupted where that belongs to
    other settings, and DatabaseError where the database must answer first and does not.
    """
    if not journal.is_unsettled():
        return
    say = say or (lambda line: sys.stderr.write(f"{line}\n"))
    with journal.held() as ours:
        found = journal.read() if ours else None
        if found is None:
            return
        if found["database"] != database_name():
            sentence = _(
                "The database %(name)s was just being replaced when that was interrupted; it "
                "must be settled with its DATABASE_URL before anything else. See: %(file)s"
            )
            raise Interrupted(sentence % {"name": found["database"], "file": journal.path()})
        connection.close()
        if settle(found):
            say(_("What was interrupted had replaced all data: it is complete."))
        else:
            say(_("What was interrupted is taken back: the data is what it was before."))
