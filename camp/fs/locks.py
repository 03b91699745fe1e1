"""Advisory file locks on Windows and POSIX.

A lock belongs to the open file: it is gone when that is closed, or when its process ends,
however that happens.
"""

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, BinaryIO

RETRY_SECONDS = 0.01  # between two tries on Windows


@contextlib.contextmanager
def locked(path: Path) -> Iterator[BinaryIO]:
    """Yield the file at `path`, unbuffered and for reading and writing, locked meanwhile.

    Raises FileNotFoundError.
    """
    with path.open("r+b", buffering=0) as file:
        lock(file)
        try:
            yield file
        finally:
            unlock(file)


if sys.platform == "win32":
    import msvcrt

    # Windows keeps others from reading what is locked: lock bytes behind the content.
    LOCKED_AT = 2**30
    # There are no shared locks: each process takes one byte, an exclusive lock takes all.
    SLOTS = 65_536

    def lock(file: IO[bytes]) -> None:
        """Lock an open file for this process alone; waits for others to release it."""
        while not try_lock(file):
            time.sleep(RETRY_SECONDS)

    def unlock(file: IO[bytes]) -> None:
        """Release the lock of `lock`."""
        _lock_bytes(file, msvcrt.LK_UNLCK, 0, SLOTS)

    def try_lock(file: IO[bytes] | int, *, shared: bool = False) -> bool | None:
        """Lock an open file, or a descriptor, without waiting.

        Returns False while others have it locked, None where the file system has no locks.
        """
        first, count = (os.getpid() % SLOTS, 1) if shared else (0, SLOTS)
        try:
            _lock_bytes(file, msvcrt.LK_NBLCK, first, count)
        except OSError:
            return False
        return True

    def _lock_bytes(file: IO[bytes] | int, mode: int, first: int, count: int) -> None:
        descriptor = file if isinstance(file, int) else file.fileno()
        position = os.lseek(descriptor, 0, os.SEEK_CUR)
        os.lseek(descriptor, LOCKED_AT + first, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, mode, count)
        finally:
            os.lseek(descriptor, position, os.SEEK_SET)

else:
    import fcntl

    def lock(file: IO[bytes]) -> None:
        """Lock an open file for this process alone; waits for others to release it."""
        fcntl.flock(file, fcntl.LOCK_EX)

    def unlock(file: IO[bytes]) -> None:
        """Release the lock of `lock`."""
        fcntl.flock(file, fcntl.LOCK_UN)

    def try_lock(file: IO[bytes] | int, *, shared: bool = False) -> bool | None:
        """Lock an open file, or a descriptor, without waiting.

        Returns False while others have it locked, None where the file system has no locks.
        """
        try:
            fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            return None
        return True
