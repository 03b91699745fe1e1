"""Fewer checks of connections that are in constant use.

With CONN_HEALTH_CHECKS Django asks PostgreSQL before each request whether it still answers, which
takes a tenth of the time of a page. A server that ends a connection says so on it, so that it is
enough to look there; only a machine that fails without a word is noticed by asking.
"""

import selectors
import time

from django.core.signals import request_started
from django.db import connections

CHECK_INTERVAL = 1  # seconds


def reduce_health_checks():
    """Check the connections of this process less often from now on."""
    # After Django's own receiver, which orders the check.
    request_started.connect(skip_health_check, dispatch_uid="camp.db.health_checks")


def skip_health_check(**kwargs):
    """Skip the check of a connection that was checked just now and has nothing to say."""
    for connection in connections.all(initialized_only=True):
        opened, now = connection.connection, time.monotonic()
        if connection.vendor != "postgresql" or opened is None or opened.closed:
            continue
        if now - getattr(connection, "checked_at", 0) < CHECK_INTERVAL and is_silent(opened):
            connection.health_check_done = True
        else:
            connection.checked_at = now


def is_silent(opened):
    """Return whether the server has sent nothing since the last answer on a psycopg connection."""
    with selectors.DefaultSelector() as selector:
        selector.register(opened.fileno(), selectors.EVENT_READ)
        return not selector.select(timeout=0)
