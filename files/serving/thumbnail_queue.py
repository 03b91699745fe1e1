"""Where pictures wait until their thumbnails are made: beside the requests, by few workers.

Each thumbnail takes a core for up to `thumbnails.SECONDS`, so requests do not wait for it.
One person's pictures keep one worker busy at most, and people take turns: somebody with a
thousand pictures does not hold up anybody else's.
"""

import logging
import threading
from collections import OrderedDict, deque

logger = logging.getLogger(__name__)

WORKERS = 2  # each may take some hundred MB
MOST = 200  # pictures of one person that wait


class Job:
    """A picture whose thumbnail is wanted at some paths; `done` is set once all were tried."""

    def __init__(self, person, key, source):
        self.person, self.key, self.source = person, key, source
        self.paths = deque()  # those that are still to come
        self.done = threading.Event()


class ThumbnailQueue:
    """Has thumbnails made, in threads that end when nothing waits.

    `make(source, path, made)` makes that of a storage path; where the same content has one
    already, `made` is its path, else None.
    """

    def __init__(self, make):
        self._make = make
        self._lock = threading.Lock()
        self._jobs = {}
        self._waiting = OrderedDict()  # person: jobs; who was served last stands last
        self._served = set()  # people with a job that is under way
        self._workers = 0

    def add(self, person, content, source, path):
        """Have the picture at the storage path `source` made into a thumbnail at `path`.

        `content` is the same for pictures of the same bytes: of one person's, only one is
        worked on. Returns the Job, or None if too many of the person's wait.
        """
        key = (person, content)
        with self._lock:
            job = self._jobs.get(key)
            if job is None:
                jobs = self._waiting.get(person, ())
                if len(jobs) >= MOST:
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
        while job := self._next():
            made = None
            while path := self._next_path(job):
                try:
                    self._make(job.source, path, made)
                except Exception:
                    logger.exception("A thumbnail could not be made.")
                made = made or path
            job.done.set()

    def _next(self):
        """Return the next job, or None where this worker is not needed any more."""
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
        """Return where a job's thumbnail is wanted next; None where it ends."""
        with self._lock:
            if job.paths:
                return job.paths.popleft()
            self._served.discard(job.person)
            del self._jobs[job.key]
            return None
