#!/usr/bin/env python3
"""Many people at once: they browse, search, write, upload 1 MB and download, with time to think.

    .venv/bin/python bench/people.py [--people 200] [--seconds 300] [-- OPTIONS OF UP]

Starts a PostgreSQL and a Redis (REDIS_URL= for none), and Camp as `manage.py up` starts it. Each
person logs in and begins a session; then all of them act for the given time, each over one
connection as a browser keeps it. Prints how long each action took, its errors, and the memory of
each process (PSS, which divides shared memory among its users; RSS where the system does not
know it). Exits with 1 if there was an error, or if an action's p99 was 2 seconds or more.
"""

import argparse
import base64
import contextlib
import http.client
import os
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import urlencode

import psutil
import psycopg

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from tests import servers  # noqa: E402

MANAGE = [sys.executable, str(ROOT / "manage.py")]
THINK = (1.0, 5.0)  # seconds between two actions
LONGEST = 2.0  # seconds of an action's p99
UPLOAD = 10**6  # bytes
LOG_INS = 4  # at once, before the rest
FORM = "application/x-www-form-urlencoded"
BOUNDARY = "----camp-bench-boundary"
PART = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="files"; filename="{{}}"\r\n\r\n'
PASSWORD = "a good long password"
MAKE = """
from django.contrib.auth.hashers import make_password
from accounts.models import User
password = make_password({password!r})
for name in (f"person{{n}}" for n in range({people})):
    User.objects.create(username=name, email=f"{{name}}@example.org", password=password)
"""


class Figures:
    """The seconds of all actions, and their errors."""

    def __init__(self):
        self.seconds, self.errors = defaultdict(list), Counter()

    @contextlib.contextmanager
    def measured(self, action, connection):
        """Time an action, and count its error instead of raising it."""
        started = time.monotonic()
        try:
            yield
        except (OSError, http.client.HTTPException, AssertionError) as error:
            self.errors[f"{action}: {type(error).__name__} {error}"] += 1
            connection.close()
        self.seconds[action].append(time.monotonic() - started)

    def show(self, seconds):
        """Print the tables; returns whether all is as it should be."""
        count, slowest = sum(map(len, self.seconds.values())), 0
        print(f"{count / seconds:.1f} actions/s, {self.errors.total()} errors\n")
        print("| action | times | p50, ms | p99, ms | longest, ms |")
        print("| --- | ---: | ---: | ---: | ---: |")
        for name, each in sorted(self.seconds.items()):
            times = [sorted(each)[int((len(each) - 1) * part)] for part in (0.5, 0.99, 1)]
            slowest = max(slowest, times[1] if name in ACTIONS else 0)
            columns = " | ".join(f"{each * 1000:,.0f}" for each in times)
            print(f"| {name} | {len(each):,} | {columns} |")
        for error, count in self.errors.most_common(20):
            print(f"{count} × {error}")
        return not self.errors and slowest < LONGEST


class Person:
    """Somebody with a browser."""

    def __init__(self, number, port, figures):
        self.name, self.figures = f"person{number}", figures
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.cookies, self.files, self.session = SimpleCookie(), [], ""
        self.random = random.Random(number)

    def request(self, method, path, body=None, expect=200, **headers):
        """Return (headers, body) of a response; raises AssertionError for another status."""
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        headers["Cookie"] = self.cookies.output(attrs=[], header="", sep=";").strip()
        headers["Accept-Encoding"] = "gzip"
        if "csrftoken" in self.cookies:
            headers["X-CSRFToken"] = self.cookies["csrftoken"].value
        self.connection.request(method, path, body, headers)
        response = self.connection.getresponse()
        content = response.read()
        for value in response.headers.get_all("Set-Cookie") or []:
            self.cookies.load(value)
        if response.status != expect:
            raise AssertionError(f"{method} gave {response.status}")
        return response.headers, content

    def post(self, path, **fields):
        """Send a form; returns the address to go on at."""
        return self.request("POST", path, urlencode(fields), 302, Content_Type=FORM)[0]["Location"]

    def log_in(self):
        """Log in, and begin a session."""
        with self.figures.measured("log in", self.connection):
            self.request("GET", "/accounts/login/")
            self.post("/accounts/login/", username=self.name, password=PASSWORD)
            self.session = self.post("/sessions/new/", title=f"Notes of {self.name}")
        self.connection.close()  # the server does so too, fifteen seconds later

    def act(self, until):
        """Do one thing after the other until a time."""
        weights = [weight for weight, _function in ACTIONS.values()]
        time.sleep(self.random.uniform(0, THINK[1]))
        while time.monotonic() < until:
            [(name, (_weight, do))] = self.random.choices(list(ACTIONS.items()), weights)
            with self.figures.measured(name, self.connection):
                do(self)
            time.sleep(self.random.uniform(*THINK))

    def write_message(self):
        self.post(f"{self.session}messages/", content=f"See **plan** {self.random.random()}.")
        self.request("GET", self.session)

    def upload_by_form(self):
        head = PART.format(self.random.random()).encode()
        body = head + os.urandom(UPLOAD) + f"\r\n--{BOUNDARY}--\r\n".encode()
        kind = {"Content_Type": f"multipart/form-data; boundary={BOUNDARY}"}
        answer = self.request(
            "POST", "/files/upload/", body, 201, Accept="application/json", **kind
        )
        self.files.append(re.search(r'"url": ?"([^"]+)"', answer[1].decode())[1])

    def upload_by_tus(self):
        name = base64.b64encode(f"talk {self.random.random()}.bin".encode()).decode()
        metadata = {"Upload_Length": str(UPLOAD), "Upload_Metadata": f"filename {name}"}
        tus = {"Tus_Resumable": "1.0.0"}
        headers, _body = self.request("POST", "/uploads/", b"", 201, **tus, **metadata)
        path = re.sub(r"^\w+://[^/]+", "", headers["Location"])
        tus |= {"Content_Type": "application/offset+octet-stream", "Upload_Offset": "0"}
        headers, _body = self.request("PATCH", path, os.urandom(UPLOAD), 204, **tus)
        self.files.append(headers["Camp-File"])

    def download(self):
        if not self.files:
            self.upload_by_form()
        _headers, content = self.request("GET", f"{self.random.choice(self.files)}download/")
        if len(content) != UPLOAD:
            raise AssertionError(f"{len(content)} bytes came")


