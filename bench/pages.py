#!/usr/bin/env python3
"""Pages of Camp beside the same data as JSON from a FastAPI backend.

    .venv/bin/python bench/pages.py [--seconds 3] [--rounds 5] [--connections 1 8 32]

Starts a PostgreSQL and a Redis (or uses DATABASE_URL, an empty database, and REDIS_URL), fills
1,000 files and 30 sessions of one person, and serves them in turns with one process of Camp, with
Camp as `manage.py up` starts it, and with bench/peer on one uvicorn process, whose packages
are installed into a temporary environment. wrk requests each page; the tables show medians of
the rounds. Responses other than 200 count as refused: the admin allows few requests at once.
Needs wrk.
"""

import argparse
import contextlib
import json
import os
import re
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
PEER = ROOT / "bench" / "peer"
SETTLE = 0.5  # seconds between two measurements
# Page: path of Camp, path of the peer or None; {session} is the public ID of a session.
PAGES = {
    "home": ("/", "/home"),
    "files (50)": ("/files/", "/files"),
    "sessions (30)": ("/sessions/", "/sessions"),
    "session (50 messages)": ("/sessions/{session}/", "/sessions/{session}"),
    "search": ("/files/?q=notes", "/files?q=notes"),
    "admin file list": ("/admin/files/file/", None),
    "log-in page": ("/accounts/login/", None),
    "live": ("/health/live", "/live"),
}
ANONYMOUS = {"/accounts/login/"}  # these redirect people with a log-in
FILL = """
import json, uuid
from datetime import timedelta
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection
from django.utils import timezone
from accounts.models import User
from files.models import File
from sessions_app.models import Message, Session
user = User.objects.create_superuser("bench", "bench@example.org", "a good long password")
other = User.objects.create_user("other", "other@example.org", "a good long password")
now = timezone.now()
sessions = Session.objects.bulk_create(
    Session(user=user if number < 30 else other, title=f"Evening talk {number}",
        updated_at=now - timedelta(hours=number))
    for number in range(1000)
)
Message.objects.bulk_create(
    Message(session=sessions[0], author=user, role="user",
        content=f"Message {number}: see **the plan** and [the map](https://example.org/map).")
    for number in range(50)
)
kinds = [("notes.txt", "text/plain"), ("plan.pdf", "application/pdf"), ("photo.jpg", "image/jpeg"),
         ("talk.mp3", "audio/mpeg")]
for number in range(1000):
    name, content_type = kinds[number % len(kinds)]
    session = sessions[number // 3 % 30] if number % 3 == 0 else None
    File.objects.create(user=user, session=session, filename=f"{number:04} {name}",
        content_type=content_type, size=1000 * number + 1, sha256="0" * 64,
        storage_path=f"aa/bb/{uuid.uuid4()}")
with connection.cursor() as cursor:
    cursor.execute("ANALYZE")
store = SessionStore()
store[SESSION_KEY] = str(user.pk)
store[BACKEND_SESSION_KEY] = "accounts.backends.LoginBackend"
store[HASH_SESSION_KEY] = user.get_session_auth_hash()
store.create()
print(json.dumps({"user": user.pk, "session": sessions[0].session_id, "log_in": store.session_key}))
"""


