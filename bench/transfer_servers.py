"""The servers that bench/transfer.py compares, and how curl talks to each.

A `Job` is some files of one size. For each the server tells with which requests curl
uploads it, and where the bytes are afterwards.
"""

import base64
import contextlib
import json
import os
import pwd
import re
import shutil
import socket
import subprocess
import sys
import time
import venv
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent
PASSWORD = "a good long password"
NGINX_MODULE = "http_dav_module"
NGINX = """
daemon off; master_process on; worker_processes auto; user {user};
pid {folder}/pid; error_log {folder}/error.log;
events {{}}
http {{
  access_log off; sendfile on; tcp_nopush on; client_max_body_size 0;
  client_body_temp_path {folder}/temp; proxy_temp_path {folder}/temp;
  server {{
    listen 127.0.0.1:{port};
    {locations}
  }}
}}
"""
PLAIN = "location / {{ root {folder}/data; dav_methods PUT DELETE; }}"
PROXY = """
location / {{
  proxy_pass http://127.0.0.1:{camp}; proxy_set_header Host $http_host;
  proxy_request_buffering off;
}}
location /protected/ {{ internal; alias {storage}/; }}
"""


class Skipped(Exception):
    """A server that is not here; the message says why."""


class Server:
    """A server that runs over a folder of its own, with its defaults."""

    name = ""

    def __init__(self, folder):
        self.folder = folder
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.data = folder / "data"
        self.process = None
        self.cookie_lines = []
        self.memory = 0

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

    @property
    def roots(self):
        """The processes that make up the server, with their children."""
        return [self.process]

    def announce(self, job):
        """Return requests that must come before those that upload, if there are any."""
        return []

    def upload(self, job, announced):
        """Return the requests that upload a job; `announced` are the answers to `announce`."""
        return [Request(self.at(path), f"upload-file = {path}") for path in job.files]

    def at(self, path):
        """Return the address of a file."""
        return f"{self.base}/{path.name}"

    def addresses(self, job, answers):
        """Return where the files of a job are after it was uploaded."""
        return [self.at(path) for path in job.files]

    def forget(self):
        """Remove all that was uploaded."""
        for path in self.data.rglob("*"):
            if path.is_file() and ".hist" not in path.parts:
                path.unlink()


class Request(str):
    """What curl's configuration says of one request."""

    def __new__(cls, address, *lines):
        return super().__new__(cls, "\n".join([f"url = {address}", *lines]))


class Nginx(Server):
    """nginx with its own WebDAV module."""

    name = "nginx, PUT"
    locations = PLAIN

    def start(self):
        self.data.mkdir()
        self.run_nginx(self.folder)

    def run_nginx(self, folder, **values):
        """Start nginx with its own files in `folder`."""
        binary = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
        if not binary:
            raise Skipped("nginx is not installed")
        built = subprocess.run([binary, "-V"], capture_output=True, text=True, check=True).stderr
        if NGINX_MODULE not in built:
            raise Skipped("nginx was built without its WebDAV module")
        (folder / "temp").mkdir()
        values |= {"folder": folder, "port": self.port}
        locations = self.locations.format(**values)
        user = pwd.getpwuid(os.getuid()).pw_name
        config = folder / "nginx.conf"
        config.write_text(NGINX.format(**values, user=user, locations=locations))
        self.run([binary, "-p", str(folder), "-c", str(config)])


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
        own = {"XDG_CONFIG_HOME": str(self.folder), "HOME": str(self.folder)}
        self.run([*map(str, command), "-v", f"{self.data}::rwd"], env={**os.environ, **own})


class CopypartyForm(Copyparty):
    """The same through its plain form."""

    name = "copyparty, form"

    def upload(self, job, announced):
        return [
            Request(f"{self.base}/", "form = act=bput", *(f"form = f=@{path}" for path in files))
            for files in job.forms
        ]


