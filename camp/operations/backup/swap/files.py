"""The stored files: new ones in the place of the old ones, by renaming alone.

The storage folder itself stays where it is, since it may be a mount point. What is in it
moves into a folder inside, `.restore-<id>/old`, and out of `.restore-<id>/new`. What is
not Camp's, and in nobody's way, is not touched.
"""

import errno
import json
import os
import re
import shutil
import sys
from pathlib import Path

from django.conf import settings

from camp.fs.atomic import sync_folder

WORK = ".restore-"
KEPT = ".replaced-"
# What the storage makes at its top: folders of opaque paths, and that of unfinished uploads.
OWN = re.compile(r"[0-9a-f]{2}|\.staging|\.thumbnails")
OCCUPIED = {errno.ENOTEMPTY, errno.EEXIST}


class Files:
    """The stored files of a storage folder, and those that shall take their place."""

    def __init__(self, root, id_):
        self.root = Path(root)
        self.work = self.root / f"{WORK}{id_}"
        self.new = self.work / "new"
        self._old = self.work / "old"
        # Is there once the old ones are out; says what is moved in.
        self._moving_in = self.work / "moving-in"
        self._kept = self.root / f"{KEPT}{id_}"

    def make(self):
        """Make the folder for the new files."""
        self.new.mkdir(mode=0o700, parents=True)

    def settle(self):
        """Return once all new files are on the disk, and belong to whom the storage belongs."""
        self._give_away()
        if sys.platform == "linux":
            os.sync()
            return
        for folder, _folders, names in os.walk(self.new):
            for name in names:
                with open(os.path.join(folder, name), "r+b") as stream:
                    os.fsync(stream.fileno())
            sync_folder(folder)

    def _give_away(self):
        if os.name == "nt" or os.geteuid() != 0:
            return
        owner = self.root.stat()
        if owner.st_uid == 0:
            return
        for folder, folders, names in os.walk(self.work):
            for path in [folder, *(os.path.join(folder, name) for name in folders + names)]:
                os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)

    def swap(self):
        """Move the old files out and the new ones in; raises OSError."""
        incoming = sorted(os.listdir(self.new))
        self._old.mkdir(mode=0o700)
        for name in os.listdir(self.root):
            if OWN.fullmatch(name) or name in incoming:
                os.rename(self.root / name, self._old / name)
        self._sync(self._old, self.root)
        _write(self._moving_in, incoming)
        self._sync(self.work)
        for name in incoming:
            os.rename(self.new / name, self.root / name)
        self._sync(self.new, self.root)

    def back(self):
        """Bring the old files back to where they were; may be called again at any point."""
        if self._moving_in.exists():
            for name in json.loads(self._moving_in.read_text(encoding="utf-8")):
                if (self.root / name).exists():
                    _move(self.root / name, self.new / name)
            self._sync(self.new, self.root)
            self._moving_in.unlink()
            self._sync(self.work)
        if self._old.exists():
            for name in os.listdir(self._old):
                _move(self._old / name, self.root / name)
            self._sync(self._old, self.root)
        shutil.rmtree(self.work, ignore_errors=True)

    def forward(self):
        """Remove the old files; returns the folder of those that are not Camp's, or None."""
        for name in os.listdir(self._old) if self._old.exists() else ():
            if OWN.fullmatch(name):
                shutil.rmtree(self._old / name, ignore_errors=True)
        kept = None
        if self._old.exists() and os.listdir(self._old):
            os.rename(self._old, self._kept)
            kept = self._kept
        shutil.rmtree(self.work, ignore_errors=True)
        return kept

    def _sync(self, *folders):
        for folder in folders:
            sync_folder(folder)


def _write(path, content):
    new = path.with_suffix(".new")
    with new.open("w", encoding="utf-8") as stream:
        json.dump(content, stream)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(new, path)


def _move(source, target):
    """Rename; where somebody made a folder of that name meanwhile, both become one."""
    try:
        os.rename(source, target)
    except OSError as error:
        if error.errno not in OCCUPIED or not (source.is_dir() and target.is_dir()):
            raise
        for name in os.listdir(source):
            _move(source / name, target / name)
        source.rmdir()


def storage():
    """Return the storage folder, which is made where it is missing."""
    root = Path(settings.LOCAL_STORAGE_PATH).resolve()
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    return root
