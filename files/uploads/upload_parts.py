"""The bytes of uploads that come in several requests, and who may write to them.

No database here. Each upload has a part, which only grows, and beside it a lease: a file with
the token of the request that may write. Claiming the lease takes it from an earlier request, in
whatever thread, process or host that runs. So a request that hangs blocks nothing: it is refused
when it tries to write again.
"""

import collections
import contextlib
import hashlib
import os
import secrets
import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from uuid import UUID

from django.conf import settings

from camp.fs.atomic import sync_folder
from camp.fs.locks import lock, locked, unlock
from camp.fs.ownership import make_folder
from camp.fs.threaded_writer import ThreadedWriter
from files.storage import backend, staging

FOLDER = "resumable"
TOKEN_LENGTH = 16  # bytes
BLOCK_SIZE = 2**20  # bytes that are read at once to hash a part again
# Uploads that can go on without their part being read again.
MAX_CACHED_HASHES = 256


class Superseded(Exception):
    """A later request has taken the upload over."""


class UploadPart:
    """The bytes of the upload `key` that have arrived so far."""

    def __init__(self, key: UUID | str) -> None:
        folder = Path(settings.UPLOAD_STAGING) / FOLDER
        self.key = str(key)
        self.path = folder / f"{self.key}{staging.SUFFIX}"
        self.lease_path = folder / f"{self.key}.lease"

    def create(self) -> None:
        """Create it, empty; raises OSError."""
        make_folder(self.path.parent, staging.FOLDER_MODE)
        for path in (self.path, self.lease_path):
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        sync_folder(self.path.parent)

    def claim(self) -> bytes:
        """Return a token; from now on only its holder can write. Raises FileNotFoundError."""
        token = secrets.token_bytes(TOKEN_LENGTH)
        with locked(self.lease_path) as file:
            file.write(token)
            file.flush()
        return token

    def size(self) -> int:
        """Return how many bytes have arrived; raises FileNotFoundError."""
        return self.path.stat().st_size

    def hash(self, size: int) -> "hashlib._Hash":
        """Return a SHA-256 object that has read the first `size` bytes.

        Raises Superseded if there are fewer, OSError.
        """
        found = hashlib.sha256()
        with self.path.open("rb", buffering=0) as stream:
            while size:
                block = stream.read(min(size, BLOCK_SIZE))
                if not block:
                    raise Superseded(self.key)
                found.update(block)
                size -= len(block)
        return found

    def sync(self) -> None:
        """Return once all bytes are on the disk; raises OSError."""
        staging.sync_file(self.path)

    def truncate(self, size: int, token: bytes) -> None:
        """Drop what follows the first `size` bytes; raises Superseded, OSError."""
        try:
            lease = Lease(self, token)
        except FileNotFoundError:
            raise Superseded(self.key) from None
        with contextlib.closing(lease), lease.held():
            os.truncate(self.path, size)

    def remove(self) -> None:
        """Remove it; a request that is still writing is refused."""
        with contextlib.suppress(OSError):
            self.claim()
        for path in (self.path, self.lease_path):
            staging.remove_staged(path)
        hashes.forget(self.key)


class Lease:
    """The right to write to a part, until another request claims it."""

    def __init__(self, part: UploadPart, token: bytes) -> None:
        """Raises FileNotFoundError if the part is gone."""
        self._key, self._token = part.key, token
        self._file = part.lease_path.open("r+b", buffering=0)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Keep others from claiming it meanwhile; raises Superseded if one has."""
        lock(self._file)
        try:
            self._file.seek(0)
            if self._file.read(TOKEN_LENGTH) != self._token:
                raise Superseded(self._key)
            yield
        finally:
            unlock(self._file)

    def close(self) -> None:
        """Close its file."""
        self._file.close()


class PartAppender:
    """Append the bytes of a request to a part, hashed as they come.

    `size` is the length of the part, and exact after `close`. `checksum` is the digest of this
    request's bytes by hashlib's `algorithm`. Always `close` it.
    """

    def __init__(self, part: UploadPart, token: bytes, size: int, algorithm: str = "") -> None:
        """Continue a part that has `size` bytes; raises FileNotFoundError, OSError."""
        self._part = part
        self._part_hash = hashes.pop(part.key, size)
        self._request_hash = hashlib.new(algorithm) if algorithm else None
        self._lease = Lease(part, token)
        try:
            self._writer = ThreadedWriter(
                part.path, os.O_APPEND, size=size, sha256=self._part_hash, guard=self._lease.held
            )
        except BaseException:
            self._lease.close()
            raise

    @property
    def size(self) -> int:
        """The bytes in the part."""
        return self._writer.size

    @property
    def checksum(self) -> bytes:
        """The digest of this request's bytes; needs an `algorithm`."""
        return self._request_hash.digest() if self._request_hash else b""

    def write(self, chunk: bytes) -> None:
        """Take the next bytes; raises Superseded, OSError."""
        if self._request_hash is not None:
            self._request_hash.update(chunk)
        self._writer.write(chunk)

    def close(self) -> None:
        """Write what still waits, and close the part; raises Superseded, OSError."""
        try:
            self._writer.flush()
            # After an error the hash may have seen more than the part has.
            if self._part_hash is not None:
                hashes.keep(self._part.key, self.size, self._part_hash)
        finally:
            self._writer.close()
            self._lease.close()


class PartHashes:
    """The unfinished SHA-256 of parts that this process has seen from their beginning.

    Only a cache: without one, the part is read again once it is complete.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: collections.OrderedDict[str, tuple[int, hashlib._Hash]]
        self._kept = collections.OrderedDict()

    def pop(self, key: str, size: int) -> "hashlib._Hash | None":
        """Take out the hash of the first `size` bytes, to be continued; None if unknown."""
        with self._lock:
            known = self._kept.pop(key, None)
        if size == 0:
            return hashlib.sha256()
        return known[1] if known and known[0] == size else None

    def keep(self, key: str, size: int, found: "hashlib._Hash") -> None:
        """Remember the hash of the first `size` bytes."""
        with self._lock:
            self._kept[key] = (size, found)
            while len(self._kept) > MAX_CACHED_HASHES:
                self._kept.popitem(last=False)

    def forget(self, key: str) -> None:
        """Forget an upload."""
        with self._lock:
            self._kept.pop(key, None)

    def digest(self, part: UploadPart, size: int) -> bytes:
        """Return the SHA-256 of the first `size` bytes of a part.

        The hash is kept: to ask again, or to go on from there, reads nothing. Raises Superseded
        if the part has become shorter meanwhile, OSError.
        """
        found = self.pop(part.key, size) or part.hash(size)
        digest = found.digest()
        self.keep(part.key, size, found)
        return digest


hashes = PartHashes()


def list_keys(before: datetime) -> Iterator[str]:
    """Yield the keys of parts that nobody has written to since `before`."""
    for entry in backend.files_below(Path(settings.UPLOAD_STAGING) / FOLDER, depth=0):
        is_old = backend.modified_at(entry) < before.timestamp()
        if entry.name.endswith(staging.SUFFIX) and is_old:
            yield entry.name.removesuffix(staging.SUFFIX)
