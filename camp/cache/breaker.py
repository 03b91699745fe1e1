"""A circuit breaker: while a server is down, do not wait for it again and again."""

import logging
import re
import threading
import time

from redis.exceptions import ResponseError

logger = logging.getLogger("camp.cache")

RETRY_AFTER = 5.0  # seconds between two attempts to reach a server that is down


class CircuitBreaker:
    """Open while calls to a server fail; all threads of the process share one per server.

    The first failed call opens it. Every RETRY_AFTER seconds one caller may make an attempt;
    the others do without the server at once.
    """

    def __init__(self):
        self.is_open = False
        self._lock = threading.Lock()
        self._retry_at = 0.0

    def claim_attempt(self) -> bool:
        """Return whether the caller, and nobody else for now, should try the server."""
        with self._lock:
            due = time.monotonic() >= self._retry_at
            if due:
                self._retry_at = time.monotonic() + RETRY_AFTER
            return due

    def open(self, error: Exception) -> None:
        """Record that a call failed with `error`."""
        with self._lock:
            was_open, self.is_open = self.is_open, True
            self._retry_at = time.monotonic() + RETRY_AFTER
        if not was_open:
            # The message of the error may contain the URL of the server and its password.
            what = "refuses" if isinstance(error, ResponseError) else "does not answer"
            logger.warning("Redis %s (%s); continuing without it.", what, describe_error(error))

    def close(self) -> None:
        """Record that the server answers again."""
        self.is_open = False


def describe_error(error: Exception) -> str:
    """Return the class of an error and Redis's own code, if any: "ResponseError, MISCONF"."""
    code = re.match(r"[A-Z]{3,}\b", str(error)) if isinstance(error, ResponseError) else None
    return f"{type(error).__name__}, {code[0]}" if code else type(error).__name__
