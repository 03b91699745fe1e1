"""Threads beside the one that reads a request: hashing and writing while more comes.

The bytes go round in a few blocks of memory: the reader fills one, each thread takes what is
in it, and once all have it is filled again. That bounds the memory of an upload, and wakes a
thread once for many bytes.
"""

import contextlib
import mmap
import queue
import threading
import time

BLOCK = 512 * 2**10  # bytes
# An upload has so many blocks, one to fill and one to take, and more while there are spare
# ones: alone it is faster with them, and many at once keep the processor busy without.
BLOCKS = 2
MORE = 2
spare = threading.BoundedSemaphore(4)
# Seconds until a block is handed on that is not full: of who sends slowly only a moment's
# bytes are lost when the server is killed, or when another request takes the upload over.
PATIENCE = 0.1


class Block:
    """Memory that begins on a page; `takers` threads have still to take what is in it."""

    def __init__(self):
        self._memory = memoryview(mmap.mmap(-1, BLOCK))
        self._begin = self._end = 0
        self._lock = threading.Lock()
        self.takers = 0

    @property
    def filled(self):
        """The bytes in it, as a memoryview."""
        return self._memory[self._begin : self._end]

    @property
    def full(self):
        """Whether no more go into it."""
        return self._end == BLOCK

    def empty(self, begin):
        """Have it filled from `begin` on."""
        self._begin = self._end = begin

    def fill(self, view):
        """Copy as much of a memoryview as goes into it; returns what is left of that."""
        count = min(len(view), BLOCK - self._end)
        self._memory[self._end : self._end + count] = view[:count]
        self._end += count
        return view[count:]

    def taken(self):
        """Say that a thread has it; returns whether that was the last one."""
        with self._lock:
            self.takers -= 1
            return not self.takers


class Workers:
    """A thread for each of `takes`, functions that get all bytes in their order.

    They get them as memoryviews that are good until they return. `position` is where in its
    file the first byte goes: what begins a page there begins one in memory too, as `Sink`
    wants it.
    """

    def __init__(self, takes, position):
        self._position = position
        self._more = sum(spare.acquire(blocking=False) for _ in range(MORE))
        self._free = queue.SimpleQueue()
        for _ in range(BLOCKS + self._more):
            self._free.put(Block())
        self._workers = [Worker(take, self._free) for take in takes]
        self._block = None
        self._handed_on = time.monotonic()

    def put(self, chunk):
        """Take the next bytes; waits for the slowest. Raises what one of the threads met."""
        left = memoryview(chunk)
        while left:
            if self._block is None:
                self._block = self._free.get()
                self._block.empty(self._position % mmap.PAGESIZE)
            before, left = len(left), self._block.fill(left)
            self._position += before - len(left)
            if self._block.full or time.monotonic() - self._handed_on > PATIENCE:
                self._hand_on()

    def end(self):
        """Return once all bytes are taken; raises what one of the threads met.

        Any further time does nothing.
        """
        with contextlib.ExitStack() as stack:
            stack.callback(self._let_go)
            for worker in self._workers:
                stack.callback(worker.end)
            if self._block is not None:
                self._hand_on()

    def stop(self):
        """Let the bytes that still wait go."""
        for worker in self._workers:
            worker.stop()

    def _let_go(self):
        """Have the memory go at once: the threads and those who have them hold each other."""
        while not self._free.empty():
            self._free.get()
        while self._more:
            self._more -= 1
            spare.release()

    def _hand_on(self):
        block, self._block = self._block, None
        self._handed_on = time.monotonic()
        block.takers = len(self._workers)
        for worker in self._workers:
            worker.put(block)
        for worker in self._workers:
            worker.check()


class Worker:
    """A thread that gives what is in blocks to `take`, and puts each to `free` as the last one."""

    def __init__(self, take, free):
        self._take, self._free = take, free
        self._error = None
        self._ended = False
        self._blocks = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="upload-worker", daemon=True)
        self._thread.start()

    def put(self, block):
        """Hand over a block."""
        self._blocks.put(block)

    def check(self):
        """Raise what the thread met."""
        if self._error is not None:
            raise self._error

    def end(self):
        """Wait for all blocks; raises what the thread met. Any further time does nothing."""
        if self._ended:
            return
        self._ended = True
        self._blocks.put(None)
        self._thread.join()
        self.check()

    def stop(self):
        """Let what still waits go."""
        self._error = self._error or OSError("stopped")

    def _run(self):
        # After an error blocks go on round all the same: nobody may wait for one for ever.
        while (block := self._blocks.get()) is not None:
            if self._error is None:
                try:
                    self._take(block.filled)
                except BaseException as error:
                    self._error = error
            if block.taken():
                self._free.put(block)
