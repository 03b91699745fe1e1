"""The worker processes that serve requests: how many, how they start, and how they end.

Each has a Python interpreter of its own, so one keeps one processor busy. What the others must
know of is in the database, in files or in Redis: see docs/development.md.
"""

import ctypes
import gc
import http.client
import multiprocessing
import os
import signal
import socket
import stat
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from django.core.management import CommandError
from django.db import connection
from django.utils.translation import gettext as _

from camp.config.resources import count_processors
from camp.web import affinity, slots

if TYPE_CHECKING:
    from multiprocessing.sharedctypes import SynchronizedArray
    from wsgiref.types import WSGIApplication

THREADS = 32  # concurrent requests of all processes; each has a database connection
THREADS_EACH = 8  # concurrent requests of a process, where that gives more
THREADS_LEAST = 4  # of a process, where the database allows few connections
OTHER_CONNECTIONS = 12  # to the database: commands, health checks, e-mails, an open psql
CONNECTIONS = 4096  # of clients to a process, including idle ones
HEADER_SECONDS = 15  # for the head of a request, and between two requests
STALLED_SECONDS = 60  # without a byte accepted by the client
STOP_SECONDS = 10  # for active requests
READY_SECONDS = 60
POLL_SECONDS = 0.02
# The environment variable for options of Granian's jemalloc: https://jemalloc.net/jemalloc.3.html
ALLOCATOR = "_RJEM_MALLOC_CONF"
ARENAS = 2  # in which an allocator keeps freed memory; by default eight for each processor
M_ARENA_MAX = -8  # glibc's malloc.h


class Lock(Protocol):
    """A lock of `multiprocessing`."""

    def acquire(self, block: bool = ...) -> bool: ...


@dataclass(frozen=True)
class WorkerPlan:
    """How many processes serve, and what each may do at once."""

    processes: int
    threads: int  # concurrent requests
    hashes: int  # concurrent hashes of passwords
    reason: str  # for the number of processes; "" if it was given

    def describe(self) -> str:
        """Return the plan as a line of text."""
        line = _("Worker processes: %(count)d") % {"count": self.processes}
        return f"{line} ({self.reason})" if self.reason else line


