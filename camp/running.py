"""Whether Camp is being served from this data folder.

What swaps the database and the files under a server would lose the upload that is just
coming in. The lock belongs to the process: it is gone with it, however that ends.
"""

import contextlib
import os

from django.conf import settings
from django.core.management import CommandError
from django.utils.translation import gettext as _

from camp import trouble
from camp.ownership import give, make_folder

FILE = "serving"


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
                % {"again": trouble.manage("up")}
            )
        told = path.with_name(f"{FILE}.pid")
        told.write_text(str(os.getpid()), encoding="ascii")
        give(told)
        yield


@contextlib.contextmanager
def alone(again):
    """Keep servers from starting meanwhile; raises CommandError while one runs.

    `again` is the command to repeat when it is stopped.
    """
    path = settings.CAMP_DATA_DIR / FILE
    make_folder(path.parent, 0o700)
    with path.open("a+b") as held:
        give(path)
        if not lock(held, shared=False):
            sentence = _(
                "Camp is running here (process %(pid)s). Stop it first, with Ctrl-C in its "
                "terminal, then: %(again)s"
            )
            raise CommandError(sentence % {"pid": server_pid() or "?", "again": again})
        yield


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


def lock(held, *, shared):
    """Return whether an open file could be locked without waiting, until it is closed."""
    if os.name == "nt":
        import msvcrt

        # No shared locks there: each server takes a byte of its own, who wants to be alone all.
        begin, length = (os.getpid() % 65_536, 1) if shared else (0, 65_536)
        held.seek(begin)
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
