"""The processes of Camp that use the data folder, however they were started.

`runserver`, gunicorn or an open `shell` may sit idle without a connection, and write again in
a moment. So each process registers when it first connects to the database, or loads the
application: it locks a file of its own. The lock goes with the process, however that ends.
"""

import atexit
import contextlib
import os
import secrets
import sys
import threading
from pathlib import Path

from django.conf import settings
from django.db import OperationalError
from django.utils.translation import gettext as _

from camp.fs.ownership import give, make_folder
from camp.operations.local_postgres import ports
from camp.operations.server import lock

FOLDER = "processes"
# Windows forbids others to read what is locked: lock a byte beyond what stands in the file.
LOCKED_AT = 2**20

_registered = {}  # {data folder: open and locked file}
_registering = threading.RLock()


class BeingReplaced(OperationalError):
    """Another command is replacing the database: nobody may connect to it meanwhile."""


def register():
    """Register this process as a user of the data folder, once.

    Raises BeingReplaced while another process is alone with the data. Does nothing where the
    folder cannot be written: then nobody here can replace the data either.
    """
    folder = settings.CAMP_DATA_DIR
    if folder in _registered:
        return
    with _registering:
        if folder not in _registered:
            _register(folder)


def _register(folder):
    if not folder.is_dir():
        return
    try:
        make_folder(folder / FOLDER, 0o700)
        path = folder / FOLDER / f"{os.getpid()}-{secrets.token_hex(4)}"
        held = path.open("w+b", buffering=0)
        give(path)
    except OSError:
        return
    held.write(description().encode())
    lock.lock(held, shared=False, at=LOCKED_AT)
    _registered[folder] = held
    # Whoever wants to be alone closes the gate first, and looks at the files then.
    if lock.is_closed():
        forget(folder)
        raise BeingReplaced(_("another command is replacing the data"))


def forget(folder=None):
    """Be no user of a data folder any more, of the configured one if none is given."""
    folder = folder or settings.CAMP_DATA_DIR
    if folder not in _registered:
        return
    held = _registered.pop(folder)
    held.close()
    with contextlib.suppress(OSError):
        Path(held.name).unlink(missing_ok=True)


def register_on_connection(connection, **kwargs):
    """Register before the first use of a connection; for the signal connection_created."""
    if connection.alias != "default":
        return
    try:
        register()
    except BeingReplaced:
        connection.close()  # Django would go on using it
        raise


def others():
    """Return what the other processes are called, such as "manage.py shell (process 4711)"."""
    own = _registered.get(settings.CAMP_DATA_DIR)
    found = []
    for path in sorted((settings.CAMP_DATA_DIR / FOLDER).glob("*-*")):
        if own and path == Path(own.name):
            continue
        with contextlib.suppress(OSError):
            if is_dead(path):
                path.unlink()
            else:
                found.append(named(path))
    return found


def is_dead(path):
    """Return whether the process of a file has ended."""
    with path.open("r+b") as held:
        return lock.lock(held, shared=False, at=LOCKED_AT)


def named(path):
    """Return what the process of a file is called."""
    name = path.read_bytes()[:100].decode(errors="replace") or "?"
    return _("%(name)s (process %(pid)s)") % {"name": name, "pid": path.name.partition("-")[0]}


def description():
    """Return what this process is called; no more of its arguments than the command."""
    name, *arguments = sys.argv or [""]
    words = [os.path.basename(name) or "python"]
    if words[0] == "manage.py":
        words += arguments[:1]
    return " ".join(words)


def users_of(file):
    """Return what the processes are called that have a file open, where the system tells."""
    return [
        _("%(name)s (process %(pid)s)") % {"name": ports.program_of(pid) or "?", "pid": pid}
        for pid in ports.processes_with_open(file)
        if pid != os.getpid()
    ]


@atexit.register
def forget_all():
    """Remove the files of this process when it ends."""
    for folder in list(_registered):
        forget(folder)


def begin_anew():
    """Have a forked child register itself: the files are its parent's."""
    global _registering
    _registering = threading.RLock()
    _registered.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=begin_anew)
