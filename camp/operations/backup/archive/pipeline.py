"""Buffers that go through several threads, each of which does its part in their order.

Reading, hashing and writing release Python's lock while they work on a large buffer, so
they run side by side. The buffers are used again and again: memory is what COUNT of them
take, however much goes through.
"""

import contextlib
import hashlib
import os
import queue
import threading

SIZE = 2**20
COUNT = 8
# So often the disk is told to begin: a sync at the end then waits for the last bytes only.
WRITE_BACK_EVERY = 16 * 2**20
# What was written so long ago is on the disk by now, and leaves memory to those who read.
WRITTEN_BEFORE = 256 * 2**20


class Chunk:
    """A buffer, and what the stages have to know of the bytes in it."""

    def __init__(self):
        self.view = memoryview(bytearray(SIZE))
        self.used = 0
        # (start, stop, member, whether the member ends here)
        self.parts = []
        self.waiting = 0

    @property
    def room(self):
        """How many bytes still fit."""
        return SIZE - self.used


class Pipeline:
    """Threads that each call one of `stages` with every chunk, in order.

    What fits into one chunk is not worth threads: `end` does the work then.
    """

    def __init__(self, *stages):
        self._error = None
        self._lock = threading.Lock()
        self._free = queue.SimpleQueue()
        self._made = self._given = 0
        self._stages = [(stage, queue.SimpleQueue()) for stage in stages]
        self._threads = []

    def take(self):
        """Return an empty chunk, once there is one; raises what a stage met."""
        if self._made < COUNT and self._free.empty():
            self._made += 1
            return Chunk()
        chunk = self._free.get()
        if self._error is not None:
            raise self._error
        return chunk

    def give(self, chunk):
        """Hand a chunk to all stages."""
        chunk.waiting = len(self._stages)
        for _stage, waiting in self._stages:
            waiting.put(chunk)
        self._given += 1
        if self._given == 2:
            self._start()

    def settle(self):
        """Return when all stages are done with what they were given; raises what one met."""
        self._start()
        for chunk in [self._free.get() for _number in range(self._made)]:
            self._free.put(chunk)
        if self._error is not None:
            raise self._error

    def end(self):
        """Return when all stages are done; raises what one of them met."""
        for _stage, waiting in self._stages:
            waiting.put(None)
        if self._threads:
            for thread in self._threads:
                thread.join()
        else:
            for stage in self._stages:
                self._run(*stage)
        self._stages = self._threads = ()
        if self._error is not None:
            raise self._error

    def stop(self):
        """Let the chunks that still wait go; returns when the threads are gone."""
        self._error = self._error or OSError("stopped")
        with contextlib.suppress(BaseException):
            self.end()

    def _start(self):
        if not self._threads:
            for stage in self._stages:
                thread = threading.Thread(target=self._run, args=stage, daemon=True)
                thread.start()
                self._threads.append(thread)

    def _run(self, stage, waiting):
        # After an error the chunks go round all the same: nobody may wait for one for ever.
        while (chunk := waiting.get()) is not None:
            if self._error is None:
                try:
                    stage(chunk)
                except BaseException as error:
                    self._error = error
            with self._lock:
                chunk.waiting -= 1
                last = not chunk.waiting
            if last:
                chunk.used = 0
                chunk.parts.clear()
                self._free.put(chunk)


class Hashing:
    """A stage that calls `hashed(member, digest in hex)` for each member, in order."""

    def __init__(self, hashed):
        self._hashed = hashed
        self._hash = hashlib.sha256()

    def __call__(self, chunk):
        for start, stop, member, ends in chunk.parts:
            self._hash.update(chunk.view[start:stop])
            if ends:
                self._hashed(member, self._hash.hexdigest())
                self._hash = hashlib.sha256()


class Sink:
    """A descriptor that is written to, and has Linux bring the bytes to the disk meanwhile."""

    def __init__(self, descriptor):
        self.descriptor = descriptor
        self.written = 0
        self._begun = 0

    def write(self, view):
        """Write all of a memoryview."""
        self.written += len(view)
        while view:
            view = view[os.write(self.descriptor, view) :]
        if self.written - self._begun >= WRITE_BACK_EVERY:
            self._write_back()

    def _write_back(self):
        start = max(0, self._begun - WRITTEN_BEFORE)
        self._begun = self.written
        if hasattr(os, "posix_fadvise"):
            with contextlib.suppress(OSError):
                # Begins with what is dirty, drops what is not.
                os.posix_fadvise(
                    self.descriptor, start, self.written - start, os.POSIX_FADV_DONTNEED
                )
