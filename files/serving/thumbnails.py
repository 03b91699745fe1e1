"""Small pictures of pictures: made once, in a process of their own, with bounds.

A request waits a moment at most for one that is not there yet: see thumbnail_queue.py.

What is shown is always a fresh WebP of our own making, never what somebody uploaded. A
picture that lies about itself, is cut off or would unpack to gigabytes gives none, which
is remembered as an empty file.
"""

import contextlib
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from django.conf import settings

from files.serving.thumbnail_queue import ThumbnailQueue
from files.storage import backend

logger = logging.getLogger(__name__)

FOLDER = ".thumbnails"
SUFFIX = ".webp"
# Types that Pillow reads well; nothing that runs, such as SVG.
TYPES = {"image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp", "image/tiff"}
LARGEST = 200 * 2**20  # bytes of a file that is tried at all
SECONDS = 20
WAIT = 1  # seconds that a request waits for one that is not there yet
# Requests that wait at once; the others are told to come again without waiting.
may_wait = threading.BoundedSemaphore(4)


class Pending(Exception):
    """The thumbnail is not made yet: it is to be asked for again soon."""


def path_of(storage_path):
    """Return where the thumbnail of stored bytes is kept."""
    return Path(settings.LOCAL_STORAGE_PATH) / FOLDER / f"{backend.own(storage_path)}{SUFFIX}"


def may_have(file):
    """Return whether it is worth to try to show a file as a picture."""
    return file.media_type in TYPES and 0 < file.size <= LARGEST


def get(file):
    """Return the Path of a file's thumbnail, or None if it cannot have one.

    Raises Pending where it is not made within WAIT seconds; the work goes on.
    """
    if not may_have(file):
        return None
    path = path_of(file.storage_path)
    if not path.exists():
        content = file.sha256 or file.storage_path
        job = queue.add(file.user_id, content, file.storage_path, path)
        if job is None or not is_done_soon(job):
            raise Pending
    return path if path.exists() and path.stat().st_size else None


def is_done_soon(job):
    """Return whether a job of the queue is done; wait, if not too many requests do so."""
    if not may_wait.acquire(blocking=False):
        return job.done.is_set()
    try:
        return job.done.wait(WAIT)
    finally:
        may_wait.release()


def is_known_to_lack(file):
    """Return whether it was tried and found that a file can have no thumbnail."""
    try:
        return path_of(file.storage_path).stat().st_size == 0
    except (OSError, ValueError, backend.SuspiciousFileOperation):
        return False


def make_of(storage_path, path, made):
    """Write the thumbnail of stored bytes to `path`; bytes that cannot be had leave none.

    `made` is where the same content has one already, or None.
    """
    if path.exists():  # by a job that ended just now
        return
    try:
        if made is not None:
            make_copy(made, path)
            return
        with backend.local_copy(storage_path) as source:
            make(source, path)
    except OSError as error:
        logger.warning("No thumbnail can be made: %s", error.strerror or error)


queue = ThumbnailQueue(make_of)


def make_copy(made, path):
    """Have the thumbnail `made` be at `path` too."""
    if made.exists():
        backend.make_folders(path.parent)
        with draft_of(path) as draft:
            shutil.copyfile(made, draft)


def make(source, path):
    """Write the thumbnail of `source` to `path`, an empty file where there can be none."""
    if not source.exists():
        return
    backend.make_folders(path.parent)
    with draft_of(path) as draft:
        if not picture(source, draft):
            os.truncate(draft, 0)


@contextlib.contextmanager
def draft_of(path):
    """Within the block, write the file that becomes `path` at its end; on OSError none does."""
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=SUFFIX)
    os.close(handle)
    try:
        yield draft
        os.replace(draft, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(draft)


def picture(source, target):
    """Return whether a process of its own could make `target` from the picture `source`."""
    script = Path(__file__).with_name("thumbnailer.py")
    command = [sys.executable, "-I", str(script), str(source), str(target)]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def remove(storage_path):
    """Remove the thumbnail of stored bytes, if there is one; never raises."""
    with contextlib.suppress(OSError, ValueError, backend.SuspiciousFileOperation):
        path_of(storage_path).unlink(missing_ok=True)


def kept(before):
    """Yield the Path of each thumbnail made before, and the storage path that it is of.

    Drafts that a crash left are among them; they are of a path that no file has.
    """
    root = Path(settings.LOCAL_STORAGE_PATH) / FOLDER
    for folder, _folders, names in os.walk(root):
        for name in names:
            path = Path(folder, name)
            if name.endswith(SUFFIX) and backend.changed(path) < before.timestamp():
                yield path, path.relative_to(root).as_posix().removesuffix(SUFFIX)
