"""Pytest plugin: prepares the environment before pytest-django reads the settings.

`CAMP_TEST_BACKEND` chooses the backend: `sqlite` (the default) with a cache in a file, or
`postgresql` with a Redis-protocol server. `TEST_DATABASE_URL` and `TEST_REDIS_URL` name
existing servers; otherwise this plugin starts them and stops them at the end.
"""

import atexit
import contextlib
import gc
import inspect
import json
import os
import re
import signal
import sqlite3
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from tests import servers

ROOT = Path(__file__).resolve().parent.parent
BACKENDS = ("sqlite", "postgresql")
RESULT_FILE = "CAMP_TEST_RESULT"
DATABASE_FIXTURES = frozenset({"db", "transactional_db", "live_server", "django_db_blocker"})
DEEP = ("browser", "fault", "fuzz", "slow")  # markers
# Pytest's outcomes and the columns of the summary that count them.
OUTCOMES = {
    "passed": "passed",
    "xpassed": "passed",
    "failed": "failed",
    "error": "failed",
    "skipped": "skipped",
    "xfailed": "skipped",
}
pytest_plugins = ["tests.server_process"]
cleanup = contextlib.ExitStack()
server_names = []  # with versions, such as "PostgreSQL 15.14"
started_at = time.monotonic()


def pytest_addoption(parser):
    """Add the options that choose between quick and deep tests."""
    group = parser.getgroup("camp")
    group.addoption("--deep", action="store_true", help=f"run only the deep tests {DEEP}")
    group.addoption("--all", action="store_true", help="run quick and deep tests")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests():
    """Prepare everything before pytest-django implements this hook."""
    atexit.register(cleanup.close)  # in case pytest ends early
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # clean up on SIGTERM too
    # A shell's background jobs ignore Ctrl-C; the servers that tests start would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    isolate(os.environ)
    os.environ["CAMP_DATA_DIR"] = str(servers.temporary_folder(cleanup, in_memory=True))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "camp.settings")
    try:
        start_servers()
        check_given_servers()
    except (servers.NotAvailable, ImproperlyConfigured) as error:
        raise pytest.UsageError(str(error)) from None
    return (yield)


