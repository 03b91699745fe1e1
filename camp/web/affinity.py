"""Keep the threads of a worker process that compute pages on one processor.

Python runs one thread of a process at a time. If its threads are on several processors, each
hand-over wakes another one, which takes a page up to a third of its processor time. Requests that
send or receive files release Python's lock while they copy and hash, so they use all processors.
Linux only; elsewhere these functions do nothing (sched_setaffinity(2)).
"""

import os
import threading

_everywhere = frozenset()
_home = frozenset()
_own = threading.local()


def choose_home(number):
    """Give this process the processor `number`, counted from 0 and modulo those it may use."""
    global _everywhere, _home
    if hasattr(os, "sched_setaffinity"):
        _everywhere = frozenset(os.sched_getaffinity(0))
        _home = frozenset([sorted(_everywhere)[number % len(_everywhere)]])


def stay_home():
    """Keep this thread on the processor of its process."""
    _move(_home)


def go_everywhere():
    """Let this thread use all processors; threads that it starts do so too."""
    _move(_everywhere)


def _move(processors):
    """Set the processors of this thread, unless they are set or `choose_home` was not called."""
    if processors and getattr(_own, "processors", None) is not processors:
        os.sched_setaffinity(0, processors)
        _own.processors = processors
