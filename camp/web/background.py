"""Background jobs that a response does not wait for, such as sending an e-mail.

One thread per process runs them in order. On exit the queue is drained for up to DRAIN_SECONDS;
a job that is dropped is logged.
"""

import logging
import queue
import threading
import time

from django.conf import settings
from django.db import connections

logger = logging.getLogger("camp.web.background")

WAITING = 100  # jobs at most
IDLE_SECONDS = 1  # without work, until the thread ends
# Delay before each job, so that the response time of the request that queued it reveals nothing.
PAUSE_SECONDS = 0.1
DRAIN_SECONDS = 8  # below the ten that a server gets to stop
SLICE_SECONDS = 1  # of a long job, until others have their turn
STEP_PAUSE = 0.02  # seconds between two steps, for others that want to write

_jobs = queue.Queue(WAITING)
_lock = threading.Lock()
_thread = None


def run(name, job):
    """Have the function `job` called soon by another thread; `name` tells the log what it is.

    With the setting BACKGROUND_JOBS_INLINE it is called at once. What it raises is logged, by
    its kind alone, as the text of an error may hold addresses.
    """
    global _thread
    if settings.BACKGROUND_JOBS_INLINE:
        _do(name, job)
        return
    with _lock:
        try:
            _jobs.put_nowait((name, job))
        except queue.Full:
            logger.error("Too much work waits already. Not done: %s", name)
            return
        # After a fork the thread is not there.
        if _thread is None or not _thread.is_alive():
            # No daemon, as the server's threads are: the interpreter waits for it, also in a
            # process of multiprocessing, which runs nothing that is registered with atexit.
            _thread = threading.Thread(target=_work, name="background", daemon=False)
            _thread.start()


def run_steps(name, steps):
    """Have the iterator `steps` run to its end by another thread; other jobs run in between."""

    def run_slice():
        end = time.monotonic() + SLICE_SECONDS
        for _step in steps:
            if not settings.BACKGROUND_JOBS_INLINE:
                if time.monotonic() > end:
                    run(name, run_slice)
                    return
                time.sleep(STEP_PAUSE)

    run(name, run_slice)


def drain(seconds):
    """Wait until nothing is left to do, for so long at most; return how many jobs are left."""
    with _jobs.all_tasks_done:
        _jobs.all_tasks_done.wait_for(lambda: not _jobs.unfinished_tasks, seconds)
        return _jobs.unfinished_tasks


def _work():
    """Do jobs until there are none."""
    global _thread
    deadline = None
    while True:
        try:
            name, job = _jobs.get(timeout=IDLE_SECONDS)
        except queue.Empty:
            with _lock:
                if _jobs.empty():
                    _thread = None
                    return
            continue
        if threading.main_thread().is_alive():
            time.sleep(PAUSE_SECONDS)
        elif deadline is None:
            deadline = time.monotonic() + DRAIN_SECONDS
        try:
            if deadline is None or time.monotonic() < deadline:
                _do(name, job)
            else:
                logger.error("The process ends. Not done: %s", name)
        finally:
            connections.close_all()
            _jobs.task_done()


def _do(name, job):
    try:
        job()
    except Exception as error:
        logger.error("Not done: %s (%s)", name, type(error).__name__)