def isolate(environment):
    """Remove Camp's variables from `environment`: tests must not depend on the machine."""
    for name in camp_variables():
        environment.pop(name, None)
        environment.pop(f"{name}_FILE", None)
    environment["CAMP_ENV_FILES"] = ""
    environment["SECRET_KEY"] = "tests-guard-nothing-Zq7vR2mXw9Lb4Ty8Kd3Hn6Pf1Sg5Jc0"
    environment["EMAIL_URL"] = "memorymail://"
    # Playwright runs an event loop in the thread in which tests use the ORM.
    environment["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"


def camp_variables():
    """Return the names of the variables that the settings read."""
    files = [ROOT / "camp" / name for name in ("settings.py", "config/s3.py")]
    text = "".join(file.read_text(encoding="utf-8") for file in files)
    return set(re.findall(r'(?:\benv\.\w+|\baddress)\((?:\s*|env, )"([A-Z][A-Z0-9_]*)"', text))


def start_servers():
    """Start the servers that the backend needs, and point the settings at them."""
    backend = os.environ.get("CAMP_TEST_BACKEND") or BACKENDS[0]
    if backend not in BACKENDS:
        raise pytest.UsageError(f"CAMP_TEST_BACKEND must be one of {', '.join(BACKENDS)}.")
    if backend == "sqlite":
        server_names.extend([f"SQLite {sqlite3.sqlite_version}", "cache in a file"])
        return
    os.environ["DATABASE_URL"] = server_url("TEST_DATABASE_URL", servers.postgresql)
    try:
        os.environ["REDIS_URL"] = server_url("TEST_REDIS_URL", servers.redis)
    except servers.NotAvailable:
        # There is no wheel for Windows; on other systems a missing Redis is an error.
        if sys.platform != "win32":
            raise
        server_names.append("no Redis (set TEST_REDIS_URL)")


def server_url(variable, start):
    """Return the URL in the environment variable, or start a server and return its URL."""
    if url := os.environ.get(variable):
        return url
    server = cleanup.enter_context(start())
    server_names.append(server.version)
    return server.url


def check_given_servers():
    """Ask the servers that were not started here for their versions.

    Raises NotAvailable at once if one does not answer, instead of failing every test.
    """
    from django.conf import settings

    database = settings.DATABASES["default"]  # loads the settings, which refuse a bad URL
    if os.environ.get("TEST_DATABASE_URL") and "DATABASE_URL" in os.environ:
        server_names.append(servers.ask_postgresql(database))
    if os.environ.get("TEST_REDIS_URL") and "REDIS_URL" in os.environ:
        server_names.append(servers.ask_redis(settings.REDIS_URL))


def pytest_collection_modifyitems(config, items):
    """Select the tests of this backend and depth, browser tests last.

    Playwright's event loop would break async tests that run after it.
    """
    selected, browser, deselected = [], [], []
    for item in items:
        markers = {marker.name for marker in item.iter_markers()}
        if not (belongs_to_depth(config, markers) and belongs_to_backend(config, item, markers)):
            deselected.append(item)
        elif "browser" in markers:
            browser.append(item)
        else:
            selected.append(item)
    config.hook.pytest_deselected(items=deselected)
    items[:] = selected + browser


def belongs_to_depth(config, markers):
    """Return True if the options select a test with these markers, by its depth."""
    is_deep = not markers.isdisjoint(DEEP)
    if config.option.deep:
        return is_deep
    return config.option.all or are_named(config) or not is_deep


def belongs_to_backend(config, item, markers):
    """Return True if the test runs on this backend.

    Tests that need no server run on SQLite only.
    """
    if "DATABASE_URL" not in os.environ:
        return markers.isdisjoint({"client", "postgresql"})
    if not markers.isdisjoint({"machine", "sqlite"}):
        return False
    needs_server = not markers.isdisjoint({"cache", "client", "postgresql"})
    return needs_server or are_named(config) or needs_database(item)


def are_named(config):
    """Return True if the command line names files or tests, which then run completely."""
    return config.args_source is pytest.Config.ArgsSource.ARGS


def needs_database(item):
    """Return True if the test, or a fixture besides pytest-django's own, uses the database."""
    functions = [item.function]
    for definitions in item._fixtureinfo.name2fixturedefs.values():
        functions += [one.func for one in definitions]
    return item.get_closest_marker("django_db") is not None or any(
        not DATABASE_FIXTURES.isdisjoint(inspect.signature(function).parameters)
        for function in functions
        if not function.__module__.startswith("pytest_django")
    )


def pytest_collection_finish():
    """Exempt what is loaded by now from garbage collection."""
    freeze_garbage_collector()


def pytest_runtest_teardown(item, nextitem):
    """After each module exempt what it has left, such as the reports of its tests."""
    if nextitem is None or nextitem.path != item.path:
        freeze_garbage_collector()


def freeze_garbage_collector():
    """Exempt all objects from garbage collection.

    Commands under test collect often, and processes are forked, whose memory a collection copies.
    """
    gc.collect()
    gc.freeze()


def pytest_report_header():
    """Name the servers."""
    return f"camp: {', '.join(server_names)}"


def pytest_terminal_summary(terminalreporter, exitstatus):
    """Write the counts for `manage.py test`, which adds up both passes."""
    if file := os.environ.get(RESULT_FILE):
        counts = Counter()
        for outcome, column in OUTCOMES.items():
            counts[column] += len(terminalreporter.stats.get(outcome, []))
        seconds = time.monotonic() - started_at
        result = {"counts": counts, "servers": server_names, "seconds": seconds}
        Path(file).write_text(json.dumps(result), encoding="utf-8")


@pytest.hookimpl(trylast=True)
def pytest_unconfigure():
    """Stop the servers."""
    cleanup.close()
