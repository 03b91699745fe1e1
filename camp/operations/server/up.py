"""`manage.py up`: prepare Camp, then serve it until it is stopped.

Every step raises CommandError with one sentence if it fails.
"""

import errno
import hashlib
import http.client
import ipaddress
import json
import multiprocessing
import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.staticfiles.finders import get_finders
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, connections
from django.db.migrations.exceptions import BadMigrationError, InconsistentMigrationHistory
from django.http.request import validate_host
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import setup_token
from camp.config import shell
from camp.config.env import without_port
from camp.db.pending_migrations import find_pending_migrations
from camp.fs.ownership import make_folder
from camp.operations import error_messages
from camp.operations.database import environment
from camp.operations.server import lock, ports
from camp.web import slots
from camp.web.slots import worker_slots

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

THREADS = 32  # concurrent requests; each has a database connection
CONNECTIONS = 4096  # including idle ones
HEADER_SECONDS = 15  # for the head of a request, and between two requests
STALLED_SECONDS = 60  # without a byte accepted by the client
STOP_SECONDS = 10  # for active requests
READY_SECONDS = 60
# The environment variable for options of Granian's jemalloc: https://jemalloc.net/jemalloc.3.html
ALLOCATOR = "_RJEM_MALLOC_CONF"


def up(
    *,
    host: str,
    port: int,
    threads: int,
    say: Callable[[str], object],
    start_database: Callable[[], object],
    check: Callable[[], object],
) -> None:
    """Prepare Camp and serve it; returns when stopped.

    `say` prints one line, `start_database` starts Camp's own PostgreSQL if it is stopped, and
    `check` runs the system checks; the last two may raise CommandError.
    """
    address, port = find_address(host, port)
    prepare_folders()
    with lock.hold_server_lock():
        start_database()
        prepare_database(say)
        check()
        prepare_static_files(say)
        lines = ready_lines(host, port)
        connections.close_all()  # the server's process opens its own
        serve(address, port, threads, lines)
    say(_("Camp has stopped."))


def find_address(host: str, port: int) -> tuple[str, int]:
    """Return the IP address and the port to listen on; port 0 picks a free one."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError):
        raise CommandError(explain_unknown_host(host, port)) from None
    # The IPv4 address of "localhost", which is the one that people type.
    family, _type, _protocol, _name, (first, *_rest) = sorted(found)[0]
    address = str(first)
    try:
        return address, ports.reserve(port, address, family)
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL:
            raise CommandError(explain_unknown_host(host, port)) from None
    fix = shell.manage("up", "--port", str(ports.find_free(8000, address, family)))
    sentence = _("Use another port with: %(fix)s") % {"fix": fix}
    raise CommandError(f"{ports.explain_conflict(port, address, family)} {sentence}")


def explain_unknown_host(host: str, port: int) -> str:
    """Return the sentence for an address that this machine does not have."""
    fix = shell.manage("up", "--host", "127.0.0.1", "--port", str(port))
    return _("This machine has no address %(host)s. Take its own with: %(fix)s") % {
        "host": host,
        "fix": fix,
    }


def prepare_folders() -> None:
    """Make the data folders, and check that they can be written."""
    for folder in (settings.CAMP_DATA_DIR, settings.LOCAL_STORAGE_PATH):
        try:
            make_folder(folder, 0o700)
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            raise CommandError(error_messages.unwritable_folder(folder, error.strerror)) from None
    if connection.vendor == "sqlite":
        make_private(Path(connection.settings_dict["NAME"]))


def make_private(file: Path) -> None:
    """Make an empty file that only its owner can read, unless it exists."""
    try:
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        pass
    except OSError as error:
        raise CommandError(error_messages.unwritable_folder(file.parent, error.strerror)) from None


def prepare_database(say: Callable[[str], object]) -> None:
    """Apply pending migrations."""
    try:
        connection.ensure_connection()
    except DatabaseError as error:
        raise CommandError(error_messages.unreachable_database(error)) from None
    try:
        pending = find_pending_migrations()
        if pending:
            call_command("migrate", verbosity=0, interactive=False)
        environment.mark_from_settings()
    except (DatabaseError, BadMigrationError, InconsistentMigrationHistory) as error:
        raise CommandError(error_messages.failed_migration(error)) from None
    if pending:
        count = len(pending)
        say(
            ngettext("Database: %d migration applied.", "Database: %d migrations applied.", count)
            % count
        )


def prepare_static_files(say: Callable[[str], object]) -> None:
    """Collect the static files if one of them has changed."""
    root = Path(settings.STATIC_ROOT)
    fingerprint = root.with_name(f"{root.name}.json")
    current = {"sources": static_fingerprint()}
    try:
        if root.is_dir() and json.loads(fingerprint.read_text(encoding="ascii")) == current:
            return
    except (OSError, ValueError):
        pass
    say(_("Collecting static files ..."))
    try:
        fingerprint.unlink(missing_ok=True)
        collect_static_files()
        fingerprint.write_text(json.dumps(current), encoding="ascii")
    except OSError as error:
        raise CommandError(error_messages.unwritable_folder(root, error.strerror)) from None


def collect_static_files() -> None:
    """Collect and compress them in another process, because the memory would not be released.

    If that fails, it runs again in this process, which reports the error.
    """
    manage = settings.BASE_DIR / "manage.py"
    command = [sys.executable, manage, "collectstatic", "--no-input", "--verbosity", "0"]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        call_command("collectstatic", verbosity=0, interactive=False)


def static_fingerprint() -> str:
    """Return a hash of all static sources and of how they are stored."""
    lines = [settings.STATIC_URL, settings.STORAGES["staticfiles"]["BACKEND"]]
    for finder in get_finders():
        for name, storage in finder.list([]):
            found = os.stat(storage.path(name))
            lines.append(f"{storage.path(name)} {found.st_size} {found.st_mtime_ns}")
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


def ready_lines(host: str, port: int) -> list[str]:
    """Return what to print when the server answers."""
    base = own_address(host, port)
    lines = [_("Camp is ready: %(address)s") % {"address": base}]
    if settings.CAMP_HTTPS:
        # People use the proxy's name; plain HTTP only redirects there.
        base = f"https://{public_name() or f'{host}:{port}'}/"
        lines.append(_("Your HTTPS proxy offers it as: %(address)s") % {"address": base})
    elif address := lan_address(host):
        lines.append(explain_network_access(address, port))
    if get_user_model().objects.filter(is_superuser=True).exists():
        setup_token.withdraw()
    else:
        address = f"{base}setup/{setup_token.issue()}/"
        lines.append(
            _("Make the first administrator here (once): %(address)s") % {"address": address}
        )
    return [*lines, _("Stop it with Ctrl-C.")]


def own_address(host: str, port: int) -> str:
    """Return an address that works in a browser on this machine."""
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}.get(host, host)  # noqa: S104
    return f"http://{f'[{name}]' if name.count(':') > 1 and name[0] != '[' else name}:{port}/"


def public_name() -> str:
    """Return the first public name in ALLOWED_HOSTS, with its port, or ""."""
    own = {"localhost", "127.0.0.1", "[::1]", "*"}
    names = (name for name in settings.ALLOWED_HOSTS if name not in own)
    name = next(names, "")
    listed = (each for each in settings.ALLOWED_HOSTS_WITH_PORT if without_port(each) == name)
    return next(listed, name).lstrip(".")


def lan_address(host: str) -> str:
    """Return this machine's address in its network if Camp listens on all, else ""."""
    try:
        if not ipaddress.ip_address(host).is_unspecified:
            return ""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(("192.0.2.1", 9))  # sends nothing; 192.0.2.0/24 is for documentation
            return probe.getsockname()[0]
    except (ValueError, OSError):
        return ""