def plan_workers(processes: int | None, threads: int | None) -> WorkerPlan:
    """Return the WorkerPlan for the numbers that were given, or None for Camp's choice.

    `threads` are the concurrent requests of all processes together. One query on PostgreSQL.
    """
    hashes, room, reason = slots.affordable_hashes(), THREADS, ""
    if connection.vendor == "postgresql":
        room = available_connections()
    if os.name == "nt":
        processes, reason = 1, _("Windows allows no more")
    elif connection.vendor == "sqlite":
        processes, reason = 1, _("PostgreSQL would allow one for each processor")
    elif processes is None:
        limits = [
            (count_processors(), _("one for each processor")),
            # Each must be able to hash a password at any time.
            (hashes, _("as many as the memory allows")),
            (max(1, room // THREADS_LEAST), _("as many as the database's connections allow")),
        ]
        processes, reason = min(limits, key=itemgetter(0))
    if threads is None:
        threads = min(room, max(THREADS, THREADS_EACH * processes))
    return WorkerPlan(processes, max(1, threads // processes), max(1, hashes // processes), reason)


def available_connections() -> int:
    """Return how many connections PostgreSQL has for concurrent requests, at least 1."""
    settings = ["max_connections", "superuser_reserved_connections", "reserved_connections"]
    with connection.cursor() as cursor:
        # The last one is new in PostgreSQL 16.
        cursor.execute(
            "SELECT name, setting::int FROM pg_settings WHERE name = ANY(%s)", [settings]
        )
        found = dict(cursor.fetchall())
    most = found.pop("max_connections")
    return max(1, most - sum(found.values()) - OTHER_CONNECTIONS)


def serve(address: str, port: int, *, host: str, plan: WorkerPlan, lines: list[str]) -> None:
    """Serve until SIGINT or SIGTERM; active requests get STOP_SECONDS to end.

    `lines` are printed once a process answers requests for the name `host`. A process that ends
    unexpectedly is started anew.
    """
    limit_arenas()
    from granian import Granian
    from granian.constants import HTTPModes, Interfaces
    from granian.http import HTTP1Settings
    from granian.log import LogLevels

    if sys.platform == "linux":
        # The parent has imported everything and has one thread, so forking is fast and safe.
        multiprocessing.set_start_method("fork", force=True)
        load_application()
        # A collection writes to what it looks at: the processes would not share it any more.
        gc.collect()
        gc.freeze()
    server = Granian(
        "camp.wsgi:application",
        address=address,
        port=port,
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        websockets=False,
        workers=plan.processes,
        blocking_threads=plan.threads + slots.TOTAL + slots.LONGEST_QUEUE,
        backlog=CONNECTIONS,
        backpressure=raise_open_files(),
        http1_settings=HTTP1Settings(header_read_timeout=HEADER_SECONDS * 1000),
        log_level=LogLevels.error,
        respawn_failed_workers=True,
        workers_kill_timeout=STOP_SECONDS,
    )
    announced = multiprocessing.Lock()
    seats = multiprocessing.Array("i", plan.processes)
    announcement = partial(announce, announced, address, port, host, lines)
    try:
        server.serve(
            target_loader=partial(start_worker, plan, seats, announcement), wrap_loader=False
        )
    except SystemExit:
        raise CommandError(_("The server stopped unexpectedly; see its output above.")) from None


def limit_arenas() -> None:
    """Limit the arenas of Granian's allocator, before it is loaded, and of glibc's (mallopt(3))."""
    os.environ.setdefault(ALLOCATOR, f"narenas:{ARENAS}")
    if sys.platform == "linux":
        with suppress(OSError):  # musl has none
            ctypes.CDLL("libc.so.6").mallopt(M_ARENA_MAX, ARENAS)


def load_application() -> "WSGIApplication":
    """Return the WSGI application."""
    from camp.wsgi import application

    return application


def raise_open_files() -> int:
    """Raise the limit of open files; return the number of connections that it allows.

    That is Granian's `backpressure`, which counts idle connections too.
    """
    if os.name == "nt":
        return CONNECTIONS
    import resource

    wanted = CONNECTIONS * 5 // 4  # an extra one for four connections: stored files
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        if hard != resource.RLIM_INFINITY:
            wanted = min(wanted, hard)
        with suppress(OSError, ValueError):  # macOS has a lower, undocumented limit
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        return min(CONNECTIONS, soft * 4 // 5)
    return CONNECTIONS


def take_seat(seats: "SynchronizedArray[int]") -> int:
    """Return the number of this process among the workers; that of one that ended is free again.

    `seats` holds their process IDs, or 0. Linux only.
    """
    with seats.get_lock():
        for number in range(len(seats)):
            pid = seats[number]
            if not pid or not Path(f"/proc/{pid}").exists():
                seats[number] = os.getpid()
                return number
    return 0


def start_worker(
    plan: WorkerPlan, seats: "SynchronizedArray[int]", announcement: Callable[[], object]
) -> "WSGIApplication":
    """In a worker process: return the application, and start three watching threads."""
    if os.name != "nt":
        # Ctrl-C also reaches the parent, which stops this process; two signals at once may
        # keep it from stopping.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    for watch in (announcement, drop_stalled_connections, stop_with_parent):
        threading.Thread(target=watch, daemon=True).start()
    application = load_application()
    # Several servers on a machine begin with different processors.
    affinity.choose_home(os.getppid() + take_seat(seats))
    slots.worker_slots.open(plan.threads)
    slots.hashing_slots.open(plan.hashes)
    return application


def announce(announced: Lock, address: str, port: int, host: str, lines: list[str]) -> None:
    """Print `lines` when the server really answers, in one process only."""
    address = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)  # noqa: S104
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end:
        connection_ = http.client.HTTPConnection(address, port, timeout=READY_SECONDS)
        try:
            connection_.request("GET", "/health/live", headers={"Host": host})
            connection_.getresponse().read()
        except (OSError, http.client.HTTPException):
            time.sleep(POLL_SECONDS)
            continue
        finally:
            connection_.close()
        if announced.acquire(block=False):  # and never released
            sys.stdout.write("".join(f"{line}\n" for line in lines))
            sys.stdout.flush()
        return


def drop_stalled_connections() -> None:
    """Have Linux close connections whose client accepts no bytes for STALLED_SECONDS.

    Otherwise they would block a thread. The option is inherited from the listening socket
    (tcp(7), TCP_USER_TIMEOUT), which Granian does not expose: wait until it is there.
    """
    if sys.platform != "linux":
        return
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end:
        for name in os.listdir("/proc/self/fd"):
            with suppress(OSError):
                if not stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                    continue
                with socket.socket(fileno=os.dup(int(name))) as found:
                    if found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                        option = socket.TCP_USER_TIMEOUT
                        found.setsockopt(socket.IPPROTO_TCP, option, STALLED_SECONDS * 1000)
                        return
        time.sleep(POLL_SECONDS)


def stop_with_parent() -> None:
    """End this process when its parent is killed; otherwise it would keep the port."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    # Processes that were forked later hold the other end of the pipe that `is_alive` watches:
    # by it alone they would end one after the other.
    while parent.is_alive() and os.getppid() == parent.pid:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGTERM)
