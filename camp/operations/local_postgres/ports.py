"""Ports and files of this machine: whether a port is free, and which process has it."""

import contextlib
import csv
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

from django.utils.translation import gettext as _

LISTENING = "0A"  # in /proc/net/tcp
LOCALHOST = "127.0.0.1"


def is_free(port):
    """Return whether a server could listen on a port of 127.0.0.1 now."""
    with socket.socket() as probe:
        if os.name != "nt":  # there it would share a port that is in use
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOCALHOST, port))
        except OSError:
            return False
    return not answers(port)


def answers(port):
    """Return whether something listens on a port of 127.0.0.1.

    Where one server has the port on all addresses, some systems let another bind it on one.
    """
    try:
        socket.create_connection((LOCALHOST, port), timeout=1).close()
    except OSError:
        return False
    return True


def free_from(first):
    """Return the first port that is free now, from `first` on; any free one if none is near."""
    for port in range(first, min(first + 100, 65_536)):
        if is_free(port):
            return port
    with socket.socket() as probe:
        probe.bind((LOCALHOST, 0))
        return probe.getsockname()[1]


def process_on(port):
    """Return who listens on a port, such as "postgres (process 4711)".

    "" where nobody does, or the system does not tell.
    """
    with contextlib.suppress(OSError, ValueError, subprocess.SubprocessError):
        if sys.platform == "linux":
            return _on_linux(port)
        return _on_windows(port) if os.name == "nt" else _by_lsof(port)
    return ""


def program_of(pid):
    """Return the name of the program that a process runs, such as "postgres", or ""."""
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        if sys.platform == "linux":
            return Path(f"/proc/{pid}/comm").read_text(errors="replace").strip()
        if os.name == "nt":
            return _task(pid).removesuffix(".exe")
        return os.path.basename(_output("ps", "-p", str(pid), "-o", "comm=").strip())
    return ""


def working_folder(pid):
    """Return the folder in which a process runs, or None where the system does not tell."""
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        if sys.platform == "linux":
            return Path(os.readlink(f"/proc/{pid}/cwd"))
        if os.name != "nt":
            told = _output("lsof", "-a", "-d", "cwd", "-p", str(pid), "-Fn")
            found = re.search(r"^n(/.*)$", told, re.MULTILINE)
            return Path(found[1]) if found else None
    return None


def processes_with_open(file):
    """Return the ids of the processes that have a file open, as far as the system tells.

    Windows does not, but lets nobody replace a file that is open.
    """
    file = os.path.realpath(file)
    found = []
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        if sys.platform == "linux":
            for process in Path("/proc").glob("[0-9]*"):
                with contextlib.suppress(OSError):  # another user's, or gone meanwhile
                    if any(os.readlink(link) == file for link in (process / "fd").iterdir()):
                        found.append(int(process.name))
        elif os.name != "nt":
            found = [int(pid) for pid in _output("lsof", "-t", "--", file).split()]
    return sorted(found)


def _named(name, pid):
    return _("%(name)s (process %(pid)s)") % {"name": name, "pid": pid}


def _on_linux(port):
    owners = {}  # {inode of the socket: user id of its owner}
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(FileNotFoundError):
            owners |= _listeners(Path("/proc/net", table).read_text(encoding="ascii"), port)
    if not owners:
        return ""
    links = {f"socket:[{inode}]" for inode in owners}
    for process in sorted(Path("/proc").glob("[0-9]*"), key=lambda path: int(path.name)):
        with contextlib.suppress(OSError):  # another user's, or gone meanwhile
            if any(os.readlink(link) in links for link in (process / "fd").iterdir()):
                return _named(program_of(process.name), process.name)
    return _("a process of the user %(user)s") % {"user": _user(next(iter(owners.values())))}


def _listeners(table, port):
    """Return {inode: user id} of who listens on the port, from the text of /proc/net/tcp."""
    found = {}
    for line in table.splitlines()[1:]:
        fields = line.split()
        if fields[3] == LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
            found[fields[9]] = int(fields[7])
    return found


def _user(uid):
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _by_lsof(port):
    told = _output("lsof", "-nP", f"-iTCP:{port}", "-sTCP:LISTEN", "-Fpc")
    found = re.search(r"^p(\d+)\nc(.+)$", told, re.MULTILINE)
    return _named(found[2], found[1]) if found else ""


def _on_windows(port):
    pid = _netstat_pid(_output("netstat", "-ano", "-p", "TCP"), port)
    return _named(_task(pid) or "?", pid) if pid else ""


def _task(pid):
    """Return the image name of a process on Windows, such as "postgres.exe", or ""."""
    told = _output("tasklist", "/FI", f"PID eq {pid}", "/FO", "CSV", "/NH")
    row = next(csv.reader(told.splitlines()), [])
    return row[0] if len(row) > 1 else ""


def _netstat_pid(told, port):
    """Return the process id of who listens on the port, from what netstat printed, or ""."""
    for line in told.splitlines():
        fields = line.split()
        # The word for the state is in the system's language; who listens has no other end.
        if len(fields) >= 5 and fields[1].endswith(f":{port}") and fields[2].endswith(":0"):
            return fields[-1]
    return ""


def _output(*command):
    """Return what a program prints; its exit code tells nothing more."""
    done = subprocess.run(command, capture_output=True, timeout=20, check=False)
    return done.stdout.decode(errors="replace")