class Camp(Server):
    """Camp as `manage.py up` serves it."""

    name = "**Camp**, form, SQLite"
    database = ""
    settings = {}

    def start(self):
        jar = self.folder / "cookies"
        self.cookie_lines = [f"cookie = {jar}"]
        self.environment = {
            **os.environ,
            "CAMP_DATA_DIR": str(self.data),
            "CAMP_ENV_FILES": "",
            "DATABASE_URL": self.database,
            "LOG_LEVEL": "warning",
            **self.settings,
        }
        self.run([*manage("up"), "--port", str(self.port)], env=self.environment)
        self.shell(
            "from accounts.models import User;"
            "User.objects.filter(username='bench').exists() or "
            f"User.objects.create_user('bench', 'bench@example.org', {PASSWORD!r})"
        )
        login = f"{self.base}/accounts/login/"
        curl = ["curl", "-sSf", "-b", jar, "-c", jar, login]
        for fields in ({}, {"username": "bench", "password": PASSWORD}):
            data = {**fields, "csrfmiddlewaretoken": self.token} if fields else {}
            posted = [
                word for each in data.items() for word in ("--data-urlencode", "=".join(each))
            ]
            subprocess.run([*curl, *posted], capture_output=True, check=True)

    def shell(self, code):
        """Run Python with the server's data."""
        command = manage("shell", "-v", "0", "-c", code)
        subprocess.run(command, env=self.environment, check=True, stdout=subprocess.DEVNULL)

    @property
    def token(self):
        """The CSRF token among the cookies."""
        return re.search(r"csrftoken\s+(\S+)", (self.folder / "cookies").read_text())[1]

    def headers(self):
        """Return the headers by which a client is the logged-in person."""
        fields = (line.split("\t") for line in (self.folder / "cookies").read_text().splitlines())
        cookies = {field[5]: field[6] for field in fields if len(field) == 7}
        joined = "; ".join(f"{name}={value}" for name, value in cookies.items())
        return {"Cookie": joined, "X-CSRFToken": self.token}

    def upload(self, job, announced):
        return [
            Request(
                f"{self.base}/files/upload/",
                'header = "Accept: application/json"',
                f"form = csrfmiddlewaretoken={self.token}",
                *(f"form = files=@{path}" for path in files),
            )
            for files in job.forms
        ]

    def addresses(self, job, answers):
        files = [file for answer in answers for file in json.loads(answer)["files"]]
        found = {file["name"]: f"{self.base}{file['url']}download/" for file in files}
        return [found[path.name] for path in job.files]

    def forget(self):
        self.shell("from files.models import File; File.objects.all().delete()")


class CampTus(Camp):
    """The same by tus: small files whole with one request, others with two each."""

    name = "**Camp**, tus, SQLite"
    small = 256 * 2**10

    def announce(self, job):
        return [] if job.size <= self.small else [self.begin(path) for path in job.files]

    def begin(self, path, *more):
        """Return the request that begins the upload of a file."""
        filename = base64.b64encode(path.name.encode()).decode()
        headers = [
            f"Upload-Length: {path.stat().st_size}",
            f"Upload-Metadata: filename {filename}",
        ]
        return Request(f"{self.base}/uploads/", "request = POST", *self.tus(*headers), *more)

    def upload(self, job, announced):
        kind = "Content-Type: application/offset+octet-stream"
        if job.size <= self.small:
            more = [f'header = "{kind}"']
            return [self.begin(path, *more, f"data-binary = @{path}") for path in job.files]
        sent = []
        for path, answer in zip(job.files, announced, strict=True):
            # To an address that ends with a slash curl would add the name of the file.
            place = header(answer, "Location").removeprefix(self.base)
            sent.append(
                Request(
                    f"{self.base}/uploads",
                    *("request = PATCH", f"upload-file = {path}", f"request-target = {place}"),
                    *self.tus(kind, "Upload-Offset: 0"),
                )
            )
        return sent

    def tus(self, *headers):
        """Return curl's lines for the headers of a request, and to have those of the answer."""
        every = ["Tus-Resumable: 1.0.0", f"X-CSRFToken: {self.token}", *headers]
        return [*(f'header = "{each}"' for each in every), "include"]

    def addresses(self, job, answers):
        return [f"{self.base}{header(answer, 'Camp-File')}download/" for answer in answers]


class CampAccel(Camp, Nginx):
    """Camp behind nginx, which sends the files that Camp names (X-Accel-Redirect)."""

    name = "**Camp** behind nginx, form, SQLite"
    locations = PROXY
    settings = {"X_ACCEL_REDIRECT": "/protected/", "ALLOWED_HOSTS": "127.0.0.1"}

    def start(self):
        super().start()
        front, self.camp, camp = self.folder / "nginx", self.process, self.port
        front.mkdir()
        self.process, self.port = None, free_port()
        self.run_nginx(front, camp=camp, storage=self.data / "files")
        self.base = f"http://127.0.0.1:{self.port}"

    @property
    def roots(self):
        return [self.process, self.camp]

    def stop(self):
        super().stop()
        self.process = self.camp
        super().stop()


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
    """Return the value of a header in what `curl -i` wrote."""
    return re.search(rf"(?im)^{name}: *(\S+)", answer.decode())[1]


def manage(*words):
    """Return the command line of a manage.py command."""
    return [sys.executable, str(ROOT / "manage.py"), *words]


def free_port():
    """Return a port of 127.0.0.1 that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
