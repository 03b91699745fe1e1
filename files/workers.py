"""Threads beside the one that reads a request: hashing and writing while more comes."""

import queue
import threading

# Chunks that may wait for a thread; of 128 KiB each they are the memory of an upload.
QUEUE_LENGTH = 8


class Worker:
    """A thread that gives chunks to `take` in their order, a few of them behind."""

    def __init__(self, take):
        self._take = take
        self._error = None
        self._ended = False
        # Each chunk takes one of the places. Queues of this kind cost next to nothing.
        self._chunks, self._places = queue.SimpleQueue(), queue.SimpleQueue()
        for _ in range(QUEUE_LENGTH):
            self._places.put(None)
        self._thread = threading.Thread(target=self._run, name="upload-worker", daemon=True)
        self._thread.start()

    def put(self, chunk):
        """Hand over a chunk; raises what the thread met."""
        if self._error is None:
            self._places.get()
            self._chunks.put(chunk)
        if self._error is not None:
            raise self._error

    def end(self):
        """Wait for all chunks; raises what the thread met. Any further time does nothing."""
        if self._ended:
            return
        self._ended = True
        self._chunks.put(None)
        self._thread.join()
        if self._error is not None:
            raise self._error

    def stop(self):
        """Let the chunks that still wait go."""
        self._error = self._error or OSError("stopped")

    def _run(self):
        # After an error the queue is emptied all the same: nobody may wait on it for ever.
        while (chunk := self._chunks.get()) is not None:
            if self._error is None:
                try:
                    self._take(chunk)
                except BaseException as error:
                    self._error = error
            self._places.put(None)
