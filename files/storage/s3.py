"""Upload staged files to an object store, in place of moving them within a disk.

A file leaves the staging folder only once the store has all of it. The rest of Camp calls
`files.storage.staging` and `files.storage.backend`, which come here if settings name a bucket.
"""

import contextlib
import os
import time
from concurrent.futures import ThreadPoolExecutor, wait

from camp.fs.locks import locked

REQUESTS_AT_ONCE = 8
# Seconds after which a file that is being uploaded is touched, so that the sweep leaves it alone.
TOUCH_EVERY = 60


def upload_all(store, pairs):
    """Upload several (StagedBytes, storage path); raises OSError, and then none of them stays."""
    with ThreadPoolExecutor(min(REQUESTS_AT_ONCE, len(pairs)) or 1) as pool:
        uploads = [pool.submit(upload, store, *pair) for pair in pairs]
        try:
            for each in uploads:
                each.result()
        except BaseException:
            for each in uploads:
                each.cancel()
            wait(uploads)
            for each, (_staged, path) in zip(uploads, pairs, strict=True):
                if not each.cancelled() and not each.exception():
                    store.delete(path)
            raise
    for staged, _path in pairs:
        staged.discard()
        staged.is_kept = True


def upload(store, staged, path):
    """Upload staged bytes; raises OSError."""
    staged.touch()
    store.put(path, staged.path, sha256=staged.sha256, progress=TouchWhileSending(staged.path))


def move_in(store, source, path, sha256):
    """Upload the file `source`, and remove it; raises FileNotFoundError, OSError.

    One request at a time: one that waited for another finds no file any more.
    """
    # Not the file itself: Windows cannot remove a file that is open.
    lock = source.with_suffix(".moving")
    lock.touch(mode=0o600)
    try:
        with locked(lock):
            store.put(path, source, sha256=sha256, progress=TouchWhileSending(source))
            source.unlink()
    finally:
        # While there is something to move, the lock must be there.
        if not source.exists():
            with contextlib.suppress(OSError):  # on Windows, while another request waits for it
                lock.unlink()


class TouchWhileSending:
    """A callback that keeps the time of a file fresh while it is uploaded."""

    def __init__(self, path):
        self._path = path
        self._next = time.monotonic() + TOUCH_EVERY

    def __call__(self, count):
        if time.monotonic() > self._next:
            self._next = time.monotonic() + TOUCH_EVERY
            with contextlib.suppress(OSError):
                os.utime(self._path)


def map_at_once(function, paths):
    """Return what `function` returns for each of several paths, called in parallel."""
    paths = list(paths)
    if len(paths) < 2:
        return [function(path) for path in paths]
    with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
        return list(pool.map(function, paths))
