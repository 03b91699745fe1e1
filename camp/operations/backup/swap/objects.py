"""The stored files of an object store: new ones beside the old ones.

Objects are never renamed, and their names say nothing: so new ones are uploaded before the
database is swapped, and old ones stay. Those that no row names afterwards are left to the
sweep. An object with other bytes than the new one of its name is set aside in the store,
and brought back if the replacement does not come about.
"""

import contextlib
import hashlib
import os
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from camp.operations.backup.swap.files import Files
from camp.storage.object_store import object_store

ASIDE = ".replaced-"
AT_ONCE = 8  # files that go up beside each other


class ObjectFiles(Files):
    """The files of an object store, unpacked into the local storage folder first."""

    def __init__(self, root, id_):
        super().__init__(root, id_)
        self._store = object_store()
        self._prefix = f"{ASIDE}{id_}/"
        # The names of what is set aside, one a line.
        self._list = self.work / "set-aside"
        self._writing = threading.Lock()

    def settle(self):
        """Return once all new files are in the store; raises OSError."""
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for folder, _folders, names in os.walk(self.new):
                # The whole outcome is asked for: the first error is raised.
                list(pool.map(self._bring, [Path(folder, name) for name in names]))
        shutil.rmtree(self.new)
        self.new.mkdir(mode=0o700)

    def _bring(self, source):
        """Have the store hold the bytes of a file under its name."""
        name = source.relative_to(self.new).as_posix()
        with source.open("rb") as stream:
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        try:
            found = self._store.head(name)
        except FileNotFoundError:
            found = None
        if found and is_same(found, source.stat().st_size, sha256):
            return
        if found:
            self._store.copy(name, f"{self._prefix}{name}")
            self._note(name)
        self._store.put(name, source, sha256=sha256)

    def _note(self, name):
        """Remember what is set aside, before anything takes its place."""
        with self._writing, self._list.open("a", encoding="utf-8") as stream:
            stream.write(f"{name}\n")
            stream.flush()
            os.fsync(stream.fileno())

    def _set_aside(self):
        """Return the names of what is set aside, each with that under which it is."""
        try:
            names = self._list.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return []
        return [(name, f"{self._prefix}{name}") for name in names]

    def back(self):
        """Bring back what was set aside, and the local folders; raises OSError."""
        for name, aside in self._set_aside():
            # It is gone where this was begun once before.
            with contextlib.suppress(FileNotFoundError):
                self._store.copy(aside, name)
                self._store.delete(aside)
        super().back()

    def forward(self):
        """Remove what was set aside, as far as possible, and the old local folders."""
        for _name, aside in self._set_aside():
            with contextlib.suppress(OSError):
                self._store.delete(aside)
        return super().forward()


def is_same(found, size, sha256):
    """Return whether what the store says of an object is of so many bytes, and of those."""
    return (found["ContentLength"], found.get("Metadata", {}).get("sha256")) == (size, sha256)
