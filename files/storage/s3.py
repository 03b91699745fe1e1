"""Bytes in an object store: how they get there, and which are there.

Bytes come in through the staging folder as they do where a folder keeps them. They are
uploaded once they are whole and on the disk, and leave it once the store has all of them.
`files.storage.backend` is what the rest of Camp calls; it comes here where settings name a bucket.
"""

import contextlib
import os
import time
from concurrent.futures import ThreadPoolExecutor, wait

from camp.fs.locks import locked

# Requests that wait for the store's answer beside each other.
AT_ONCE = 8
# The sweep goes by the time: so often, in seconds, bytes on their way say that they are.
TOUCH_EVERY = 60


def keep_all(store, staged_paths):
    """Upload several `(Staged, storage path)`; raises OSError, and then none of them stays."""
    with ThreadPoolExecutor(min(AT_ONCE, len(staged_paths)) or 1) as pool:
        under_way = [pool.submit(put, store, *each) for each in staged_paths]
        try:
            for each in under_way:
                each.result()
        except BaseException:
            for each in under_way:
                each.cancel()
            wait(under_way)
            for each, (_staged, path) in zip(under_way, staged_paths, strict=True):
                if not each.cancelled() and not each.exception():
                    store.delete(path)
            raise
    for staged, _path in staged_paths:
        staged.discard()
        staged.kept = True


def put(store, staged, path):
    """Upload staged bytes; raises OSError."""
    staged.touch()
    store.put(path, staged.path, sha256=staged.sha256, progress=Touching(staged.path))


def move_in(store, source, path, sha256):
    """Upload the file `source`, and remove it; raises FileNotFoundError, OSError.

    One at a time: whoever waited for another finds no file any more.
    """
    # Not the file itself: Windows removes none that is open.
    lock = source.with_suffix(".moving")
    lock.touch(mode=0o600)
    try:
        with locked(lock):
            store.put(path, source, sha256=sha256, progress=Touching(source))
            source.unlink()
    finally:
        # While there is something to move, nobody may find the lock gone.
        if not source.exists():
            with contextlib.suppress(OSError):  # on Windows, while somebody waits for it
                lock.unlink()


class Touching:
    """A callback that keeps the time of a file fresh while it is uploaded."""

    def __init__(self, path):
        self._path = path
        self._next = time.monotonic() + TOUCH_EVERY

    def __call__(self, count):
        if time.monotonic() > self._next:
            self._next = time.monotonic() + TOUCH_EVERY
            with contextlib.suppress(OSError):
                os.utime(self._path)


def each(do, paths):
    """Return what `do` returns for each of several paths, asked for beside each other."""
    if len(paths) < 2:
        return [do(path) for path in paths]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(do, paths))