class Server:
    """A server on a port of its own; the with-block stops it."""

    def __init__(self, name, command, environment, header, live):
        from tests.servers import free_port

        self.name, self.header, self.port = name, header, free_port()
        command = [str(self.port) if word == "PORT" else word for word in command]
        self.log = tempfile.TemporaryFile()  # noqa: SIM115
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=self.log, stderr=self.log
        )
        self.wait(live)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.process.terminate()
        self.process.wait(20)
        self.log.close()

    def url(self, path):
        """Return the URL of a path."""
        return f"http://127.0.0.1:{self.port}{path}"

    def wait(self, live):
        """Wait up to a minute for the server to respond."""
        for _ in range(300):
            with contextlib.suppress(OSError), urllib.request.urlopen(self.url(live)):
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.2)
        self.log.seek(0)
        raise SystemExit(f"{self.name} did not start:\n{self.log.read().decode()[-2000:]}")

    def header_for(self, path):
        """Return the header of a request: the log-in, unless the page is for people without."""
        return "Accept: text/html" if path in ANONYMOUS else self.header

    def family(self):
        """Return the server's processes."""
        process = psutil.Process(self.process.pid)
        return [process, *process.children(recursive=True)]

    def cpu(self):
        """Return the processor seconds that the processes have used."""
        return sum(sum(each.cpu_times()[:2]) for each in self.family())

    def memory(self):
        """Return the resident memory of the processes in MiB."""
        return sum(each.memory_info().rss for each in self.family()) / 2**20

    def load(self, path, connections, seconds):
        """Return requests/s, p50 and p99 in ms, CPU ms per request, and % refused, under load."""
        before = self.cpu()
        done = subprocess.run(
            ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "--timeout", "30s",
             "-H", self.header_for(path), self.url(path)],
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        used = self.cpu() - before
        refused = re.search(r"Non-2xx or 3xx responses: (\d+)", done)
        count = int(re.search(r"(\d+) requests in", done)[1])
        rate = float(re.search(r"Requests/sec:\s+([\d.]+)", done)[1])
        share = 100 * int(refused[1]) / count if refused else 0
        return rate, quantile(done, "50%"), quantile(done, "99%"), used * 1000 / count, share

    def size(self, path, encoding):
        """Return the bytes of a response's body as sent."""
        name, _, value = self.header_for(path).partition(": ")
        request = urllib.request.Request(
            self.url(path), headers={name: value, "Accept-Encoding": encoding}
        )
        with urllib.request.urlopen(request) as response:
            return len(response.read())


def quantile(output, name):
    """Return a latency quantile of wrk's output in ms."""
    number, unit = re.search(rf"{name}\s+([\d.]+)(us|ms|s|m)\b", output).groups()
    return float(number) * {"us": 0.001, "ms": 1, "s": 1000, "m": 60_000}[unit]


