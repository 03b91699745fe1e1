"""The database connection of a worker slot."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, connections

from camp.web import slots


@pytest.fixture
def ask(transactional_db, monkeypatch):
    """Return a function that asks the database something in a slot, as a request does.

    It returns the number of the server's process, and whether the connection was checked first.
    """
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no connection that could be lost.")
    pool = slots.WorkerSlots()
    pool.open(1)
    checks = []
    wrapper = type(connections["default"])
    usable = wrapper.is_usable
    monkeypatch.setattr(wrapper, "is_usable", lambda own: checks.append(own) or usable(own))

    def in_slot():
        checks.clear()
        with pool.working(), connections["default"].cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            return cursor.fetchone()[0], bool(checks)

    def close():
        with pool.working():
            connections["default"].close()

    with ThreadPoolExecutor(1) as thread:
        yield lambda: thread.submit(in_slot).result()
        thread.submit(close).result()


def end(pid):
    """Have the server end a process, and wait until it has."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [pid])
        for _ in range(100):
            cursor.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", [pid])
            if not cursor.fetchall():
                return
            time.sleep(0.02)


def test_a_connection_in_use_is_kept_without_a_check(ask):
    (first, _), again = ask(), ask()
    assert again == (first, False)


def test_a_connection_that_the_server_ended_fails_no_request(ask):
    first, _ = ask()
    end(first)
    second, is_checked = ask()
    assert second != first
    assert is_checked


def test_a_connection_that_was_idle_for_long_is_checked(ask, monkeypatch):
    first, _ = ask()
    monkeypatch.setattr(slots, "IDLE_SECONDS", 0)
    assert ask() == (first, True)
