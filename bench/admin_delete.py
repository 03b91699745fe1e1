#!/usr/bin/env python3
"""How much memory and time it takes to delete a user with very many files and messages.

    .venv/bin/python bench/admin_delete.py [--rows 100000]

Starts Camp over a folder of its own, with a user who has that many files and as many messages in
one session, and deletes the user on the admin's page. Meanwhile it asks for another person's
`/files/` again and again. Prints the answers to the admin's pages about that user and about one
with little, and the memory of the serving processes in MiB: before, at most, afterwards. With
DATABASE_URL naming an empty PostgreSQL database Camp runs on that. Exits with 1 if the memory
grew by more than 150 MiB.
"""

import argparse
import http.client
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil
from admin_load import PERSON, ask
from slow_connections import NAME, ROOT, Place, manage

LIMIT = 150  # MiB
TOKEN = "t" * 32
FILL = """
import sys
sys.path.insert(0, {bench!r})
from django.db import connection, transaction
from django.utils import timezone
from bulk_rows import BulkTable
from accounts.models import User
from files.models import File
from files.storage.backend import new_path
from sessions_app.models import Message, Session
User.objects.filter(username="bench").update(is_staff=True, is_superuser=True)
now = timezone.now()
User.objects.create_user("owner", "owner@example.org")
for name, rows in (("small", 10), ("large", {rows})):
    user = User.objects.create_user(name, name + "@example.org")
    session = Session.objects.create(user=user, title="Notes")
    files = BulkTable(
        File, "user", "session", "filename", "search_text", "size", "storage_path", "created_at"
    )
    messages = BulkTable(Message, "session", "content", "search_text", "created_at")
    text = "Please bring a torch and warm clothes. " * 5
    with transaction.atomic():
        files.insert(
            (user.pk, session.pk, f"img_{{n:06}}.jpg", f"img_{{n:06}}.jpg", 1, new_path(), now)
            for n in range(rows)
        )
        messages.insert((session.pk, text, text.lower(), now) for _ in range(rows))
    print(user.pk)
if connection.vendor == "postgresql":
    connection.cursor().execute("VACUUM ANALYZE")
"""
LEFT = """
from accounts.models import User
print(User.objects.filter(username="large").count())
"""


def shell(place, code):
    """Return what a piece of Python prints in Camp's shell."""
    command = [*manage("shell", "-v", "0", "-c"), code]
    done = subprocess.run(
        command, env=place.environment, check=True, capture_output=True, text=True
    )
    return done.stdout.split()


def resident(place):
    """Return the memory of the largest serving process (MiB)."""
    parent = psutil.Process(place.processes[0].pid)
    return max(one.memory_info().rss for one in parent.children(recursive=True)) / 2**20


class Watch(threading.Thread):
    """Measures the memory, and another person's `/files/`, until `over`."""

    def __init__(self, place, person):
        super().__init__(daemon=True)
        self.place, self.person = place, person
        self.most, self.times = 0, []
        self.over = threading.Event()

    def run(self):
        while not self.over.wait(0.05):
            self.most = max(self.most, resident(self.place))
            status, taken = ask(self.place, "/files/", self.person)
            assert status == 200, status
            self.times.append(taken * 1000)


def delete(place, key):
    """Post the confirmation of a user's deletion; returns (status, seconds)."""
    started = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", place.port, timeout=600)
    headers = {
        "Host": NAME,
        "Cookie": f"camp_session={place.session}; csrftoken={TOKEN}",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    body = f"post=yes&csrfmiddlewaretoken={TOKEN}"
    connection.request("POST", f"/admin/accounts/user/{key}/delete/", body, headers)
    status = connection.getresponse().status
    connection.close()
    return status, time.monotonic() - started


def middle(place, path):
    """Return the median of five answers to a page of the admin (ms)."""
    answers = [ask(place, path, place.session) for _ in range(5)]
    assert all(status == 200 for status, _taken in answers), answers
    return statistics.median(taken for _status, taken in answers) * 1000


def run(place, rows):
    """Fill the place, delete the user, and print the figures; returns the growth in MiB."""
    small, large = shell(place, FILL.format(bench=str(ROOT / "bench"), rows=rows))
    [person] = shell(place, PERSON.replace('"x"', '"owner"'))
    for page in ("delete", "history", "change"):
        times = [middle(place, f"/admin/accounts/user/{key}/{page}/") for key in (large, small)]
        print(f"{page}: {times[0]:.0f} ms, of one with little {times[1]:.0f} ms", flush=True)
    before = resident(place)
    watch = Watch(place, person)
    watch.start()
    started = time.monotonic()
    status, taken = delete(place, large)
    print(f"the deletion is answered with {status} after {taken:.2f} s", flush=True)
    while shell(place, LEFT) != ["0"]:
        time.sleep(0.5)
    took = time.monotonic() - started
    watch.over.set()
    watch.join()
    after = resident(place)
    print(f"all is gone after {took:.0f} s")
    print(f"MiB: before {before:.0f}, at most {watch.most:.0f}, afterwards {after:.0f}")
    median = statistics.median(watch.times)
    print(f"/files/ of another person: {median:.0f} ms, at most {max(watch.times):.0f} ms")
    return watch.most - before


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--rows", type=int, default=100_000)
    options = parser.parse_args()
    at = os.environ.get("TMPDIR")
    with tempfile.TemporaryDirectory(prefix="camp-admin-delete-", dir=at) as folder:
        place = Place(Path(folder))
        try:
            place.start()
            grown = run(place, options.rows)
        finally:
            place.stop()
    sys.exit(grown > LIMIT)


if __name__ == "__main__":
    main()
