#!/usr/bin/env python3
"""Whether people's pages stay fast while organisers ask for the slowest ones of the admin.

    .venv/bin/python bench/admin_load.py [--rows 1000000] [--requests 32] [--seconds 20]

Starts Camp over a folder of its own, fills it with that many files, and asks for a person's
`/files/` again and again: first alone, then while as many requests at once as told go to the
slowest pages of the admin, and then while 40 clients give up theirs after 0.1 s,
every second. Prints one
Markdown table: the median and the longest answer in milliseconds, how the admin's requests
were answered, and how long the last of them took. With DATABASE_URL naming an empty PostgreSQL
database Camp runs on that. Exits with 1 if `/files/` took a second.
"""

import argparse
import http.client
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from slow_connections import LOG_IN, NAME, ROOT, Place, manage

LIMIT = 1.0  # seconds
GIVE_UP = 0.1  # seconds
FRONT_PAGE = "/admin/"
FRONT_PAGE_READERS = 5
FRONT_PAGE_PAUSE = 30  # seconds, for the figures to be counted
AGAIN = 1  # seconds until who gave up asks again
FILL = """
import sys
sys.path.insert(0, {bench!r})
from lists_fill import Rows
Rows({rows}, {rows} // 10).fill()
from accounts.models import User
user = User.objects.get(username="bench")
User.objects.filter(pk=user.pk).update(is_staff=True, is_superuser=True)
"""
PERSON = LOG_IN.replace('"bench", "bench@example.org", "a good long password"', '"x"').replace(
    "objects.create_user(", "objects.get(username="
)
SLOWEST = [
    "/admin/accounts/user/?o=-7",
    "/admin/accounts/user/?o=-8",
    "/admin/files/file/?q=img",
    "/admin/files/file/?q=%25",
    "/admin/files/file/?q=qqqq",
    "/admin/files/file/?kind=archive",
    "/admin/files/file/?o=-4",
    "/admin/sessions_app/message/?q=qqqq",
    "/admin/sessions_app/session/?q=qqqq",
]


def ask(place, path, session, timeout=120):
    """Return (status, seconds) of a GET over a new connection; status 0 if it was given up."""
    started = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", place.port, timeout=timeout)
    try:
        headers = {"Host": NAME, "Cookie": f"camp_session={session}"}
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        response.read()
        status = response.status
    except (OSError, http.client.HTTPException):
        status = 0
    finally:
        connection.close()
    return status, time.monotonic() - started


class Organisers:
    """Threads that ask for the slowest pages until they are stopped."""

    def __init__(self, place, count, timeout):
        self.answers = []
        self.over = threading.Event()
        addresses = itertools.cycle(SLOWEST)
        work = [(next(addresses), place, timeout) for _ in range(count)]
        self.threads = [threading.Thread(target=self.run, args=one, daemon=True) for one in work]

    def run(self, address, place, timeout):
        while not self.over.is_set():
            status, taken = ask(place, address, place.session, timeout)
            self.answers.append((status, taken))
            if not status:
                self.over.wait(AGAIN)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *error):
        self.over.set()
        for thread in self.threads:
            thread.join()


def measure(place, person, seconds):
    """Return the seconds of each answer to `/files/` within that time."""
    times, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        status, taken = ask(place, "/files/", person)
        assert status == 200, status
        times.append(taken)
        time.sleep(0.02)
    return times


def row(name, times, answers):
    """Print a row of the table."""
    counts = Counter(status or "given up" for status, _taken in answers)
    told = ", ".join(f"{count} × {status}" for status, count in sorted(counts.items(), key=str))
    longest = max((taken for _status, taken in answers), default=0)
    middle, most = statistics.median(times) * 1000, max(times) * 1000
    print(f"| {name} | {middle:.0f} | {most:.0f} | {told or '–'} | {longest:.1f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--requests", type=int, default=32)
    parser.add_argument("--seconds", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="camp-admin-load-", dir=os.environ.get("TMPDIR")) as at:
        place = Place(Path(at))
        try:
            place.start()
            worst = run(place, options)
        finally:
            place.stop()
    sys.exit(worst >= LIMIT)


def print_front_page(place):
    """Print how long the front page takes: cold, asked for by five at once, and once counted."""
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(ask(place, FRONT_PAGE, place.session)))
        for _ in range(FRONT_PAGE_READERS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    cold = sorted(taken * 1000 for status, taken in answers if status == 200)
    busy = sum(status == 503 for status, _taken in answers)
    time.sleep(FRONT_PAGE_PAUSE)
    warm = statistics.median(ask(place, FRONT_PAGE, place.session)[1] * 1000 for _ in range(5))
    told = ", ".join(f"{taken:.0f}" for taken in cold)
    print(f"front page, cold, {FRONT_PAGE_READERS} at once: {told} ms ({busy} × 503)", flush=True)
    print(f"front page, counted: {warm:.0f} ms\n", flush=True)


def run(place, options):
    """Fill the place and print the table; returns the longest answer in seconds."""
    shell = manage("shell", "-v", "0", "-c")
    code = FILL.format(bench=str(ROOT / "bench"), rows=options.rows)
    subprocess.run([*shell, code], env=place.environment, check=True)
    code = PERSON.replace('"x"', '"owner"')
    told = subprocess.run(
        [*shell, code], env=place.environment, check=True, capture_output=True, text=True
    )
    person = told.stdout.strip()
    print_front_page(place)
    print("| meanwhile | `/files/`, ms | longest, ms | the admin's answers | longest, s |")
    print("| --- | ---: | ---: | --- | ---: |")
    row("nothing", measure(place, person, 5), [])
    worst = 0
    for name, count, timeout in (
        (f"{options.requests} requests to the admin at once", options.requests, 120),
        ("40 that are given up after 0.1 s", 40, GIVE_UP),
    ):
        with Organisers(place, count, timeout) as organisers:
            times = measure(place, person, options.seconds)
        row(name, times, organisers.answers)
        worst = max(worst, *times)
    return worst


if __name__ == "__main__":
    main()
