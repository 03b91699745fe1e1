"""What is being replaced, and how far it is, kept where a power cut cannot take it."""

import contextlib
import json
import os

from django.conf import settings

from camp.fs.atomic import sync_folder
from camp.fs.locks import try_lock
from camp.fs.ownership import chown_to_folder_owner, make_folder

FILE = "replacing.json"
LOCK = "replacing.lock"


def path():
    """Return where the journal is, while something is being replaced."""
    return settings.CAMP_DATA_DIR / FILE


def is_unsettled():
    """Return whether a replacement is under way, or was cut short."""
    return path().exists()


def read():
    """Return what the journal says, or None where there is none."""
    try:
        return json.loads(path().read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None


def write(content):
    """Make `content` what the journal says; it survives a power cut on return."""
    new = path().with_suffix(".new")
    with new.open("w", encoding="utf-8") as stream:
        json.dump(content, stream)
        stream.flush()
        os.fsync(stream.fileno())
    chown_to_folder_owner(new)
    os.replace(new, path())
    sync_folder(path().parent)


def remove():
    """Say that everything is settled."""
    path().unlink(missing_ok=True)
    sync_folder(path().parent)


@contextlib.contextmanager
def held():
    """Yield whether nobody else is replacing anything, and keep it so meanwhile."""
    folder = settings.CAMP_DATA_DIR
    make_folder(folder, 0o700)
    with (folder / LOCK).open("a+b") as lock:
        chown_to_folder_owner(folder / LOCK)
        yield try_lock(lock) is not False
