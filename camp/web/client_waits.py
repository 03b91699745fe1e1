"""Limit the threads that wait for slow clients, so that some are always free to answer.

A thread waits for its client while a body arrives slowly, and while a long answer is sent.
Granian (2.8) can interrupt neither. `manage.py up` therefore starts TOTAL threads more than
work at once, and no more than TOTAL ever wait.
"""

import threading
from collections import Counter
from contextlib import contextmanager

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
