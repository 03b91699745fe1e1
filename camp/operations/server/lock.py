"""The instance lock: shared by servers, exclusive for commands that replace the data.

What is written through a server while its database is being replaced would be lost.
"""

import contextlib
import os
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from typing import IO

from django.conf import settings
from django.core.management import CommandError
from django.db import DatabaseError, connection
from django.utils.translation import gettext as _

from camp.config import shell
from camp.fs.locks import try_lock
from camp.fs.ownership import chown_to_folder_owner, make_folder
from camp.operations.database import connected_users, server
from camp.operations.server import processes
from camp.operations.server.processes import INSTANCE_LOCK

# A process that registers holds the lock for a moment.
WAIT_SECONDS = 0.5
NAMED = 5  # of those who use the data


def add_arguments(parser: ArgumentParser) -> None:
    """Give a command the option that `exclusive_access` takes."""
    parser.add_argument(
        "--disconnect",
        action="store_true",
        help="end other connections to the database instead of refusing (PostgreSQL only)",
    )


@contextlib.contextmanager
def hold_server_lock() -> Iterator[None]:
    """Hold the lock of a running server; several servers may hold it at once.

    Raises CommandError while another command has the data for itself.
    """
    path = settings.CAMP_DATA_DIR / INSTANCE_LOCK
    with path.open("a+b") as file:
        chown_to_folder_owner(path)
        if try_lock(file, shared=True) is False:
            raise CommandError(
                _("Another command is replacing the data. Wait until it is done, then: %(again)s")
                % {"again": shell.manage("up")}
            )
        pid_file = path.with_name(f"{INSTANCE_LOCK}.pid")
        pid_file.write_text(str(os.getpid()), encoding="ascii")
        chown_to_folder_owner(pid_file)
        with processes.hold_instance_lock():
            yield


@contextlib.contextmanager
def exclusive_access(again: str, *, disconnect: bool = False) -> Iterator[None]:
    """Be the only user of the data, and keep others of this data folder out meanwhile.

    Raises CommandError, naming them, while servers, other commands or other programs use it.
    `again` is the command to repeat once they are stopped. With `disconnect` other connections
    to a PostgreSQL database are ended instead.
    """
    path = settings.CAMP_DATA_DIR / INSTANCE_LOCK
    make_folder(path.parent, 0o700)
    with path.open("a+b") as file:
        chown_to_folder_owner(path)
        if not wait_for_lock(file):
            sentence = _(
                "Camp is running here (process %(pid)s). Stop it first, with Ctrl-C in its "
                "terminal, then: %(again)s"
            )
            raise CommandError(sentence % {"pid": read_server_pid(), "again": again})
        with processes.hold_instance_lock():
            refuse_others(again, disconnect=disconnect)
            yield


def wait_for_lock(file: IO[bytes]) -> bool:
    """Return whether an open file could be locked for this process alone."""
    end = time.monotonic() + WAIT_SECONDS
    while try_lock(file) is False:
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def read_server_pid() -> int | str:
    """Return the process id of the server that started last, "?" if it is not known."""
    try:
        return int((settings.CAMP_DATA_DIR / f"{INSTANCE_LOCK}.pid").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return "?"


def refuse_others(again: str, *, disconnect: bool = False) -> None:
    """Raise CommandError, naming them, while other processes or connections use the data."""
    if others := processes.list_others():
        sentence = _("The data is in use by %(who)s. Stop that first, then: %(again)s")
        raise CommandError(sentence % {"who": join_names(others), "again": again})
    if not server.is_postgresql():
        file = connection.settings_dict["NAME"]
        if others := processes.list_users_of(file):
            sentence = _(
                "The database %(file)s is open in %(who)s. Close it there first, then: %(again)s"
            )
            values = {"file": file, "who": join_names(others), "again": again}
            raise CommandError(sentence % values)
        return
    with contextlib.suppress(DatabaseError):  # the next step says why there is no connection
        name = connection.settings_dict["NAME"]
        if disconnect:
            connected_users.disconnect_others(name)
        elif others := connected_users.other_connections():
            sentence = _(
                "Others are connected to the database %(name)s: %(who)s. Stop them first, then: "
                "%(again)s. Or have them disconnected with: --disconnect"
            )
            values = {"name": name, "who": join_names(others), "again": again}
            raise CommandError(sentence % values)


def join_names(names: list[str]) -> str:
    """Return names as text, the first ones of many."""
    return ", ".join(names[:NAMED]) + (" …" if len(names) > NAMED else "")
