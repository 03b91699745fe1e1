#!/usr/bin/env python3
"""How fast one large file goes to Camp and comes back, beside nginx and copyparty.

    .venv/bin/python bench/transfer.py [--rounds 3] [--size 1024] [--folder /var/tmp]

Every server runs with its defaults on 127.0.0.1 over a folder of its own, and curl is the
client. Camp takes a plain form, or the two requests of a tus upload, which are timed
together; it hashes the bytes and answers when they are on the disk. The others take PUT,
copyparty a form too, and answer when the bytes are in the system's cache.
So there are two figures for an upload: until the answer, and until the bytes are on the
disk, for which the benchmark syncs the stored file after the answer. Rounds alternate
between the servers, the disk is idle before each measurement, and every file is fetched
once more and compared by SHA-256. With DATABASE_URL naming an empty PostgreSQL database
Camp runs on that as well. Prints one Markdown table, and keeps nothing.
"""

import argparse
import base64
import contextlib
import hashlib
import json
import os
import pwd
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import venv
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent
MIB = 2**20
PASSWORD = "a good long password"
NGINX_MODULE = "http_dav_module"
NGINX = """
daemon off; master_process on; worker_processes auto; user {user};
pid {folder}/pid; error_log {folder}/error.log;
events {{}}
http {{
  access_log off; sendfile on; tcp_nopush on; client_max_body_size 0;
  client_body_temp_path {folder}/temp;
  server {{
    listen 127.0.0.1:{port};
    location / {{ root {folder}/data; dav_methods PUT DELETE; }}
  }}
}}
"""


class Skipped(Exception):
    """A server that is not here; the message says why."""


class Server:
    """A server that runs over a folder, and how curl talks to it."""

    name = ""

    def __init__(self, folder):
        self.folder = folder
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.process = None
        self.data = folder / "data"
        self.cookie_arguments = []
        self.uploads, self.durable, self.downloads, self.memory = [], [], [], 0

    def run(self, command, **options):
        """Start the server's process and wait for its port."""
        log = (self.folder / "log").open("w")
        self.process = subprocess.Popen(
            command,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            **options,
        )
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self.process.poll() is None:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            time.sleep(0.1)
        self.stop()
        raise Skipped(f"did not start: {(self.folder / 'log').read_text()[-300:]}")

    def stop(self):
        """End it with all its processes."""
        if self.process is None:
            return
        with contextlib.suppress(psutil.NoSuchProcess):
            for child in psutil.Process(self.process.pid).children(recursive=True):
                child.terminate()
        self.process.terminate()
        self.process.wait(20)

    def begin(self, source):
        """Return curl's arguments for a request that announces an upload, if there is one."""
        return None

    def upload(self, source, begun):
        """Return curl's arguments for uploading a file; `begun` answered `begin`'s request."""
        return ["-T", str(source), f"{self.base}/{source.name}"]

    def address(self, source, answer):
        """Return where the file is after an upload that was answered with `answer`."""
        return f"{self.base}/{source.name}"

    def stored(self, size):
        """Return where the bytes of an upload of `size` lie."""
        files = (path for path in self.data.rglob("*") if path.is_file())
        [found] = [path for path in files if path.stat().st_size == size]
        return found

    def forget(self, source):
        """Remove the uploaded file again."""
        self.stored(source.stat().st_size).unlink()


class Nginx(Server):
    """nginx with its own WebDAV module."""

    name = "nginx, PUT"

    def start(self):
        binary = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
        if not binary:
            raise Skipped("nginx is not installed")
        built = subprocess.run([binary, "-V"], capture_output=True, text=True, check=True).stderr
        if NGINX_MODULE not in built:
            raise Skipped("nginx was built without its WebDAV module")
        for name in ("data", "temp"):
            (self.folder / name).mkdir()
        user = pwd.getpwuid(os.getuid()).pw_name
        config = self.folder / "nginx.conf"
        config.write_text(NGINX.format(folder=self.folder, port=self.port, user=user))
        self.run([binary, "-p", str(self.folder), "-c", str(config)])


class Copyparty(Server):
    """copyparty from PyPI, in an environment of its own."""

    name = "copyparty, PUT"

    def start(self):
        environment = self.folder.parent / "copyparty-environment"
        python = environment / "bin" / "python"
        if not python.exists():
            venv.create(environment, with_pip=True)
            install = [python, "-m", "pip", "install", "-q", "copyparty"]
            if subprocess.run(install, capture_output=True, check=False).returncode:
                raise Skipped("copyparty could not be installed")
        self.data.mkdir()
        command = [python, "-m", "copyparty", "-q", "-i", "127.0.0.1", "-p", str(self.port)]
        self.run([*map(str, command), "-v", f"{self.data}::rwd"], env=self.environment())

    def environment(self):
        return {**os.environ, "XDG_CONFIG_HOME": str(self.folder), "HOME": str(self.folder)}


