#!/usr/bin/env python3
"""What log-ins at once take of memory and time.

    .venv/bin/python bench/log_ins.py [--people 32] [--rounds 3]

Starts Camp over a folder of its own, makes people with Argon2 hashes, and has all of them log
in at once, each over a connection of their own. Prints one Markdown table: the answers, the
longest one in seconds, and the peak memory of the processes that serve.
"""

import argparse
import http.client
import re
import subprocess
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlencode

import psutil
from slow_connections import NAME, Place, manage

PASSWORD = "a good long password"
MAKE = """
from django.contrib.auth.hashers import make_password
from accounts.models import User
password = make_password({password!r})
for n in range({people}):
    name = f"person{{n}}"
    User.objects.create(username=name, email=f"{{name}}@example.org", password=password)
"""


def log_in(place, number):
    """Log one person in; returns (status, seconds)."""
    connection = http.client.HTTPConnection("127.0.0.1", place.port, timeout=120)
    connection.request("GET", "/accounts/login/", headers={"Host": NAME})
    page = connection.getresponse()
    cookie = page.headers["Set-Cookie"].partition(";")[0]
    token = re.search(rb'name="csrfmiddlewaretoken" value="(\w+)"', page.read())[1].decode()
    form = {"username": f"person{number}", "password": PASSWORD, "csrfmiddlewaretoken": token}
    headers = {"Host": NAME, "Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"}
    started = time.monotonic()
    connection.request("POST", "/accounts/login/", urlencode(form), headers)
    return connection.getresponse().status, time.monotonic() - started


class Peak(threading.Thread):
    """Watches the memory of the processes that serve; `most` is in bytes."""

    def __init__(self, place):
        super().__init__(daemon=True)
        self.workers = psutil.Process(place.processes[0].pid).children()
        self.before = self.most = self.memory()
        self.over = threading.Event()

    def memory(self):
        return sum(worker.memory_info().rss for worker in self.workers)

    def run(self):
        while not self.over.wait(0.01):
            self.most = max(self.most, self.memory())


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--people", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print("| log-ins at once | answers | longest, s | memory before, MiB | peak, MiB |")
    print("| ---: | --- | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory(prefix="camp-log-ins-") as folder:
        place = Place(Path(folder))
        try:
            place.start()
            code = MAKE.format(password=PASSWORD, people=options.people)
            subprocess.run(
                manage("shell", "-v", "0", "-c", code), env=place.environment, check=True
            )
            for _ in range(options.rounds):
                measure(place, options.people)
        finally:
            place.stop()


def measure(place, people):
    """Print the row of one round."""
    peak = Peak(place)
    peak.start()
    with ThreadPoolExecutor(people) as pool:
        done = list(pool.map(lambda number: log_in(place, number), range(people)))
    peak.over.set()
    peak.join()
    statuses = Counter(status for status, _seconds in done)
    answers = ", ".join(f"{count} × {status}" for status, count in sorted(statuses.items()))
    longest = max(seconds for _status, seconds in done)
    memory = f"{peak.before / 2**20:,.0f} | {peak.most / 2**20:,.0f}"
    print(f"| {people} | {answers} | {longest:.1f} | {memory} |", flush=True)


if __name__ == "__main__":
    main()