def peer_python(folder):
    """Create the peer's environment and return its Python."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / "bin" / "python"
    install = [python, "-m", "pip", "install", "-q", "-r", PEER / "requirements.txt"]
    subprocess.run(install, check=True)
    return python


def token(python, user):
    """Return a JWT for the peer."""
    code = (
        "import jwt, sys; from app import SECRET; "
        "print(jwt.encode({'sub': sys.argv[1]}, SECRET, algorithm='HS256'))"
    )
    environment = os.environ | {"DATABASE_URL": "postgresql+asyncpg://nowhere/none"}
    done = subprocess.run(
        [python, "-c", code, str(user)], cwd=PEER, env=environment, capture_output=True, check=True
    )
    return done.stdout.decode().strip()


def manage(*words):
    """Return a command of Camp."""
    return [sys.executable, str(ROOT / "manage.py"), *words]


def fill_database(stack):
    """Fill an empty database; return the environment of its servers, and the facts of FILL."""
    from tests import servers

    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="camp-pages-")))
    database = os.environ.get("DATABASE_URL") or stack.enter_context(servers.postgresql()).url
    redis = os.environ.get("REDIS_URL") or stack.enter_context(servers.redis()).url
    create_database(database)
    environment = os.environ | {
        "CAMP_ENV_FILES": "",
        "CAMP_DATA_DIR": str(folder / "data"),
        "DATABASE_URL": database,
        "REDIS_URL": redis,
        "SECRET_KEY": secrets.token_urlsafe(50),
    }
    subprocess.run(manage("migrate", "-v", "0"), env=environment, check=True)
    collect = manage("collectstatic", "--no-input", "-v", "0")
    subprocess.run(collect, env=environment, check=True)
    done = subprocess.run(
        manage("shell", "-v", "0", "-c", FILL), env=environment, check=True, capture_output=True
    )
    return environment, json.loads(done.stdout.splitlines()[-1])


def start_servers(stack, given):
    """Fill the database; return the servers and the values of the paths."""
    environment, facts = fill_database(stack)
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="camp-peer-"))
    python = peer_python(Path(folder))
    peer_environment = environment | {
        "DATABASE_URL": re.sub(r"^\w+:", "postgresql+asyncpg:", environment["DATABASE_URL"])
    }
    # As a browser that has logged in: without the second one each response would set it.
    cookie = f"Cookie: camp_session={facts['log_in']}; csrftoken={secrets.token_hex(16)}"
    bearer = f"Authorization: Bearer {token(python, facts['user'])}"
    up = manage("up", "--port", "PORT")
    uvicorn = [str(python), "-m", "uvicorn", "--app-dir", str(PEER), "app:app", "--port", "PORT"]
    wanted = [
        ("Camp, one process", [*up, *given.one.split()], environment, cookie, "/health/live"),
        ("Camp, as `up` starts it", up, environment, cookie, "/health/live"),
        ("FastAPI", uvicorn, peer_environment, bearer, "/live"),
    ]
    return [stack.enter_context(Server(*each)) for each in wanted], facts


def create_database(url):
    """Create the database of a URL unless it exists."""
    import psycopg

    base, _, name = url.partition("?")[0].rpartition("/")
    with (
        contextlib.suppress(psycopg.errors.DuplicateDatabase),
        psycopg.connect(f"{base}/postgres", autocommit=True) as server,
    ):
        server.execute(f'CREATE DATABASE "{name}"')


def measure(servers, facts, given):
    """Return {(page, server, connections): medians}."""
    found = {}
    for page, paths in PAGES.items():
        for connections in given.connections:
            runs = {}
            for _ in range(given.rounds):
                for server in servers:
                    path = paths[server.name == "FastAPI"]
                    if path:
                        time.sleep(SETTLE)
                        path = path.format(**facts)
                        run = server.load(path, connections, given.seconds)
                        runs.setdefault(server.name, []).append(run)
            for name, each in runs.items():
                columns = zip(*each, strict=True)
                found[page, name, connections] = [statistics.median(column) for column in columns]
    return found


def report(found, servers, facts):
    """Print the tables."""
    print(
        "| page | server | clients | requests/s | × FastAPI | p50 ms | p99 ms | CPU ms | errors |"
    )
    print("|---|---|---:|---:|---:|---:|---:|---:|---:|")
    for (page, name, connections), (rate, p50, p99, cpu, share) in found.items():
        peer = found.get((page, "FastAPI", connections))
        ratio = f"{rate / peer[0]:.2f}" if peer else "–"
        print(
            f"| {page} | {name} | {connections} | {rate:.0f} | {ratio} "
            f"| {p50:.1f} | {p99:.1f} | {cpu:.2f} | {share:.0f} % |"
        )
    print("\n| page | Camp, bytes | gzip | br | FastAPI, bytes |")
    print("|---|---:|---:|---:|---:|")
    camp, peer = servers[0], servers[-1]
    for page, (path, other) in PAGES.items():
        sizes = [camp.size(path.format(**facts), each) for each in ("identity", "gzip", "br")]
        json_size = f"{peer.size(other.format(**facts), 'identity'):,}" if other else "–"
        print(f"| {page} | {' | '.join(f'{size:,}' for size in sizes)} | {json_size} |")
    print("\n| server | processes | memory, MiB |")
    print("|---|---:|---:|")
    for server in servers:
        print(f"| {server.name} | {len(server.family())} | {server.memory():.0f} |")


def main():
    """Measure everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--one", default="--workers 1", help="arguments of `up` for one process")
    given = parser.parse_args()
    with contextlib.ExitStack() as stack:
        servers, facts = start_servers(stack, given)
        report(measure(servers, facts, given), servers, facts)


if __name__ == "__main__":
    main()
