#!/usr/bin/env python3
"""What people cost who only have a session open: live.js asks for changes, and there are none.

    .venv/bin/python bench/idle_readers.py [--readers 200] [--seconds 60] [--every 4]

Prints the processor time of one poll in the process (the whole of Django, through its WSGI
handler) with SQLite and with PostgreSQL. Then starts Camp as `manage.py up` starts it, with
PostgreSQL, and has that many readers ask at that interval, each over a connection of their own;
prints the share of one processor that the server took, and how long the responses took.
"""

import argparse
import contextlib
import http.client
import os
import random
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from functools import partial
from pathlib import Path

import psutil
import psycopg

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from tests import servers, shared_session  # noqa: E402

MANAGE = [sys.executable, str(ROOT / "manage.py")]
ANALYZE = "from django.db import connection; connection.cursor().execute('ANALYZE')"
POLL = """
import statistics, time
from django.core.handlers.wsgi import WSGIHandler
from django.test import RequestFactory
handler = WSGIHandler()
keys, path = {keys!r}, {path!r}
def poll(key, etag):
    environ = RequestFactory(headers={{"If-None-Match": etag}})._base_environ(PATH_INFO=path)
    environ["HTTP_COOKIE"] = "camp_session=" + key
    environ["HTTP_IF_NONE_MATCH"] = etag
    started = time.process_time()
    status = []
    response = handler(environ, lambda line, headers: status.append((line, dict(headers))))
    b"".join(response)
    response.close()
    return time.process_time() - started, *status[0]
etags = {{}}
for key in keys:
    _spent, line, headers = poll(key, "")
    assert line.startswith("200"), line
    etags[key] = headers["ETag"]
rounds = []
for _ in range(10):
    spent = []
    for key in keys:
        seconds, line, _headers = poll(key, etags[key])
        assert line.startswith("304"), line
        spent.append(seconds)
    rounds.append(sum(spent) / len(spent) * 1000)
print(f"{{statistics.median(rounds):.2f}}")
"""


def run(environment, *words):
    """Run a command of Camp; returns what it printed last."""
    done = subprocess.run([*MANAGE, *words], env=environment, check=True, stdout=subprocess.PIPE)
    return done.stdout.decode().strip().rpartition("\n")[2]


@contextlib.contextmanager
def place(engine, folder, readers):
    """Fill an empty database; yields (environment, path and keys of log-ins)."""
    (folder / engine).mkdir()
    with contextlib.ExitStack() as stack:
        environment = os.environ | {
            "CAMP_ENV_FILES": "",
            "CAMP_DATA_DIR": str(folder / engine),
            "SECRET_KEY": secrets.token_urlsafe(50),
            "ALLOWED_HOSTS": "testserver,127.0.0.1",
        }
        if engine == "postgresql":
            base = stack.enter_context(servers.postgresql()).url.rpartition("/")[0]
            with psycopg.connect(f"{base}/postgres", autocommit=True) as connection:
                connection.execute("CREATE DATABASE camp")
            environment["DATABASE_URL"] = f"{base}/camp"
            environment["REDIS_URL"] = stack.enter_context(servers.redis()).url
        run(environment, "migrate", "-v", "0")
        run(environment, "collectstatic", "--no-input", "-v", "0")
        made = shared_session.make(partial(run, environment), count=readers, messages=50)
        run(environment, "shell", "-v", "0", "-c", ANALYZE)
        yield environment, {"path": f"{made['path']}changes/", "keys": made["keys"]}


def read(facts, number, port, every, until, seconds):
    """Ask for changes until a time, as a browser does; adds the times of the responses."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Cookie": f"camp_session={facts['keys'][number]}", "Accept-Encoding": "gzip"}
    time.sleep(random.uniform(0, every))
    while time.monotonic() < until:
        started = time.monotonic()
        connection.request("GET", facts["path"], headers=headers)
        response = connection.getresponse()
        response.read()
        expected = 304 if "If-None-Match" in headers else 200
        assert response.status == expected, response.status
        if expected == 304:
            seconds.append(time.monotonic() - started)
        headers["If-None-Match"] = response.headers["ETag"]
        time.sleep(random.uniform(0.85, 1.15) * every)


def serve(environment, facts, options):
    """Have the readers poll a server; prints its share of a processor."""
    port, log = servers.free_port(), Path(environment["CAMP_DATA_DIR"]) / "log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [*MANAGE, "up", "--port", str(port)], env=environment, stdout=output, stderr=output
        )
    try:
        while process.poll() is None and "Camp is ready" not in log.read_text():
            time.sleep(0.1)
        seconds, until = [], time.monotonic() + options.every * 2 + options.seconds
        threads = [
            threading.Thread(target=read, args=(facts, n, port, options.every, until, seconds))
            for n in range(options.readers)
        ]
        for thread in threads:
            thread.start()
        time.sleep(options.every * 2)  # the first response has content
        before, polls = processor_time(process), len(seconds)
        started = time.monotonic()
        time.sleep(options.seconds - options.every / 2)
        spent, passed = processor_time(process) - before, time.monotonic() - started
        polls = len(seconds) - polls
        for thread in threads:
            thread.join()
    finally:
        process.terminate()
        process.wait(30)
    seconds.sort()
    p50, p99 = (seconds[int(len(seconds) * part)] * 1000 for part in (0.5, 0.99))
    print(f"{options.readers} readers, {polls / passed:.1f} polls/s: {spent / passed:.1%} of one")
    print(f"processor, {spent / polls * 1000:.2f} ms each; p50 {p50:.1f} ms, p99 {p99:.1f} ms")


def processor_time(process):
    """Return the processor seconds of a server and its workers."""
    first = psutil.Process(process.pid)
    times = [each.cpu_times() for each in [first, *first.children()]]
    return sum(each.user + each.system for each in times)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--readers", type=int, default=200)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--every", type=float, default=4, help="seconds between two polls")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="camp-idle-") as name:
        for engine in ("sqlite", "postgresql"):
            folder = Path(name)
            with place(engine, folder, options.readers) as (environment, facts):
                spent = run(environment, "shell", "-v", "0", "-c", POLL.format(**facts))
                print(f"{engine}: {spent} ms of the processor for a poll without changes")
                if engine == "postgresql":
                    serve(environment, facts, options)


if __name__ == "__main__":
    main()
