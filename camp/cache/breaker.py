"""Whether the cache server can be asked: a circuit breaker that heals itself.

A server that hangs costs every call its full timeout. So the first call that fails says
so to all threads of the process, and for a while nobody asks. Then a thread in the
background tries, empties what may be stale, and opens the way again: no request ever waits
for a trial, only the calls that were under way when the server went away did.
"""

import logging
import re
import threading
import time

from redis.exceptions import RedisError, ResponseError

logger = logging.getLogger("camp.cache.manager")

PAUSE = 5.0  # seconds between two trials
PROOF = 5.0  # seconds for which one write shows that the server takes others

OPEN, WRITE_ONLY, AWAY = "open", "write-only", "away"


def reason(error: Exception) -> str:
    """Return the kind of an error, with the server's own code where there is one (MISCONF)."""
    code = re.match(r"[A-Z]{3,}\b", str(error)) if isinstance(error, ResponseError) else None
    kind = type(error).__name__
    return f"{kind}, {code[0]}" if code else kind


class Link:
    """What this process knows of one cache server; its threads share it.

    `losses` counts how often the server was lost; two equal readings mean that nothing
    happened in between.
    """

    _links: dict[str, "Link"] = {}

    def __init__(self):
        self._lock = threading.Lock()
        self._state = OPEN
        self._retry_at = 0.0
        self._trial: threading.Thread | None = None
        self._proved_at = -PROOF
        self.losses = 0

    @classmethod
    def to(cls, server: str) -> "Link":
        """Return the one Link of this process to `server`."""
        return cls._links.setdefault(server, cls())

    def usable(self, backend, *, reads: bool) -> bool:
        """Return whether `backend` may ask the server now; start a trial if one is due.

        While a trial deletes the stale entries, writes are let through and reads are not.
        """
        state = self._state
        if state == OPEN:
            return True
        if state == WRITE_ONLY:
            return not reads
        self._try_when_due(backend)
        return False

    def proof_due(self) -> bool:
        """Return whether it is long ago that the server took an entry; to one caller at a time."""
        now = time.monotonic()
        if now - self._proved_at < PROOF:
            return False
        self._proved_at = now
        return True

    def proved(self) -> None:
        """Note that the server has just taken an entry."""
        self._proved_at = time.monotonic()

    def lost(self, error: Exception) -> None:
        """Note that a call failed with `error`."""
        if self._close(PAUSE):
            # The message could hold the address of the server, with a password in it.
            what = "refuses" if isinstance(error, ResponseError) else "does not answer"
            logger.warning("Redis %s (%s); going on without.", what, reason(error))

    def restarted(self) -> None:
        """Note that the server is a new one, so that its entries may be old."""
        if self._close(0):
            logger.warning("Redis was restarted; deleting what it brought back.")

    def recovering_here(self) -> bool:
        """Return whether the caller is the trial itself."""
        return threading.current_thread() is self._trial

    def _close(self, pause):
        with self._lock:
            was_open = self._state == OPEN
            self._state = AWAY
            self._retry_at = time.monotonic() + pause
            self.losses += 1
        return was_open

    def _try_when_due(self, backend):
        with self._lock:
            due = self._state == AWAY and time.monotonic() >= self._retry_at
            # Asked for life, not for presence: a fork copies the object and not the thread.
            if due and not (self._trial and self._trial.is_alive()):
                self._retry_at = time.monotonic() + PAUSE
                self._trial = threading.Thread(
                    target=self._recover, args=[backend], name="cache-recovery", daemon=True
                )
                self._trial.start()

    def _recover(self, backend):
        try:
            backend.recover()
            # From here on no change is missed, so what is deleted now is all there is.
            with self._lock:
                self._state, losses = WRITE_ONLY, self.losses
            backend.empty()
        except (RedisError, OSError):
            with self._lock:
                self._state = AWAY
            return
        with self._lock:
            if self.losses != losses:
                return
            self._state = OPEN
        logger.warning("Redis answers again; its entries of this project were deleted first.")
