"""Thumbnails of images, made once, each in a process of its own with limits.

A thumbnail takes a core for up to TIMEOUT, so a request waits for it only a moment: a queue has
them made in the background. A person's images keep one worker busy at most, and people take turns:
thousands of images of one person delay nobody else's. Each process has its own queue; together
they make as many thumbnails at once as one would.

A page shows only WebP that Camp has made, never what somebody uploaded. An image that is
mislabelled, cut off or would unpack to gigabytes has no thumbnail, which an empty file records.
"""

import contextlib
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import OrderedDict, deque
from pathlib import Path

from django.conf import settings
from django.core.exceptions import SuspiciousFileOperation

from camp.fs.locks import try_lock
from camp.fs.ownership import chown_to_folder_owner, make_folder
from camp.web import affinity
from files.storage import backend, staging

logger = logging.getLogger(__name__)

FOLDER = ".thumbnails"
SUFFIX = ".webp"
# Types that Pillow reads well, HEIC by pi_heif; nothing with scripts, such as SVG.
TYPES = {
    *("image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp", "image/tiff"),
    *("image/avif", "image/heic", "image/heif"),
}
MAX_BYTES = 200 * 2**20  # of a file for which a thumbnail is tried
TIMEOUT = 20  # seconds
MAX_WAIT = 1  # seconds that a request waits for a thumbnail
# Requests that may wait at the same time; the others are told to come again.
wait_slots = threading.BoundedSemaphore(4)
WORKERS = 2  # of all processes of a machine; each may take some hundred MiB
SLOT_SECONDS = 0.05  # between two looks for a free one
MAX_QUEUED = 200  # images of one person


class Pending(Exception):
    """The thumbnail is not made yet: the browser should ask again soon."""


def path_of(storage_path):
    """Return where the thumbnail of a storage path is."""
    return (
        Path(settings.LOCAL_STORAGE_PATH) / FOLDER / f"{backend.checked_path(storage_path)}{SUFFIX}"
    )


def may_have(file):
    """Return whether a file may have a thumbnail, by its type and size."""
    return file.media_type in TYPES and 0 < file.size <= MAX_BYTES


def get(file):
    """Return the Path of a file's thumbnail, or None if it cannot have one.

    Raises Pending if it is not made within MAX_WAIT; the work goes on.
    """
    if not may_have(file):
        return None
    path = path_of(file.storage_path)
    if not path.exists():
        content = file.sha256 or file.storage_path
        job = queue.add(file.user_id, content, file.storage_path, path)
        if job is None or not wait_for(job):
            raise Pending
    return path if path.exists() and path.stat().st_size else None


def dimensions(path):
    """Return the width and height of a thumbnail, in pixels, from the header of WebP (RFC 9649)."""
    with open(path, "rb") as file:
        header = file.read(30)
    if header[12:16] == b"VP8X":  # with transparency
        return tuple(int.from_bytes(header[at : at + 3], "little") + 1 for at in (24, 27))
    return tuple(int.from_bytes(header[at : at + 2], "little") & 0x3FFF for at in (26, 28))


def wait_for(job):
    """Return whether a job is done; wait a moment, unless too many requests do."""
    if not wait_slots.acquire(blocking=False):
        return job.done.is_set()
    try:
        return job.done.wait(MAX_WAIT)
    finally:
        wait_slots.release()


def has_none(file):
    """Return whether it is known that a file cannot have a thumbnail."""
    try:
        # Lists ask for each image: pathlib would take as long as the rest of a row.
        path = f"{settings.LOCAL_STORAGE_PATH}/{FOLDER}/{backend.checked_path(file.storage_path)}"
        return os.stat(path + SUFFIX).st_size == 0
    except (OSError, ValueError, SuspiciousFileOperation):
        return False


def make_for_path(storage_path, path, made):
    """Write the thumbnail of a storage path to `path`; nothing if its bytes cannot be read.

    `made` is the thumbnail of the same content, if there is one already.
    """
    if path.exists():  # by a job that has just ended
        return
    try:
        if made is not None:
            copy_thumbnail(made, path)
            return
        with staging.local_copy(storage_path) as source:
            make(source, path)
    except OSError as error:
        logger.warning("No thumbnail can be made: %s", error.strerror or error)


def copy_thumbnail(made, path):
    """Copy the thumbnail `made` to `path`."""
    if made.exists():
        make_folder(path.parent, staging.FOLDER_MODE)
        with atomic_write(path) as draft:
            shutil.copyfile(made, draft)


