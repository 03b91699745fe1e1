"""The bytes of uploads that come in several requests, and who may write to them.

No database here. Each upload has a part, which only grows, and a lease beside it: a file
with the token of the request that writes. Whoever claims the lease makes an earlier
request let go, on whatever thread, process or host that runs; a request that hangs holds
up nobody, since it is turned away when it wants to write again.
"""

import collections
import contextlib
import hashlib
import os
import secrets
import threading
from pathlib import Path

from django.conf import settings

from camp.fs.locks import lock, locked, unlock
from camp.fs.threaded_writer import Sink, Takers
from files.storage import backend

FOLDER = "resumable"
TOKEN = 16  # bytes
READ = 2**20  # bytes, when a part is read again
# So many uploads may go on without being read again from their beginning.
REMEMBERED = 256


class Superseded(Exception):
    """A later request took the upload over."""


class Part:
    """The bytes of the upload `key` (a UUID) that are here so far."""

    def __init__(self, key):
        folder = Path(settings.UPLOAD_STAGING) / FOLDER
        self.key = str(key)
        self.path = folder / f"{self.key}{backend.PART_SUFFIX}"
        self.lease = folder / f"{self.key}.lease"

    def create(self):
        """Make it, empty; raises OSError."""
        backend.make_folders(self.path.parent)
        for path in (self.path, self.lease):
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        backend.sync_folder(self.path.parent)

    def claim(self):
        """Return a token with which alone one can write from now on."""
        token = secrets.token_bytes(TOKEN)
        with locked(self.lease) as held:
            held.write(token)
            held.flush()
        return token

    def size(self):
        """Return how many bytes are here; raises FileNotFoundError."""
        return self.path.stat().st_size

    def hash(self, size):
        """Return a SHA-256 object that has read the first `size` bytes.

        Raises Superseded where there are fewer, OSError.
        """
        found = hashlib.sha256()
        with self.path.open("rb", buffering=0) as stream:
            while size:
                block = stream.read(min(size, READ))
                if not block:
                    raise Superseded(self.key)
                found.update(block)
                size -= len(block)
        return found

    def sync(self):
        """Return once all bytes are on the disk."""
        backend.sync(self.path, os.O_RDWR)

    def truncate(self, size, token):
        """Drop what lies behind `size` bytes; raises Superseded, OSError."""
        with self.held(token):
            os.truncate(self.path, size)

    def remove(self):
        """Remove it; whoever still writes to it is turned away."""
        with contextlib.suppress(OSError):
            self.claim()
        for path in (self.path, self.lease):
            backend.remove_staged(path)
        hashes.forget(self.key)

    @contextlib.contextmanager
    def held(self, token):
        """Keep others from claiming it meanwhile; raises Superseded if one has."""
        try:
            lease = Lease(self, token)
        except FileNotFoundError:
            raise Superseded(self.key) from None
        try:
            with lease.held():
                yield
        finally:
            lease.close()


class Lease:
    """The right to write to a part, until somebody else claims it."""

    def __init__(self, part, token):
        """Raises FileNotFoundError where there is no such part any more."""
        self._key, self._token = part.key, token
        self._file = part.lease.open("r+b", buffering=0)

    @contextlib.contextmanager
    def held(self):
        """Keep others from claiming it meanwhile; raises Superseded if one has."""
        lock(self._file)
        try:
            self._file.seek(0)
            if self._file.read(TOKEN) != self._token:
                raise Superseded(self._key)
            yield
        finally:
            unlock(self._file)

    def close(self):
        """Let it go."""
        self._file.close()


class Appender:
    """Bytes on their way into a part, hashed as they come.

    `size` is right after `end`; so is `checksum`, of the bytes of this request, for which
    `algorithm` is hashlib's name. `end` it, whatever happens.
    """

    def __init__(self, part, token, size, algorithm=""):
        self._part = part
        self._lease = Lease(part, token)
        self._sink = Sink(part.path, os.O_APPEND, size)
        self._whole = hashes.take(part.key, size)
        self._own = hashlib.new(algorithm) if algorithm else None
        takes = [each.update for each in (self._whole, self._own) if each is not None]
        self._takers = Takers(self._put, *takes, start=size)

    @property
    def size(self):
        """How many bytes the part has."""
        return self._sink.written

    @property
    def checksum(self):
        """The digest of the bytes of this request."""
        return self._own.digest()

    def write(self, chunk):
        """Take the next bytes; raises Superseded, OSError."""
        with self._sure():
            self._takers.put(chunk)

    def end(self):
        """Return once all bytes taken are in the part; raises Superseded, OSError.

        Any further time does nothing.
        """
        with contextlib.ExitStack() as stack:
            stack.callback(self._sink.close)
            stack.callback(self._lease.close)
            with self._sure():
                self._takers.end()

    def remember(self):
        """Let the next request go on hashing where this one ended; call it after `end`."""
        if self._whole is not None:
            hashes.keep(self._part.key, self.size, self._whole)

    @contextlib.contextmanager
    def _sure(self):
        """Trust no hash after an error: it may have seen more, or less, than the part has."""
        try:
            yield
        except BaseException:
            self._whole = None
            raise

    def _put(self, chunk):
        with self._lease.held():
            self._sink.put(chunk)


class Hashes:
    """The unfinished SHA-256 of uploads that this process has seen from their beginning.

    Only memory: where one is missing, the part is read again when it is whole.
    """

    def __init__(self):
        self._lock = threading.Lock()
        self._kept = collections.OrderedDict()

    def take(self, key, size):
        """Return the hash of the first `size` bytes, to be continued, or None."""
        with self._lock:
            known, found = self._kept.pop(key, (0, None))
        if size == 0:
            return hashlib.sha256()
        return found if known == size else None

    def keep(self, key, size, found):
        """Remember the hash of the first `size` bytes."""
        with self._lock:
            self._kept[key] = (size, found)
            while len(self._kept) > REMEMBERED:
                self._kept.popitem(last=False)

    def forget(self, key):
        """Forget an upload."""
        with self._lock:
            self._kept.pop(key, None)

    def digest(self, part, size):
        """Return the SHA-256 of the first `size` bytes of a part, as bytes.

        It is remembered, so that to ask again, or to go on from there, reads nothing. Raises
        Superseded where the part has become shorter meanwhile, OSError.
        """
        found = self.take(part.key, size) or part.hash(size)
        digest = found.digest()
        self.keep(part.key, size, found)
        return digest


hashes = Hashes()


def kept_keys(before):
    """Yield the keys of parts that nobody wrote to since `before`."""
    for entry in backend.files_below(Path(settings.UPLOAD_STAGING) / FOLDER, depth=0):
        if entry.name.endswith(backend.PART_SUFFIX) and backend.changed(entry) < before.timestamp():
            yield entry.name.removesuffix(backend.PART_SUFFIX)
