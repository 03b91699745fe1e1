#!/usr/bin/env python3
"""Measure the files that are shared with somebody who is in 5,000 of 1,000,000 sessions.

    .venv/bin/python bench/shared_files.py [--engine sqlite|postgresql] [--rows 1000000]

Fills a temporary database with sessions of a thousand others, as many files, half of them in a
session, and two people: one is a member of five of them, one of 5,000. Requests the pages of
"shared with me" as both, through all of Django, and prints a Markdown table of medians: processor
time of Camp, and time on the clock.
"""

import argparse
import contextlib
import os
import random
import statistics
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

import psycopg

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

OTHERS = 1000
MANY = 5000  # sessions that are shared with one of the two people
BATCH = 100_000
PAGES = {
    "newest": "",
    "by name": "&sort=name",
    "largest": "&sort=-size",
    "images": "&kind=image",
    "rare kind": "&kind=audio",
    "a search": "&q=report+77",
    "nothing found": "&q=zzzz",
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--engine", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="camp-shared-"))
        os.environ |= {"CAMP_ENV_FILES": "", "CAMP_DATA_DIR": folder, "LOG_LEVEL": "warning"}
        os.environ |= {"DJANGO_SETTINGS_MODULE": "camp.settings", "REDIS_URL": ""}
        os.environ.pop("DATABASE_URL", None)
        if options.engine == "postgresql":
            from tests import servers

            address = stack.enter_context(servers.postgresql()).url.rpartition("/")[0]
            with psycopg.connect(f"{address}/postgres", autocommit=True) as connection:
                connection.execute("CREATE DATABASE camp")
            os.environ["DATABASE_URL"] = f"{address}/camp"
        measure(options)


def measure(options):
    """Fill the database, and print the table."""
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command
    from django.db import connection
    from django.test import Client

    settings.ALLOWED_HOSTS = ["testserver"]
    backend = "django.contrib.staticfiles.storage.StaticFilesStorage"
    settings.STORAGES["staticfiles"] = {"BACKEND": backend}
    call_command("migrate", verbosity=0)
    people = fill(options.rows)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    head = "CPU, ms | clock, ms | rows |"
    print(f"| {options.engine} | in 5: {head} in {MANY:,}: {head}")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name, query in PAGES.items():
        cells = []
        for user in people:
            client = Client()
            client.force_login(user)
            found = [request(client, query) for _ in range(options.rounds + 1)][1:]
            used, seconds, rows = map(statistics.median, zip(*found, strict=True))
            cells += [f"{used * 1000:.1f}", f"{seconds * 1000:.1f}", f"{rows:.0f}"]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def request(client, query):
    """Return the seconds of the processor and of the clock for a page, and its rows."""
    started, used = time.perf_counter(), time.process_time()
    response = client.get(f"/files/?owner=shared{query}")
    seconds = time.process_time() - used, time.perf_counter() - started
    assert response.status_code == 200
    return *seconds, response.content.decode().count("data-foreign>")


def fill(rows):
    """Fill the database; returns somebody in few sessions and somebody in many."""
    from django.db import transaction
    from django.utils import timezone

    from accounts.models import User
    from bench.bulk_rows import BulkTable
    from files.models import File
    from sessions_app.models import Member, Session

    chance, now = random.Random(1), timezone.now()
    people = [User.objects.create_user(name, f"{name}@example.org") for name in ("few", "many")]
    others = User.objects.bulk_create(
        User(username=f"p{n}", email=f"p{n}@example.org", password="!") for n in range(OTHERS)
    )
    others = [user.pk for user in others]
    names = ["user", "session_id", "title", "created_at", "updated_at", "search_text"]
    sessions = BulkTable(Session, *names)
    files = BulkTable(
        File, "user", "filename", "content_type", "size", "storage_path", "created_at", "session",
        "search_text",
    )  # fmt: skip
    kinds = ["image/png"] * 30 + ["text/plain"] * 30 + ["application/pdf"] * 39 + ["audio/mpeg"]
    for start in range(0, rows, BATCH):
        with transaction.atomic():
            sessions.insert(
                (chance.choice(others), f"s{n}", f"Session {n}", at := now - timedelta(minutes=n),
                 at, f"session {n}")
                for n in range(start, min(start + BATCH, rows))
            )  # fmt: skip
    keys = list(Session.objects.order_by("pk").values_list("pk", flat=True))
    for start in range(0, rows, BATCH):
        with transaction.atomic():
            files.insert(
                (chance.choice(others), name := f"report {chance.randrange(10_000)} {n}.bin",
                 chance.choice(kinds), chance.randrange(10**7), f"aa/bb/{n}",
                 now - timedelta(seconds=20 * n), chance.choice(keys) if n % 2 else None, name)
                for n in range(start, min(start + BATCH, rows))
            )  # fmt: skip
    members = [Member(session_id=pk, user=people[1]) for pk in chance.sample(keys, min(MANY, rows))]
    members += [Member(session_id=pk, user=people[0]) for pk in chance.sample(keys, 5)]
    Member.objects.bulk_create(members, batch_size=1000)
    return people


if __name__ == "__main__":
    main()
