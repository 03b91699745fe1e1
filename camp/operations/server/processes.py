"""Registry of the processes that use the data folder, and the lock that keeps others out.

`runserver`, gunicorn or an open `shell` may be idle without a connection and write again a
moment later. So each process registers when it first connects to the database or loads the
application: it locks a file of its own. A command that needs the data for itself takes the
instance lock exclusively, then looks at the registered processes.
"""

import atexit
import contextlib
import os
import re
import secrets
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.db import OperationalError
from django.utils.translation import gettext as _

from camp.fs.locks import try_lock
from camp.fs.ownership import chown_to_folder_owner, make_folder

FOLDER = "processes"
INSTANCE_LOCK = "serving"
LSOF_SECONDS = 10

_registered: dict[Path, IO[bytes]] = {}  # {data folder: open and locked file}
_registering = threading.RLock()
_holding: list[Path] = []  # the data folders whose instance lock this process holds


class BeingReplaced(OperationalError):
    """Another command is replacing the database: nobody may connect to it meanwhile."""


def register() -> None:
    """Register this process as a user of the data folder, once.

    Raises BeingReplaced while another process has the data for itself. Does nothing where the
    folder cannot be written: then nobody here can replace the data either.
    """
    folder = settings.CAMP_DATA_DIR
    if folder in _registered:
        return
    with _registering:
        if folder not in _registered:
            _register(folder)


def _register(folder: Path) -> None:
    if not folder.is_dir():
        return
    try:
        make_folder(folder / FOLDER, 0o700)
        path = folder / FOLDER / f"{os.getpid()}-{secrets.token_hex(4)}"
        file = path.open("w+b", buffering=0)
        chown_to_folder_owner(path)
    except OSError:
        return
    file.write(describe_this_process().encode())
    try_lock(file)
    _registered[folder] = file
    # The other side takes the lock first and then looks at the files: one of us sees the other.
    if is_locked_by_another():
        unregister(folder)
        raise BeingReplaced(_("another command is replacing the data"))


def unregister(folder: Path | None = None) -> None:
    """Remove this process from the users of a data folder, by default the configured one."""
    folder = folder or settings.CAMP_DATA_DIR
    if folder not in _registered:
        return
    file = _registered.pop(folder)
    file.close()
    with contextlib.suppress(OSError):
        Path(file.name).unlink(missing_ok=True)


def register_on_connection(connection: Any, **kwargs: Any) -> None:
    """Register before the first use of a connection; for the signal connection_created."""
    if connection.alias != "default":
        return
    try:
        register()
    except BeingReplaced:
        connection.close()  # Django would go on using it
        raise


@contextlib.contextmanager
def hold_instance_lock() -> Iterator[None]:
    """Remember meanwhile that this process itself has the instance lock."""
    _holding.append(settings.CAMP_DATA_DIR)
    try:
        yield
    finally:
        _holding.pop()


def is_locked_by_another() -> bool:
    """Return whether another process has the instance lock exclusively."""
    if settings.CAMP_DATA_DIR in _holding:
        return False
    try:
        with (settings.CAMP_DATA_DIR / INSTANCE_LOCK).open("a+b") as file:
            chown_to_folder_owner(file.name)
            return try_lock(file, shared=True) is False
    except OSError:
        return False


def list_others() -> list[str]:
    """Return the other registered processes, such as "manage.py shell (process 4711)"."""
    own = _registered.get(settings.CAMP_DATA_DIR)
    found = []
    for path in sorted((settings.CAMP_DATA_DIR / FOLDER).glob("*-*")):
        if own and path == Path(own.name):
            continue
        with contextlib.suppress(OSError):
            if has_ended(path):
                path.unlink()
            else:
                name = path.read_bytes()[:100].decode(errors="replace")
                found.append(describe(name, path.name.partition("-")[0]))
    return found


def has_ended(path: Path) -> bool:
    """Return whether the process that registered with a file has ended."""
    with path.open("r+b") as file:
        return try_lock(file) is not False


def describe(name: str, pid: int | str) -> str:
    """Return a process as text."""
    return _("%(name)s (process %(pid)s)") % {"name": name or "?", "pid": pid}


def describe_this_process() -> str:
    """Return the name of this process; no more of its arguments than the command."""
    name, *arguments = sys.argv or [""]
    words = [os.path.basename(name) or "python"]
    if words[0] == "manage.py":
        words += arguments[:1]
    return " ".join(words)


def list_users_of(file: Path | str) -> list[str]:
    """Return the other processes that have a file open, such as "python3 (process 4711)".

    Windows does not tell, but lets nobody replace a file that is open.
    """
    file = os.path.realpath(file)
    found: dict[int, str] = {}
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        if sys.platform == "linux":
            for process in Path("/proc").glob("[0-9]*"):
                with contextlib.suppress(OSError):  # another user's, or it has just ended
                    if any(os.readlink(link) == file for link in (process / "fd").iterdir()):
                        name = (process / "comm").read_text(errors="replace").strip()
                        found[int(process.name)] = name
        elif os.name != "nt":
            command = ["lsof", "-Fpc", "--", file]
            done = subprocess.run(command, capture_output=True, text=True, timeout=LSOF_SECONDS)
            found = {
                int(pid): name for pid, name in re.findall(r"(?m)^p(\d+)\nc(.*)$", done.stdout)
            }
    return [describe(name, pid) for pid, name in sorted(found.items()) if pid != os.getpid()]


@atexit.register
def unregister_all() -> None:
    """Remove the files of this process when it ends."""
    for folder in list(_registered):
        unregister(folder)


def forget_parent() -> None:
    """Have a forked child register itself: the files are its parent's."""
    global _registering
    _registering = threading.RLock()
    _registered.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=forget_parent)
