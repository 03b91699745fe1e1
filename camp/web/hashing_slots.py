"""Limit concurrent password hashing: with Argon2 each hash takes 100 MiB for a moment."""

import os
import threading
from contextlib import contextmanager

from camp.config.memory import memory_limit
from camp.web.worker_slots import NoFreeSlot, worker_slots

HASH_MEMORY = 100 * 2**20  # bytes, of Django's Argon2PasswordHasher
MEMORY_SHARE = 4  # a quarter of the memory at most
WAIT_SECONDS = 20
LONGEST_QUEUE = 48  # threads
RETRY_AFTER = 5  # seconds


class HashingBusy(Exception):
    """Too many passwords are waiting to be hashed."""


class HashingSlots:
    """A limit on concurrent hashes and on threads waiting for one."""

    def __init__(self, count, longest_queue=LONGEST_QUEUE):
        self._slots = threading.BoundedSemaphore(count)
        self._queue = threading.BoundedSemaphore(longest_queue)
        self._own = threading.local()

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
                ours = self._slots.acquire(timeout=WAIT_SECONDS)
        except NoFreeSlot as error:
            if ours:
                self._slots.release()
            raise HashingBusy(str(error)) from error
        finally:
            self._queue.release()
        if not ours:
            raise HashingBusy(f"No password could be hashed for {WAIT_SECONDS} s.")


def affordable_hashes():
    """Return how many concurrent hashes the processors and the memory allow."""
    by_memory = memory_limit() // MEMORY_SHARE // HASH_MEMORY
    return max(1, min(by_memory, 2 * (os.cpu_count() or 1)))


hashing_slots = HashingSlots(affordable_hashes())
