"""Files that one process at a time may read and write."""

import contextlib
import os
import time

PATIENCE = 0.01  # seconds between two tries on Windows


@contextlib.contextmanager
def locked(path):
    """Yield the file at `path`, unbuffered and for reading and writing, locked meanwhile.

    Raises FileNotFoundError where there is none.
    """
    with path.open("r+b", buffering=0) as file:
        lock(file)
        try:
            yield file
        finally:
            unlock(file)


if os.name == "nt":
    import msvcrt

    FAR = 2**30  # behind the content, which others may read

    def lock(file):
        """Wait for the lock."""
        file.seek(FAR)
        while True:
            try:
                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
                break
            except OSError:
                time.sleep(PATIENCE)
        file.seek(0)

    def unlock(file):
        """Let the next one in."""
        file.seek(FAR)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def lock(file):
        """Wait for the lock."""
        fcntl.flock(file, fcntl.LOCK_EX)

    def unlock(file):
        """Let the next one in."""
        fcntl.flock(file, fcntl.LOCK_UN)