def explain_network_access(address: str, port: int) -> str:
    """Return how other machines reach Camp, or the setting that allows it."""
    if validate_host(address, settings.ALLOWED_HOSTS):
        return _("From other machines: %(address)s") % {"address": f"http://{address}:{port}/"}
    names = ",".join([*settings.ALLOWED_HOSTS, address])
    return _("For other machines set ALLOWED_HOSTS=%(names)s") % {"names": names}


def serve(address: str, port: int, threads: int, lines: list[str]) -> None:
    """Serve until SIGINT or SIGTERM; active requests get STOP_SECONDS to end."""
    # Limits the arenas in which the server's allocator keeps freed memory; set before loading.
    os.environ.setdefault(ALLOCATOR, "narenas:2")
    from granian import Granian
    from granian.constants import HTTPModes, Interfaces
    from granian.http import HTTP1Settings
    from granian.log import LogLevels

    if sys.platform == "linux":
        # The parent has imported everything and has one thread, so forking is fast and safe.
        multiprocessing.set_start_method("fork", force=True)
        load_application()
    server = Granian(
        "camp.wsgi:application",
        address=address,
        port=port,
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        websockets=False,
        workers=1,
        blocking_threads=threads + slots.TOTAL + slots.LONGEST_QUEUE,
        backlog=CONNECTIONS,
        backpressure=raise_open_files(),
        http1_settings=HTTP1Settings(header_read_timeout=HEADER_SECONDS * 1000),
        log_level=LogLevels.error,
        respawn_failed_workers=True,
        workers_kill_timeout=STOP_SECONDS,
    )
    try:
        server.serve(
            target_loader=partial(start_worker, address, port, threads, lines), wrap_loader=False
        )
    except SystemExit:
        raise CommandError(_("The server stopped unexpectedly; see its output above.")) from None


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


def start_worker(address: str, port: int, threads: int, lines: list[str]) -> "WSGIApplication":
    """In the server's process: return the application, and start two watching threads."""
    if os.name != "nt":
        # Ctrl-C also reaches the parent, which stops this process; two signals at once may
        # keep it from stopping.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    threading.Thread(target=announce, args=(address, port, lines), daemon=True).start()
    threading.Thread(target=stop_with_parent, daemon=True).start()
    application = load_application()
    worker_slots.open(threads)
    return application


def announce(address: str, port: int, lines: list[str]) -> None:
    """Print `lines` when the server really answers."""
    address = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)  # noqa: S104
    headers = {"Host": public_name() or "localhost"}
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end:
        connection_ = http.client.HTTPConnection(address, port, timeout=READY_SECONDS)
        try:
            connection_.request("GET", "/health/live", headers=headers)
            connection_.getresponse().read()
        except (OSError, http.client.HTTPException):
            time.sleep(0.02)
            continue
        finally:
            connection_.close()
        drop_stalled_connections()
        sys.stdout.write("".join(f"{line}\n" for line in lines))
        sys.stdout.flush()
        return


def drop_stalled_connections() -> None:
    """Have Linux close connections whose client accepts no bytes for STALLED_SECONDS.

    Otherwise they would block a thread. The option is inherited from the listening socket
    (tcp(7), TCP_USER_TIMEOUT), which Granian does not expose.
    """
    if sys.platform != "linux":
        return
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            if not stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                continue
            with socket.socket(fileno=os.dup(int(name))) as found:
                if found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                    option = socket.TCP_USER_TIMEOUT
                    found.setsockopt(socket.IPPROTO_TCP, option, STALLED_SECONDS * 1000)


def stop_with_parent() -> None:
    """End this process when its parent is killed; otherwise it would keep the port."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
