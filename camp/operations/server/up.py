"""`manage.py up`: prepare Camp, then serve it until it is stopped.

Every step raises CommandError with one sentence if it fails.
"""

import errno
import hashlib
import ipaddress
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

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
from camp.db.pending_migrations import find_pending_migrations
from camp.fs.ownership import make_folder
from camp.operations import error_messages
from camp.operations.console import Say
from camp.operations.database import environment
from camp.operations.server import lock, ports, workers
from camp.web.addresses import public_name


def up(
    *,
    host: str,
    port: int,
    processes: int | None,
    threads: int | None,
    say: Say,
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
        plan = workers.plan_workers(processes, threads)
        lines = ready_lines(host, port, plan.describe())
        connections.close_all()  # each worker process opens its own
        name = public_name() or "localhost"
        workers.serve(address, port, host=name, plan=plan, lines=lines)
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


def prepare_database(say: Say) -> None:
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


def prepare_static_files(say: Say) -> None:
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


def ready_lines(host: str, port: int, workers_line: str) -> list[str]:
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
    return [*lines, workers_line, _("Stop it with Ctrl-C.")]


def own_address(host: str, port: int) -> str:
    """Return an address that works in a browser on this machine."""
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}.get(host, host)  # noqa: S104
    return f"http://{f'[{name}]' if name.count(':') > 1 and name[0] != '[' else name}:{port}/"


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
