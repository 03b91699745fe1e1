"""One replacement, from the folder that it begins in to the moment that decides."""

import contextlib
import secrets
import sys
import threading

from django.conf import settings
from django.core.cache import cache, caches
from django.core.management import CommandError
from django.db import DatabaseError, connection
from django.utils import timezone
from django.utils.translation import gettext as _

from camp.db.errors import error_reason
from camp.operations.backup.swap import databases, journal
from camp.operations.backup.swap.files import Files, storage
from camp.operations.backup.swap.objects import ObjectFiles
from camp.operations.database import server
from camp.storage.object_store import object_store

PREPARING, SWAPPING = "preparing", "swapping"


class Interrupted(CommandError):
    """An earlier replacement was cut short and cannot be settled here."""


class Replacement:
    """Fresh data, as a context manager: what is not committed at its end never was.

    `files.new` is the folder for the new files, `files.work` one for whatever is needed
    meanwhile; `fresh` is the fresh database, for `database.connected_to`, which is there
    after `make_database`. Before that, `frozen` keeps others from the old one. `say` prints
    a line, by default to stderr. Raises CommandError while another one is under way.
    """

    def __init__(self, say=None):
        self._say = say or tell
        stamp = timezone.now().strftime("%Y%m%d%H%M%S")
        self.id = f"{stamp}_{secrets.token_hex(3)}"
        self._stack = contextlib.ExitStack()
        self._finishing = None  # the Finishing, after a commit
        self.kept = None  # the folder of old files that are not Camp's, at the end

    def __enter__(self):
        if not self._stack.enter_context(journal.held()) or journal.is_unsettled():
            self._stack.close()
            raise CommandError(_("Another command is replacing the data: nothing was done."))
        with self._stack:  # lets go of the lock where the beginning fails
            self.files = files_of(storage(), self.id)
            self._database = databases.of(connection.vendor, self.id)
            self.fresh = self._database.fresh
            self._journal = {
                "id": self.id,
                "stage": PREPARING,
                "vendor": connection.vendor,
                "database": database_name(),
                "storage": str(self.files.root),
                "identity": None,
            }
            journal.write(self._journal)
            self._stack.push(self._settle)
            self.files.make()
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *error):
        self._stack.__exit__(*error)

    def _settle(self, kind, error, traceback):
        connection.close()
        self._database.release()
        if self._finishing is None:
            settle(self._journal)
            return
        self.kept = self._finishing.wait()
        if kind is None:  # else the next command says how it stands
            self._finishing.conclude(self._say)

    def frozen(self):
        """Return a context manager, in which the old database can be read for the last time.

        From its beginning to the end of the replacement nobody can write to it, or what was
        written keeps it from being replaced. Raises CommandError while others use it.
        """
        return self._database.frozen()

    def make_database(self):
        """Make the fresh database; raises DatabaseError, OSError."""
        self._database.make()

    def commit(self, *, files):
        """Put the fresh database, and with `files` the new files, into their places.

        From the return to the end of the context the old ones are being removed. Raises
        CommandError, DatabaseError, OSError; then all is as it was.
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
        if files:
            self._say(_("Removing the old files ..."))
        self._finishing = Finishing(self._database, self.files)


def files_of(root, id_):
    """Return the Files that belong to the storage folder `root`."""
    return ObjectFiles(root, id_) if object_store() else Files(root, id_)


def database_name():
    """Return what tells the configured database from others."""
    place = server.place()
    return f"{place.host}/{connection.settings_dict['NAME']}"


def settle(found, say=None):
    """Finish, or take back, what the journal tells of; returns whether it was finished."""
    engine = databases.of(found["vendor"], found["id"])
    files = files_of(found["storage"], found["id"])
    if found["stage"] == SWAPPING and engine.is_done(found["identity"]):
        finishing = Finishing(engine, files)
        finishing.wait()
        finishing.conclude(say or tell)
        return True
    files.back()
    engine.back()
    journal.remove()
    return False


class Finishing:
    """The cleaning up behind a replacement that has happened, in threads of its own."""

    def __init__(self, engine, files):
        self._engine, self._files = engine, files
        self._kept = self._error = self._left = None
        self._threads = [threading.Thread(target=do) for do in (self._drop, self._remove)]
        for thread in self._threads:
            thread.start()

    def _drop(self):
        # The old database is only in the way: it may be dropped by hand.
        try:
            self._engine.forward()
        except (DatabaseError, OSError) as error:
            self._left = error

    def _remove(self):
        try:
            self._kept = self._files.forward()
        except OSError as error:
            self._error = error

    def wait(self):
        """Return, when all is done, what `Files.forward` does; raises OSError."""
        for thread in self._threads:
            thread.join()
        if self._error:
            raise self._error
        return self._kept

    def conclude(self, say):
        """Have nothing to be settled any more, and say what is left."""
        journal.remove()
        clear_cache()
        if self._left:
            say(self._engine.left(error_reason(self._left)))


def clear_cache():
    """Forget what was remembered of the old data; raises nothing."""
    # Memory of this process that nothing was put into is not worth its backend's imports.
    if settings.REDIS_URL or caches.all(initialized_only=True):
        cache.clear()


def tell(line):
    """Print a line to stderr."""
    sys.stderr.write(f"{line}\n")


def recover(say=None):
    """Settle what a killed process or a power cut left; does nothing while one is under way.

    `say` prints a line, by default to stderr. Raises Interrupted where that belongs to
    other settings, and DatabaseError where the database must answer first and does not.
    """
    if not journal.is_unsettled():
        return
    say = say or tell
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
        if settle(found, say):
            say(_("What was interrupted had replaced all data: it is complete."))
        else:
            say(_("What was interrupted is taken back: the data is what it was before."))
