"""Servers, and commands that must be alone with the data.

What replaces the database and the files under a server would lose what people write
meanwhile. The locks belong to the process: they are gone with it, however that ends.
"""

import contextlib
import os
import time

from django.conf import settings
from django.core.management import CommandError
from django.db import DatabaseError, connection
from django.utils.translation import gettext as _

from camp.config import shell
from camp.fs.ownership import give, make_folder
from camp.operations.database import connected_users, server

FILE = "serving"
# A process that registers holds the gate for a moment.
GATE_SECONDS = 0.5
NAMED = 5  # of those who use the data

_passed = []  # the data folders whose gate this process holds


def add_arguments(parser):
    """Give a command the option that `alone` takes."""
    parser.add_argument(
        "--disconnect",
        action="store_true",
        help="end other connections to the database instead of refusing (PostgreSQL only)",
    )


@contextlib.contextmanager
def serving():
    """Hold the mark of a running server; several servers may hold it at once.

    Raises CommandError while another command must be alone with the data.
    """
    path = settings.CAMP_DATA_DIR / FILE
    with path.open("a+b") as held:
        give(path)
        if not lock(held, shared=True):
            raise CommandError(
                _("Another command is replacing the data. Wait until it is done, then: %(again)s")
                % {"again": shell.manage("up")}
            )
        told = path.with_name(f"{FILE}.pid")
        told.write_text(str(os.getpid()), encoding="ascii")
        give(told)
        with passed():
            yield


@contextlib.contextmanager
def alone(again, *, disconnect=False):
    """Be the only user of the data, and keep others of this data folder out meanwhile.

    Raises CommandError, naming them, while servers, other commands or other programs use it.
    `again` is the command to repeat when they are stopped. With `disconnect` other
    connections to a PostgreSQL database are ended instead.
    """
    path = settings.CAMP_DATA_DIR / FILE
    make_folder(path.parent, 0o700)
    with path.open("a+b") as held:
        give(path)
        if not lock_soon(held):
            sentence = _(
                "Camp is running here (process %(pid)s). Stop it first, with Ctrl-C in its "
                "terminal, then: %(again)s"
            )
            raise CommandError(sentence % {"pid": server_pid() or "?", "again": again})
        with passed():
            refuse_others(again, disconnect=disconnect)
            yield


@contextlib.contextmanager
def passed():
    """Remember that this process itself holds the gate."""
    _passed.append(settings.CAMP_DATA_DIR)
    try:
        yield
    finally:
        _passed.pop()


def is_closed():
    """Return whether another process is alone with the data."""
    if settings.CAMP_DATA_DIR in _passed:
        return False
    try:
        with (settings.CAMP_DATA_DIR / FILE).open("a+b") as held:
            give(held.name)
            return not lock(held, shared=True)
    except OSError:
        return False


def refuse_others(again, *, disconnect=False):
    """Raise CommandError, naming them, while other processes or connections use the data."""
    from camp.operations.server import processes  # which needs this module

    if others := processes.others():
        sentence = _("The data is in use by %(who)s. Stop that first, then: %(again)s")
        raise CommandError(sentence % {"who": listed(others), "again": again})
    if not server.is_postgresql():
        refuse_users_of_file(again)
        return
    with contextlib.suppress(DatabaseError):  # what comes next tells why there is no connection
        if disconnect:
            connected_users.disconnect_others(connection.settings_dict["NAME"])
        elif others := connected_users.other_connections():
            sentence = _(
                "Others are connected to the database %(name)s: %(who)s. Stop them first, then: "
                "%(again)s. Or have them disconnected with: --disconnect"
            )
            values = {"name": connection.settings_dict["NAME"], "who": listed(others)}
            raise CommandError(sentence % (values | {"again": again}))


def refuse_users_of_file(again):
    """Raise CommandError while another program has the file of SQLite open."""
    from camp.operations.server import processes

    file = connection.settings_dict["NAME"]
    if others := processes.users_of(file):
        sentence = _(
            "The database %(file)s is open in %(who)s. Close it there first, then: %(again)s"
        )
        raise CommandError(sentence % {"file": file, "who": listed(others), "again": again})


def listed(names):
    """Return names as text, the first ones of many."""
    return ", ".join(names[:NAMED]) + (" …" if len(names) > NAMED else "")


def lock_soon(held):
    """Return whether an open file could be locked for this process alone."""
    end = time.monotonic() + GATE_SECONDS
    while not lock(held, shared=False):
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def is_serving():
    """Return whether a server runs on this data folder."""
    try:
        path = settings.CAMP_DATA_DIR / FILE
        with path.open("a+b") as held:
            give(path)
            return not lock(held, shared=False)
    except OSError:
        return False


def server_pid():
    """Return the process id of the server that started last, or None."""
    try:
        path = settings.CAMP_DATA_DIR / f"{FILE}.pid"
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def lock(held, *, shared, at=0):
    """Return whether an open file could be locked without waiting, until it is closed.

    `at` is where in the file Windows locks.
    """
    if os.name == "nt":
        import msvcrt

        # No shared locks there: each server takes a byte of its own, who wants to be alone all.
        begin, length = (os.getpid() % 65_536, 1) if shared else (0, 65_536)
        held.seek(at + begin)
        try:
            msvcrt.locking(held.fileno(), msvcrt.LK_NBLCK, length)
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(held, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # a network file system without locks
    return True
