"""Pytest's surroundings: set before pytest-django reads the settings (see pyproject.toml).

`CAMP_TEST_BACKEND` says what the suite runs on: `sqlite` (the default) with local
memory, or `postgresql` with a Redis-protocol server. The latter are those of
`TEST_DATABASE_URL` and `TEST_REDIS_URL`, or started here and stopped at the end.
"""

import atexit
import contextlib
import json
import os
import re
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from tests import servers

ROOT = Path(__file__).resolve().parent.parent
BACKENDS = ("sqlite", "postgresql")
RESULT_FILE = "CAMP_TEST_RESULT"
# Outcomes that pytest counts, in the words of the summary of both passes.
OUTCOMES = {
    "passed": "passed",
    "xpassed": "passed",
    "failed": "failed",
    "error": "failed",
    "skipped": "skipped",
    "xfailed": "skipped",
}
pytest_plugins = ["tests.server_process"]
running = contextlib.ExitStack()
names = []  # of the servers, for people
begun = time.monotonic()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests():
    """Prepare everything before pytest-django's own turn at this hook."""
    atexit.register(running.close)  # where the suite does not get as far as its own end
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that what follows is undone
    # A shell's background jobs ignore Ctrl-C; the servers of tests would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    isolate(os.environ)
    folder = tempfile.mkdtemp(prefix="camp-tests-")
    running.callback(shutil.rmtree, folder, ignore_errors=True)
    os.environ["CAMP_DATA_DIR"] = folder
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "camp.settings")
    try:
        start_servers()
        meet_given_servers()
    except (servers.NotAvailable, ImproperlyConfigured) as reason:
        raise pytest.UsageError(str(reason)) from None
    return (yield)


def isolate(environment):
    """Take every variable of Camp out of `environment`: a suite depends on no machine."""
    for name in camp_variables():
        environment.pop(name, None)
        environment.pop(f"{name}_FILE", None)
    environment["CAMP_ENV_FILES"] = ""
    environment["SECRET_KEY"] = "tests-guard-nothing-Zq7vR2mXw9Lb4Ty8Kd3Hn6Pf1Sg5Jc0"
    # Playwright keeps an event loop in the thread that the tests use the ORM in.
    environment["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"


def camp_variables():
    """Return the names of the variables that the settings read."""
    files = [ROOT / "camp" / name for name in ("settings.py", "config/s3.py")]
    text = "".join(file.read_text(encoding="utf-8") for file in files)
    return set(re.findall(r'(?:\benv\.\w+|\baddress)\((?:\s*|env, )"([A-Z][A-Z0-9_]*)"', text))


def start_servers():
    """Start what the pass needs and tell the settings of it."""
    backend = os.environ.get("CAMP_TEST_BACKEND") or BACKENDS[0]
    if backend not in BACKENDS:
        raise pytest.UsageError(f"CAMP_TEST_BACKEND must be one of {', '.join(BACKENDS)}.")
    if backend == "sqlite":
        names.extend([f"SQLite {sqlite3.sqlite_version}", "local memory"])
        return
    os.environ["DATABASE_URL"] = given_or_started("TEST_DATABASE_URL", servers.postgresql)
    try:
        os.environ["REDIS_URL"] = given_or_started("TEST_REDIS_URL", servers.redis)
    except servers.NotAvailable:
        # No wheel brings one to Windows; everywhere else its absence is a fault.
        if sys.platform != "win32":
            raise
        names.append("no Redis: set TEST_REDIS_URL to test with one")


def given_or_started(variable, start):
    """Return the URL in an environment variable, or that of a server started now."""
    if url := os.environ.get(variable):
        return url
    server = running.enter_context(start())
    names.append(server.version)
    return server.url


def meet_given_servers():
    """Ask the servers that were not started here for their versions.

    One that does not answer ends the run now, instead of failing every test.
    """
    from django.conf import settings

    database = settings.DATABASES["default"]  # reads the settings: a bad URL is refused here
    if os.environ.get("TEST_DATABASE_URL") and "DATABASE_URL" in os.environ:
        names.append(servers.ask_postgresql(database))
    if os.environ.get("TEST_REDIS_URL") and "REDIS_URL" in os.environ:
        names.append(servers.ask_redis(settings.REDIS_URL))


def pytest_collection_modifyitems(config, items):
    """Choose and order the tests of the pass.

    Browsers come last: playwright's event loop would be in the way of async tests.
    """
    items.sort(key=lambda item: "browser" in item.keywords)
    on_postgresql = "DATABASE_URL" in os.environ
    elsewhere = ("machine", "sqlite") if on_postgresql else ("client", "postgresql")
    left_out = [item for item in items if not item.keywords.keys().isdisjoint(elsewhere)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in set(left_out)]


def pytest_report_header():
    """Say what the suite runs on."""
    return f"camp: {', '.join(names)}"


def pytest_terminal_summary(terminalreporter, exitstatus):
    """Leave the counts for `manage.py test`, which adds up both passes."""
    if file := os.environ.get(RESULT_FILE):
        counts = Counter()
        for outcome, word in OUTCOMES.items():
            counts[word] += len(terminalreporter.stats.get(outcome, []))
        told = {"counts": counts, "servers": names, "seconds": time.monotonic() - begun}
        Path(file).write_text(json.dumps(told), encoding="utf-8")


@pytest.hookimpl(trylast=True)
def pytest_unconfigure():
    """Stop what was started."""
    running.close()
