"""Limits of concurrent work: requests, slow clients and password hashing.

A request needs a worker slot, which owns a database connection. The server has more threads than
slots, because some wait for slow clients: Granian (2.8) can interrupt neither the reading of a
slow body nor the sending of a long response. `manage.py up` therefore starts TOTAL more threads
than slots, and no more than TOTAL ever wait. With Argon2 each hash takes 100 MiB for a moment, so
hashing is limited by the memory.
"""

import queue
import selectors
import threading
import time
from collections import Counter
from contextlib import contextmanager

from django.db import DEFAULT_DB_ALIAS, connections

from camp.config.resources import count_processors, memory_limit

WAIT_SECONDS = 10  # for a free slot
# A connection that was idle for longer is checked by a query: a firewall may have dropped it.
IDLE_SECONDS = 5


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
            free.put((connection, time.monotonic()))
        self._free = free

    @contextmanager
    def working(self):
        """Hold a slot while the context lasts, once a thread. Raises NoFreeSlot."""
        if self._free is None or getattr(self._own, "connection", None) is not None:
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
            connection, since = self._free.get(timeout=WAIT_SECONDS)
        except queue.Empty:
            raise NoFreeSlot("All threads that may work are busy.") from None
        connections[DEFAULT_DB_ALIAS] = self._own.connection = connection
        # Django does this at the start of a request, when there was no slot yet.
        connection.close_if_unusable_or_obsolete()
        if time.monotonic() - since < IDLE_SECONDS and is_quiet(connection):
            connection.health_check_done = True  # without asking the server

    def _give_back(self):
        connection, self._own.connection = self._own.connection, None
        if connection is None:
            connections.close_all()  # one of this thread's own, made for want of a slot
            return
        if connection.in_atomic_block:
            connection.close()
        del connections[DEFAULT_DB_ALIAS]
        self._free.put((connection, time.monotonic()))


def is_quiet(connection):
    """Return whether an open PostgreSQL connection has nothing to read.

    A server that ends a connection says so, or its system closes the socket: both can be read.
    """
    own = connection.connection
    if own is None or connection.vendor != "postgresql" or own.closed:
        return False
    with selectors.DefaultSelector() as selector:
        selector.register(own.fileno(), selectors.EVENT_READ)
        return not selector.select(0)


worker_slots = WorkerSlots()


TOTAL = 224
# A whole building may share one address (NAT), so only waiting counts against the limit: pages,
# forms and small files are served regardless of how many transfers are in progress.
PER_ADDRESS = 64
RETRY_AFTER = 10  # seconds


class TooManyWaits(ConnectionError):
    """The limit of waiting threads is reached, for this address or in total."""


class ClientWaits:
    """Count the threads that wait for a client, in total and per address."""

    def __init__(self, total=TOTAL, per_address=PER_ADDRESS):
        self._total, self._per_address = total, per_address
        self._counts = Counter()
        self._lock = threading.Lock()

    def enter(self, address):
        """Count one more for `address` (None where unknown). Raises TooManyWaits."""
        with self._lock:
            if self._counts.total() >= self._total or self._counts[address] >= self._per_address:
                raise TooManyWaits("Too many connections wait for slow clients.")
            self._counts[address] += 1

    def leave(self, address):
        """Count one less."""
        with self._lock:
            self._counts[address] -= 1
            if not self._counts[address]:
                del self._counts[address]

    @contextmanager
    def waiting(self, address):
        """Count a wait while the context lasts. Raises TooManyWaits."""
        self.enter(address)
        try:
            yield
        finally:
            self.leave(address)


client_waits = ClientWaits()


HASH_MEMORY = 100 * 2**20  # bytes, of Django's Argon2PasswordHasher
MEMORY_SHARE = 4  # a quarter of the memory at most
HASHING_WAIT_SECONDS = 20
LONGEST_QUEUE = 48  # threads
HASHING_RETRY_AFTER = 5  # seconds


class HashingBusy(Exception):
    """Too many passwords are waiting to be hashed."""


class HashingSlots:
    """A limit on concurrent hashes and on threads waiting for one."""

    def __init__(self, count, longest_queue=LONGEST_QUEUE):
        self.open(count)
        self._queue = threading.BoundedSemaphore(longest_queue)
        self._own = threading.local()

    def open(self, count):
        """Limit this process to `count` concurrent hashes; none may be running."""
        self._slots = threading.BoundedSemaphore(count)

    @contextmanager
    def hashing(self):
        """Hold a slot while the context lasts, once a thread. Raises HashingBusy."""
        if getattr(self._own, "holds", False):
            yield
            return
        if not self._slots.acquire(blocking=False):
            self._wait()
        self._own.holds = True
        try:
            yield
        finally:
            self._own.holds = False
            self._slots.release()

    def _wait(self):
        if not self._queue.acquire(blocking=False):
            raise HashingBusy("Too many threads wait to hash a password.")
        ours = False
        try:
            with worker_slots.paused():
                ours = self._slots.acquire(timeout=HASHING_WAIT_SECONDS)
        except NoFreeSlot as error:
            if ours:
                self._slots.release()
            raise HashingBusy(str(error)) from error
        finally:
            self._queue.release()
        if not ours:
            raise HashingBusy(f"No password could be hashed for {HASHING_WAIT_SECONDS} s.")


def affordable_hashes():
    """Return how many concurrent hashes the processors and the memory allow."""
    by_memory = memory_limit() // MEMORY_SHARE // HASH_MEMORY
    return max(1, min(by_memory, 2 * count_processors()))


hashing_slots = HashingSlots(affordable_hashes())