ACTIONS = {  # how often beside the others, and what
    "home": (3, lambda person: person.request("GET", "/")),
    "list of files": (4, lambda person: person.request("GET", "/files/")),
    "list of sessions": (3, lambda person: person.request("GET", "/sessions/")),
    "search": (2, lambda person: person.request("GET", "/files/?q=talk+0.1")),
    "session": (3, lambda person: person.request("GET", person.session)),
    "message": (3, Person.write_message),
    "upload by form": (1, Person.upload_by_form),
    "upload by tus": (1, Person.upload_by_tus),
    "download": (2, Person.download),
}


@contextlib.contextmanager
def camp(folder, people, arguments):
    """Run Camp with an account for each of `people`; yields (process, port)."""
    with servers.postgresql() as database, servers.redis() as redis:
        address = database.url.rpartition("/")[0]
        with psycopg.connect(f"{address}/postgres", autocommit=True) as connection:
            connection.execute("CREATE DATABASE camp")
        environment = {"REDIS_URL": redis.url, "LOG_LEVEL": "warning"} | os.environ
        environment |= {"DATABASE_URL": f"{address}/camp", "CAMP_DATA_DIR": str(folder / "data")}
        environment["CAMP_ENV_FILES"] = ""
        code = MAKE.format(password=PASSWORD, people=people)
        for words in (["migrate", "-v", "0"], ["shell", "-v", "0", "-c", code]):
            subprocess.run([*MANAGE, *words], env=environment, check=True)
        port, log = servers.free_port(), folder / "log"
        command = [*MANAGE, "up", "--port", str(port), *arguments]
        with log.open("w") as output:
            process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
        try:
            while process.poll() is None and "Camp is ready" not in log.read_text():
                time.sleep(0.1)
            yield process, port
        finally:
            process.terminate()
            process.wait(30)
            print(f"\nOutput of up:\n{log.read_text()[-2000:]}")


def memory(process):
    """Return {process: MiB}, the server's first process first."""
    first, found = psutil.Process(process.pid), {}
    for each in [first, *first.children()]:
        sizes = each.memory_full_info()
        found[each.pid] = getattr(sizes, "pss", sizes.rss) / 2**20
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--people", type=int, default=200)
    parser.add_argument("--seconds", type=int, default=300)
    parser.add_argument("up", nargs="*", help="options of `up`, after --")
    options = parser.parse_args()
    figures = Figures()
    with (
        tempfile.TemporaryDirectory(prefix="camp-people-") as folder,
        camp(Path(folder), options.people, options.up) as (process, port),
    ):
        people = [Person(number, port, figures) for number in range(options.people)]
        with ThreadPoolExecutor(LOG_INS) as pool:
            list(pool.map(Person.log_in, people))
        until = time.monotonic() + options.seconds
        threads = [threading.Thread(target=each.act, args=(until,)) for each in people]
        for thread in threads:
            thread.start()
        samples = []
        for _ in range(6):  # the first one when all processes have worked
            time.sleep(options.seconds / 6)
            samples.append(memory(process))
        for thread in threads:
            thread.join()
    is_good = figures.show(options.seconds)
    print("\nMemory of each process, MiB, after each sixth of the time:")
    for pid in samples[-1]:
        print(f"  {pid}:", *(f"{sample.get(pid, 0):.0f}" for sample in samples))
    sys.exit(0 if is_good else 1)


if __name__ == "__main__":
    main()
