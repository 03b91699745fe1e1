"""Limit concurrent requests; each slot owns a database connection.

The server has more threads than slots, because some wait for slow clients. Connections belong to
slots instead of threads, so there are never more connections than slots.
"""

import queue
import threading
from contextlib import contextmanager

from django.db import DEFAULT_DB_ALIAS, connections

WAIT_SECONDS = 10  # for a free slot


class NoFreeSlot(ConnectionError):
    """All slots were in use for WAIT_SECONDS."""


class WorkerSlots:
    """A pool of slots; unlimited until `open` is called.

    The most recently returned slot is reused first, so an idle server keeps few connections.
    """

    def __init__(self):
        self._free = None
        self._own = threading.local()

    def open(self, count):
        """Limit this process to `count` concurrent requests."""
        free = queue.LifoQueue()
        for _ in range(count):
            connection = connections.create_connection(DEFAULT_DB_ALIAS)
            connection.inc_thread_sharing()  # one thread after the other
            free.put(connection)
        self._free = free

    @contextmanager
    def working(self):
        """Hold a slot while the context lasts. Raises NoFreeSlot."""
        if self._free is None:
            yield
            return
        self._take()
        try:
            yield
        finally:
            self._give_back()

    @contextmanager
    def paused(self):
        """Lend this thread's slot to others within the context. Raises NoFreeSlot.

        Does nothing inside a transaction, or for a thread without a slot.
        """
        connection = getattr(self._own, "connection", None)
        if connection is None or connection.in_atomic_block:
            yield
            return
        self._give_back()
        try:
            yield
        finally:
            self._take()

    def _take(self):
        try:
            connection = self._free.get(timeout=WAIT_SECONDS)
        except queue.Empty:
            raise NoFreeSlot("All threads that may work are busy.") from None
        connections[DEFAULT_DB_ALIAS] = self._own.connection = connection
        # Django does this at the start of a request, when there was no slot yet.
        connection.close_if_unusable_or_obsolete()

    def _give_back(self):
        connection, self._own.connection = self._own.connection, None
        if connection is None:
            connections.close_all()  # one of this thread's own, made for want of a slot
            return
        if connection.in_atomic_block:
            connection.close()
        del connections[DEFAULT_DB_ALIAS]
        self._free.put(connection)


worker_slots = WorkerSlots()