class CopypartyForm(Copyparty):
    """The same through its plain form."""

    name = "copyparty, form"

    def upload(self, source, begun):
        return ["-F", "act=bput", "-F", f"f=@{source}", f"{self.base}/"]

    def address(self, source, answer):
        return f"{self.base}/{self.stored(source.stat().st_size).name}"


class Camp(Server):
    """Camp as `manage.py up` serves it."""

    name = "**Camp**, form, SQLite"
    database = ""

    def start(self):
        self.cookies = self.folder / "cookies"
        self.cookie_arguments = ["-b", str(self.cookies)]
        self.settings = {
            **os.environ,
            "CAMP_DATA_DIR": str(self.data),
            "CAMP_ENV_FILES": "",
            "DATABASE_URL": self.database,
            "LOG_LEVEL": "warning",
        }
        self.run([*manage("up"), "--port", str(self.port)], env=self.settings)
        code = (
            "from accounts.models import User;"
            f"User.objects.create_user('bench', 'bench@example.org', {PASSWORD!r})"
        )
        self.call("shell", "-v", "0", "-c", code)
        login = f"{self.base}/accounts/login/"
        self.curl(login)
        fields = ["username=bench", f"password={PASSWORD}", f"csrfmiddlewaretoken={self.token}"]
        self.curl(*(word for field in fields for word in ("--data-urlencode", field)), login)

    def call(self, *command):
        """Run a manage.py command on the server's data."""
        subprocess.run(manage(*command), env=self.settings, check=True, stdout=subprocess.DEVNULL)

    @property
    def token(self):
        """The CSRF token among the cookies."""
        return re.search(r"csrftoken\s+(\S+)", self.cookies.read_text())[1]

    def curl(self, *arguments):
        """Fetch something beside the measurements, and take the cookies."""
        jar = ["-b", self.cookies, "-c", self.cookies]
        return subprocess.run(["curl", "-sSf", *jar, *arguments], capture_output=True, check=True)

    def upload(self, source, begun):
        return [
            *("-H", "Accept: application/json"),
            *("-F", f"csrfmiddlewaretoken={self.token}", "-F", f"files=@{source}"),
            f"{self.base}/files/upload/",
        ]

    def address(self, source, answer):
        [file] = json.loads(answer)["files"]
        return f"{self.base}{file['url']}download/"

    def forget(self, source):
        """Delete the file and empty the trash."""
        code = "from files.models import File; File.objects.all().delete()"
        self.call("shell", "-v", "0", "-c", code)


class CampTus(Camp):
    """The same by tus: a POST that begins the upload, and a PATCH with all the bytes."""

    name = "**Camp**, tus, SQLite"

    def begin(self, source):
        filename = base64.b64encode(source.name.encode()).decode()
        headers = [
            f"Upload-Length: {source.stat().st_size}",
            f"Upload-Metadata: filename {filename}",
        ]
        return ["-D", "-", "-X", "POST", *self.tus(*headers), f"{self.base}/uploads/"]

    def upload(self, source, begun):
        headers = ["Content-Type: application/offset+octet-stream", "Upload-Offset: 0"]
        # To an address that ends with a slash curl would add the name of the file.
        path = header(begun, "Location").removeprefix(self.base)
        send = ["-X", "PATCH", "-T", str(source), "--request-target", path, f"{self.base}/uploads"]
        return ["-D", "-", *self.tus(*headers), *send]

    def tus(self, *headers):
        """Return curl's arguments for the headers of a request."""
        every = ["Tus-Resumable: 1.0.0", f"X-CSRFToken: {self.token}", *headers]
        return [word for each in every for word in ("-H", each)]

    def address(self, source, answer):
        return f"{self.base}{header(answer, 'Camp-File')}download/"


class OnPostgreSQL:
    """The same over DATABASE_URL."""

    database = os.environ.get("DATABASE_URL", "")

    def start(self):
        if not self.database:
            raise Skipped("DATABASE_URL is not set")
        super().start()


class CampOnPostgreSQL(OnPostgreSQL, Camp):
    """The form over DATABASE_URL."""

    name = "**Camp**, form, PostgreSQL"


class CampTusOnPostgreSQL(OnPostgreSQL, CampTus):
    """Tus over DATABASE_URL."""

    name = "**Camp**, tus, PostgreSQL"


def header(answer, name):
    """Return the value of a header in what `curl -D -` wrote."""
    return re.search(rf"(?im)^{name}: *(\S+)", answer.decode())[1]


