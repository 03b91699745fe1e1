#!/usr/bin/env python3
"""Whether Camp still answers while many slow connections are open.

    .venv/bin/python bench/slow_connections.py [--connections 200] [--silent 1100] [--seconds 15]

Starts Camp over a folder of its own, once alone and once behind nginx with
docs/deploy/nginx.conf. For each kind of slow client, and then for all kinds at once, it opens
the connections from one address and keeps them open. Meanwhile it asks for `/health/live` and
the log-in page, each over a new connection. Prints one Markdown table: the longest answer of
each in milliseconds, how many of the slow connections were still open in the end, and the
memory and threads of the processes that serve. With DATABASE_URL naming an empty PostgreSQL
database Camp runs on that. Exits with 1 if an answer took a second or was none.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent
NAME = "camp.example.org"
LIMIT = 1.0  # seconds
BIG_FILE = 64 * 2**20  # bytes
CSRF = "0123456789abcdefghijklmnopqrstuv"
FORM = "Content-Type: application/x-www-form-urlencoded"
LOG_IN = """
import json
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from accounts.models import User
user = User.objects.create_user("bench", "bench@example.org", "a good long password")
session = SessionStore()
session[SESSION_KEY] = str(user.pk)
session[BACKEND_SESSION_KEY] = "accounts.backends.LoginBackend"
session[HASH_SESSION_KEY] = user.get_session_auth_hash()
session.create()
print(session.session_key)
"""


class Place:
    """Camp as `manage.py up` serves it."""

    name = "Camp"
    settings = {"ALLOWED_HOSTS": NAME}

    def __init__(self, folder):
        self.folder = folder
        self.port = self.inner = free_port()
        self.processes = []
        self.tls = None
        self.session = ""

    def start(self):
        """Start it, and make a person with a log-in."""
        self.environment = {
            **os.environ,
            "CAMP_DATA_DIR": str(self.folder / "data"),
            "CAMP_ENV_FILES": "",
            "LOG_LEVEL": "error",
            **self.settings,
        }
        self.run([*manage("up"), "--port", str(self.inner)], self.inner)
        shell = subprocess.run(
            manage("shell", "-v", "0", "-c", LOG_IN),
            env=self.environment,
            check=True,
            capture_output=True,
            text=True,
        )
        self.session = shell.stdout.strip()

    def run(self, command, port):
        """Run a server's process until it listens on `port`."""
        with (self.folder / "log").open("a") as log:
            self.processes.append(
                subprocess.Popen(
                    command,
                    env=self.environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            )
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            time.sleep(0.1)
        raise SystemExit((self.folder / "log").read_text())

    def stop(self):
        """Stop its processes."""
        for process in self.processes:
            process.terminate()
            process.wait(30)

    def usage(self):
        """Return (MiB of memory, threads, open files) of the processes that serve."""
        workers = psutil.Process(self.processes[0].pid).children()
        memory = sum(worker.memory_info().rss for worker in workers) / 2**20
        threads = sum(worker.num_threads() for worker in workers)
        return memory, threads, sum(worker.num_fds() for worker in workers)


class BehindNginx(Place):
    """The same behind nginx, with the configuration of the documentation."""

    name = "Camp behind nginx"
    settings = Place.settings | {"CAMP_HTTPS": "on"}

    def start(self):
        super().start()
        nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
        if not nginx:
            raise SystemExit("nginx is not installed.")
        self.port = free_port()
        config = self.folder / "nginx.conf"
        config.write_text(self.nginx_configuration())
        self.run([nginx, "-p", str(self.folder), "-c", str(config)], self.port)
        self.tls = ssl.create_default_context()
        self.tls.check_hostname, self.tls.verify_mode = False, ssl.CERT_NONE

    def nginx_configuration(self):
        """Return docs/deploy/nginx.conf for this folder, with the rest as Debian has it."""
        folder = self.folder
        certificate = ["-keyout", folder / "privkey.pem", "-out", folder / "fullchain.pem"]
        request = [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-subj",
            f"/CN={NAME}",
        ]
        subprocess.run([*request, *certificate], check=True, capture_output=True)
        site = (ROOT / "docs" / "deploy" / "nginx.conf").read_text(encoding="utf-8")
        for old, new in (
            ("listen 80;", f"listen 127.0.0.1:{free_port()};"),
            ("listen 443 ssl http2;", f"listen 127.0.0.1:{self.port} ssl http2;"),
            ("server 127.0.0.1:8000;", f"server 127.0.0.1:{self.inner};"),
            (f"/etc/letsencrypt/live/{NAME}/", f"{folder}/"),
            ("/var/log/nginx/", f"{folder}/"),
        ):
            assert old in site, old
            site = site.replace(old, new)
        site = re.sub(r"listen \[::\].*", "", site)
        return (
            f"daemon off; pid {folder}/pid; error_log {folder}/error.log;\n"
            "worker_processes auto; events { worker_connections 768; }\n"
            f"http {{ client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;\n"
            f"sendfile on; tcp_nopush on;\n{site}}}\n"
        )


def free_port():
    """Return a port that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def manage(*words):
    """Return a command of manage.py."""
    return [sys.executable, str(ROOT / "manage.py"), *words]


class Visitor:
    """Opens connections to a Place and keeps count of them."""

    def __init__(self, place):
        self.place = place
        self.file = ""
        self.static = ""

    async def connect(self, *, tls=True, **options):
        """Return a (reader, writer); `tls` only where the place speaks it."""
        context = self.place.tls if tls else None
        name = NAME if context else None
        return await asyncio.open_connection(
            "127.0.0.1", self.place.port, ssl=context, server_hostname=name, **options
        )

    async def request(self, head, body=b""):
        """Return (status, body) of a request over a new connection."""
        reader, writer = await self.connect()
        writer.write(f"{head}\r\nHost: {NAME}\r\nConnection: close\r\n\r\n".encode() + body)
        answer = await reader.read()
        writer.close()
        status = int(answer.split(b" ", 2)[1]) if answer else 0
        return status, answer.partition(b"\r\n\r\n")[2]

    @property
    def member(self):
        """The headers of a person with a log-in."""
        origin = f"https://{NAME}" if self.place.tls else f"http://{NAME}"
        cookie = f"Cookie: camp_session={self.place.session}; csrftoken={CSRF}"
        return f"{cookie}\r\nX-CSRFToken: {CSRF}\r\nOrigin: {origin}\r\nReferer: {origin}/"

    async def prepare(self):
        """Find a large static file, and upload one of BIG_FILE bytes."""
        root = self.place.folder / "data" / "static"
        static = max(root.rglob("*.*"), key=lambda path: path.stat().st_size)
        self.static = f"/static/{static.relative_to(root).as_posix()}"
        part = b'--x\r\nContent-Disposition: form-data; name="files"; filename="big"\r\n\r\n'
        body = part + bytes(BIG_FILE) + b"\r\n--x--\r\n"
        head = f"POST /files/upload/ HTTP/1.1\r\n{self.member}\r\nAccept: application/json"
        head += f"\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: {len(body)}"
        status, answer = await self.request(head, body)
        assert status == 201, answer
        self.file = json.loads(answer)["files"][0]["url"] + "download/"

    async def silent(self):
        """Connect and say nothing."""
        await hold(*await self.connect(tls=False), [])

    async def slow_head(self):
        """Send a header line every few seconds."""
        lines = (f"X-Line-{n}: x\r\n".encode() for n in range(10_000))
        first = f"GET / HTTP/1.1\r\nHost: {NAME}\r\n".encode()
        await hold(*await self.connect(), lines, first=first)

    async def slow_form(self):
        """Send a log-in form, a byte every few seconds."""
        head = f"POST /accounts/login/ HTTP/1.1\r\nHost: {NAME}\r\nCookie: csrftoken={CSRF}\r\n"
        head += f"{FORM}\r\nContent-Length: 1000\r\n\r\n"
        await hold(*await self.connect(), endless(b"x"), first=head.encode())

    async def slow_upload(self):
        """Send a file by form, some bytes every few seconds."""
        head = f"POST /files/upload/ HTTP/1.1\r\nHost: {NAME}\r\n{self.member}\r\n"
        head += "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 1000000\r\n\r\n"
        await hold(*await self.connect(), endless(b"x" * 100), first=head.encode())

    async def slow_static(self):
        """Take a static file, a few bytes at a time."""
        await self.read_slowly(f"GET {self.static} HTTP/1.1\r\nHost: {NAME}\r\n\r\n")

    async def slow_download(self):
        """Take an uploaded file, a few bytes at a time."""
        await self.read_slowly(f"GET {self.file} HTTP/1.1\r\nHost: {NAME}\r\n{self.member}\r\n\r\n")

    async def read_slowly(self, head):
        """Send a request and take 512 bytes of the answer every few seconds."""
        narrow = socket.socket()
        narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        narrow.setblocking(False)
        await asyncio.get_running_loop().sock_connect(narrow, ("127.0.0.1", self.place.port))
        context = self.place.tls
        reader, writer = await asyncio.open_connection(
            sock=narrow, ssl=context, server_hostname=NAME if context else None, limit=512
        )
        writer.write(head.encode())
        try:
            while await reader.read(512):
                await asyncio.sleep(PAUSE)
        finally:
            writer.close()

    async def probe(self, path):
        """Return the seconds until a page is here; infinite where it is no 200."""
        started = time.monotonic()
        try:
            status, _body = await asyncio.wait_for(self.request(f"GET {path} HTTP/1.1"), 30)
        except (OSError, TimeoutError):
            return float("inf")
        return time.monotonic() - started if status == 200 else float("inf")


OPENING = 3  # seconds, over which the connections are opened
PAUSE = 5  # seconds between two bytes of a slow client
KINDS = {
    "silent": [Visitor.silent],
    "slow headers": [Visitor.slow_head],
    "slow log-in forms": [Visitor.slow_form],
    "slow uploads": [Visitor.slow_upload],
    "slow readers of a static file": [Visitor.slow_static],
    "slow readers of a download": [Visitor.slow_download],
}
KINDS["all of these"] = [act for acts in KINDS.values() for act in acts]


def endless(piece):
    """Yield `piece` for ever."""
    while True:
        yield piece


async def hold(reader, writer, pieces, first=b""):
    """Send `first`, then one of `pieces` every PAUSE seconds, until the server closes."""
    closed = asyncio.ensure_future(reader.read())
    pieces = iter(pieces)
    try:
        writer.write(first)
        while not closed.done():
            await asyncio.wait([closed], timeout=PAUSE)
            if piece := next(pieces, b""):
                writer.write(piece)
    finally:
        closed.cancel()
        writer.close()


async def measure(place, kinds, count, silent, seconds):
    """Yield a row for each kind of slow client."""
    visitor = Visitor(place)
    await visitor.prepare()
    for kind in kinds:
        slow = [
            asyncio.ensure_future(open_slowly(act, visitor))
            for act in KINDS[kind]
            for _ in range(silent if act is Visitor.silent else count)
        ]
        longest = {"/health/live": 0.0, "/accounts/login/": 0.0}
        await asyncio.sleep(OPENING + 1)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for path in longest:
                longest[path] = max(longest[path], await visitor.probe(path))
            await asyncio.sleep(0.1)
        still_open = sum(not each.done() for each in slow)
        memory, threads, files = place.usage()
        for each in slow:
            each.cancel()
        await asyncio.gather(*slow, return_exceptions=True)
        yield kind, len(slow), longest, still_open, memory, threads, files
        await asyncio.sleep(2)


async def open_slowly(act, visitor):
    """Be one slow client; the server may close the connection at any time."""
    await asyncio.sleep(random.random() * OPENING)
    with contextlib.suppress(OSError, ssl.SSLError):
        await act(visitor)


async def run(options):
    """Measure both places; returns whether all answers came in time."""
    in_time = True
    print(
        "| server | slow clients | opened | open in the end | health, ms | log-in page, ms |",
        end="",
    )
    print(" memory, MiB | threads | files |")
    print("| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for kind in (Place, BehindNginx):
        with tempfile.TemporaryDirectory(prefix="camp-slow-", dir=options.folder) as folder:
            place = kind(Path(folder))
            try:
                place.start()
                rows = measure(
                    place,
                    options.kind or KINDS,
                    options.connections,
                    options.silent,
                    options.seconds,
                )
                async for name, opened, longest, left, memory, threads, files in rows:
                    times = " | ".join(f"{each * 1000:,.0f}" for each in longest.values())
                    line = f"| {place.name} | {name} | {opened:,} | {left:,} | {times}"
                    print(f"{line} | {memory:,.0f} | {threads} | {files:,} |", flush=True)
                    in_time = in_time and max(longest.values()) < LIMIT
            finally:
                place.stop()
    return in_time


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--connections", type=int, default=200, help="of each kind")
    parser.add_argument("--silent", type=int, default=1100, help="silent ones")
    parser.add_argument("--seconds", type=float, default=15, help="for each kind")
    parser.add_argument("--kind", action="append", choices=KINDS, help="only these")
    parser.add_argument("--folder", help="where the data goes meanwhile")
    return 0 if asyncio.run(run(parser.parse_args())) else 1


if __name__ == "__main__":
    sys.exit(main())