def make(source, path):
    """Write the thumbnail of `source` to `path`; an empty file if there can be none."""
    if not source.exists():
        return
    make_folder(path.parent, staging.FOLDER_MODE)
    with atomic_write(path) as draft:
        if not run_thumbnailer(source, draft):
            os.truncate(draft, 0)


@contextlib.contextmanager
def atomic_write(path):
    """Yield the name of a temporary file that becomes `path`; after an OSError it is dropped."""
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=SUFFIX)
    os.close(handle)
    try:
        yield draft
        os.replace(draft, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(draft)


def run_thumbnailer(source, target):
    """Make the thumbnail `target` of the image `source` in a process; returns whether it could."""
    script = Path(__file__).with_name("thumbnailer.py")
    command = [sys.executable, "-I", str(script), str(source), str(target)]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


@contextlib.contextmanager
def machine_slot():
    """Hold one of WORKERS locks that the processes of this machine share; waits for one.

    A lock ends with its process. Without the files there is no limit across processes.
    """
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            files = [stack.enter_context(open_slot(number)) for number in range(WORKERS)]
            while all(try_lock(file) is False for file in files):
                time.sleep(SLOT_SECONDS)
        yield


def open_slot(number):
    """Return the open file of a slot; raises OSError."""
    path = Path(settings.CAMP_DATA_DIR) / f"thumbnails-{number}.lock"
    file = path.open("a+b")
    chown_to_folder_owner(path)
    return file


def remove(storage_path):
    """Remove the thumbnail of a storage path, if there is one; never raises."""
    with contextlib.suppress(OSError, ValueError, SuspiciousFileOperation):
        path_of(storage_path).unlink(missing_ok=True)


def list_thumbnails(before):
    """Yield (Path, storage path) for each thumbnail made before a time.

    Temporary files that a crash left are among them; no file has their storage path.
    """
    root = Path(settings.LOCAL_STORAGE_PATH) / FOLDER
    for folder, _folders, names in os.walk(root):
        for name in names:
            path = Path(folder, name)
            if name.endswith(SUFFIX) and backend.modified_at(path) < before.timestamp():
                yield path, path.relative_to(root).as_posix().removesuffix(SUFFIX)


class Job:
    """An image whose thumbnail is wanted at some paths; `done` is set once all were tried."""

    def __init__(self, person, key, source):
        self.person, self.key, self.source = person, key, source
        self.paths = deque()  # still to be made
        self.done = threading.Event()


class ThumbnailQueue:
    """Makes thumbnails in threads that end when the queue is empty."""

    def __init__(self):
        self._lock = threading.Lock()
        self._jobs = {}
        self._waiting = OrderedDict()  # person: jobs; the last one served is at the end
        self._served = set()  # people with a running job
        self._workers = 0

    def add(self, person, content, source, path):
        """Queue the thumbnail `path` of the storage path `source`.

        Images with the same bytes have the same `content`, and only one job per person. Returns
        the Job, or None if too many of the person's are queued.
        """
        key = (person, content)
        with self._lock:
            job = self._jobs.get(key)
            if job is None:
                jobs = self._waiting.get(person, ())
                if len(jobs) >= MAX_QUEUED:
                    return None
                job = self._jobs[key] = Job(person, key, source)
                self._waiting.setdefault(person, deque()).append(job)
                self._start_worker()
            if path not in job.paths:
                job.paths.append(path)
            return job

    def _start_worker(self):
        if self._workers < WORKERS:
            self._workers += 1
            threading.Thread(target=self._work, name="thumbnails", daemon=True).start()

    def _work(self):
        affinity.go_everywhere()
        while job := self._next():
            with machine_slot():
                made = None
                while path := self._next_path(job):
                    try:
                        make_for_path(job.source, path, made)
                    except Exception:
                        logger.exception("A thumbnail could not be made.")
                    made = made or path
            job.done.set()

    def _next(self):
        """Return the next job, or None if this worker is not needed any more."""
        with self._lock:
            for person, jobs in self._waiting.items():
                if person in self._served:
                    continue
                job = jobs.popleft()
                self._waiting.move_to_end(person)
                if not jobs:
                    del self._waiting[person]
                self._served.add(person)
                return job
            self._workers -= 1
            return None

    def _next_path(self, job):
        """Return the next path of a job; None at its end."""
        with self._lock:
            if job.paths:
                return job.paths.popleft()
            self._served.discard(job.person)
            del self._jobs[job.key]
            return None


queue = ThumbnailQueue()