def manage(*words):
    """Return the command line of a manage.py command."""
    return [sys.executable, str(ROOT / "manage.py"), *words]


def free_port():
    """Return a port of 127.0.0.1 that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def memory_watched(server):
    """Note the largest resident memory of any of the server's processes, in bytes."""
    done = threading.Event()
    # Looked up once: to find children again and again costs what is being measured.
    parent = psutil.Process(server.process.pid)
    processes = [parent, *parent.children(recursive=True)]

    def watch():
        while not done.wait(0.05):
            for process in processes:
                with contextlib.suppress(psutil.Error):
                    server.memory = max(server.memory, process.memory_info().rss)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def timed(server, arguments, output):
    """Return how many seconds curl takes, and what it wrote to stdout unless to a file."""
    os.sync()
    command = ["curl", "-sSf", *server.cookie_arguments, *output, *arguments]
    with memory_watched(server):
        begun = time.perf_counter()
        done = subprocess.run(command, capture_output=True, check=False)
        seconds = time.perf_counter() - begun
    if done.returncode:
        log = (server.folder / "log").read_text()[-2000:]
        raise SystemExit(f"{server.name}: {done.stderr.decode()}\n{log}")
    return seconds, done.stdout


def fetched(server, address):
    """Return the SHA-256 of what an address gives."""
    command = ["curl", "-sSf", *server.cookie_arguments, address]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as curl:
        return hashlib.file_digest(curl.stdout, "sha256").hexdigest()


def measure(server, source, checksum):
    """Do one round with a server."""
    size = source.stat().st_size
    begun, announcing = b"", 0
    if announcement := server.begin(source):
        announcing, begun = timed(server, announcement, [])
    seconds, answer = timed(server, server.upload(source, begun), [])
    seconds += announcing
    server.uploads.append(size / seconds / 1e6)
    server.durable.append(size / (seconds + synced(server.stored(size))) / 1e6)
    address = server.address(source, answer)
    if fetched(server, address) != checksum:
        raise SystemExit(f"{server.name} gave back other bytes.")
    seconds, _answer = timed(server, [address], ["-o", "/dev/null"])
    server.downloads.append(size / seconds / 1e6)
    server.forget(source)


def synced(path):
    """Return how many seconds it takes until all of a file is on the disk."""
    begun = time.perf_counter()
    with path.open("rb+") as stream:
        os.fsync(stream.fileno())
    return time.perf_counter() - begun


def make_source(folder, size):
    """Write `size` MiB of random bytes; returns the path and the SHA-256."""
    path = folder / "large.bin"
    checksum = hashlib.sha256()
    with path.open("wb") as stream:
        for _ in range(size):
            block = os.urandom(MIB)
            checksum.update(block)
            stream.write(block)
    return path, checksum.hexdigest()


def started(kinds, folder, stack):
    """Return the servers that could be started, and the reasons of the others by name."""
    servers, skipped = [], {}
    for kind in kinds:
        place = folder / kind.__name__
        place.mkdir()
        server = kind(place)
        try:
            server.start()
        except Skipped as reason:
            skipped[kind.name] = str(reason)
        else:
            stack.callback(server.stop)
            servers.append(server)
    return servers, skipped


def table(servers, skipped):
    """Return the figures as Markdown."""
    lines = [
        "| server | upload, MB/s | upload to disk, MB/s | download, MB/s | peak memory, MB |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for server in servers:
        series = (server.uploads, server.durable, server.downloads, [server.memory / 1e6])
        figures = (f"{statistics.median(values):,.0f}" for values in series)
        lines.append(f"| {server.name} | {' | '.join(figures)} |")
    lines += [f"| {name} | skipped: {reason} | | | |" for name, reason in skipped.items()]
    return "\n".join(lines)


def main():
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--size", type=int, default=1024, help="MiB")
    parser.add_argument("--folder", type=Path, help="where to put the data; needs 6 × the size")
    options = parser.parse_args()
    kinds = [Camp, CampTus, CampOnPostgreSQL, CampTusOnPostgreSQL, Nginx, Copyparty, CopypartyForm]
    with contextlib.ExitStack() as stack:
        temporary = tempfile.TemporaryDirectory(prefix="camp-bench-", dir=options.folder)
        folder = Path(stack.enter_context(temporary))
        source, checksum = make_source(folder, options.size)
        servers, skipped = started(kinds, folder, stack)
        for number in range(options.rounds):
            for server in servers:
                print(f"round {number + 1}: {server.name}", file=sys.stderr)
                measure(server, source, checksum)
        print(table(servers, skipped))


if __name__ == "__main__":
    main()
