"""Request bodies with a completeness check, a deadline and a minimum rate.

A read of Granian's `wsgi.input` (2.8) has no timeout and cannot be interrupted. So a separate
thread reads, and the request's thread waits for it up to the deadline. An abandoned reader ends
when Granian closes the connection, which a response shorter than its Content-Length forces: see
`closing_connection`.
"""

import contextlib
import io
import queue
import threading
import time

from camp.web.addresses import client_address
from camp.web.slots import client_waits, worker_slots

MINIMUM_RATE = 4 * 2**10  # bytes per second
GRACE = 10.0  # seconds before the minimum rate counts
LONGEST_PAUSE = 30.0  # seconds that a fast sender may pause
SHORT_WAIT = 0.05  # seconds; longer ones count as waiting for a slow client
# Granian's read blocks until all requested bytes have arrived, so request few bytes from a slow
# sender and many from a fast one. More are no faster for one upload and take more memory.
SMALLEST_READ, LARGEST_READ = 4 * 2**10, 256 * 2**10  # bytes
FAST = 0.01  # seconds
FLUSH_SECONDS = 0.05


class CutShort(ConnectionResetError):
    """The request body ended early; `arrived` holds the bytes of the last, incomplete read."""

    def __init__(self, arrived: bytes):
        super().__init__("The request body ended before its Content-Length.")
        self.arrived = arrived


class TooSlow(CutShort):
    """The request body arrived too slowly or stalled."""


class CompleteBody(io.IOBase):
    """A request body that must reach its Content-Length, at a minimum rate.

    Granian reports a broken connection as a normal end of the body, and Django's multipart parser
    would take a partial file for the whole one. Here the read that meets the early end raises
    CutShort, an OSError, which Django turns into UnreadablePostError. Returning fewer bytes is not
    enough: `request.body` reads once.

    `failure` is the OSError that ended the body, or None; every later read raises it again.
    """

    def __init__(self, stream, length: int, address=None):
        """Wrap `stream`, the server's `wsgi.input`, of which `length` bytes are promised.

        `address` is the client's, against which waiting counts.
        """
        self._reader = _ReaderThread(stream.read)
        self._left = length  # bytes that the caller has not got
        self._unread = length  # bytes that the stream has not given
        self._ahead = memoryview(b"")
        self._step = SMALLEST_READ
        self._patience = GRACE
        self._address = address
        self.failure: OSError | None = None

    def close(self):
        """Release the server's stream and its read-ahead."""
        self._reader.stop()
        self._ahead = memoryview(b"")
        super().close()

    def readable(self) -> bool:
        return True

    @property
    def is_stuck(self) -> bool:
        """Return whether an abandoned reader thread still waits for bytes."""
        return self._reader.is_asked

    @property
    def is_unread(self) -> bool:
        """Return whether the stream still holds unread bytes of the body."""
        return self._unread > 0

    def read(self, size=-1, /) -> bytes:
        """Return `size` bytes (the rest for -1), or fewer at the promised end only.

        Raises CutShort if the body ends early; TooSlow, TooManyWaits or NoFreeSlot if waiting was
        given up; ValueError once closed.
        """
        if self.closed:
            raise ValueError("The request is over.")
        if self.failure is not None:
            raise self.failure
        if size is None or size < 0 or size > self._left:
            size = self._left
        pieces, missing = [], size
        while missing:
            if not self._ahead:
                self._ahead = memoryview(self._receive(pieces))
            pieces.append(self._ahead[:missing])
            self._ahead = self._ahead[missing:]
            missing -= len(pieces[-1])
        self._left -= size
        return b"".join(pieces)

    def _receive(self, pieces):
        """Return the next bytes of the stream; `pieces` are those that the caller waits with."""
        try:
            data = self._wait(min(self._unread, self._step))
        except queue.Empty:
            self.failure = TooSlow(b"".join(pieces))
        except OSError as error:
            self.failure = error
        else:
            if data:
                self._unread -= len(data)
                return data
            self.failure = CutShort(b"".join(pieces))
        raise self.failure

    def _wait(self, size):
        """Return up to `size` bytes, b"" at the end. Raises queue.Empty if they come too slowly."""
        started = time.monotonic()
        self._reader.ask(size)
        try:
            data = self._reader.answer(min(SHORT_WAIT, self._patience))
        except queue.Empty:
            with client_waits.waiting(self._address), worker_slots.paused():
                data = self._reader.answer(max(0, self._patience - SHORT_WAIT))
        took = time.monotonic() - started
        patience = self._patience - took + len(data) / MINIMUM_RATE
        self._patience = min(patience, LONGEST_PAUSE)
        if took < FAST:
            self._step = min(self._step * 2, LARGEST_READ)
        elif took > SHORT_WAIT:
            self._step = SMALLEST_READ
        return data


class _ReaderThread:
    """A thread that runs one blocking read at a time; it starts with the first."""

    def __init__(self, read):
        self._read = read
        self._sizes, self._answers = queue.SimpleQueue(), queue.SimpleQueue()
        self._started = False
        self.is_asked = False

    def ask(self, size):
        """Start reading the next `size` bytes."""
        if not self._started:
            self._started = True
            arguments = (self._read, self._sizes, self._answers)
            # A daemon, because process exit must not wait for a client.
            threading.Thread(target=_read_on, args=arguments, name="body", daemon=True).start()
        self.is_asked = True
        self._sizes.put(size)

    def answer(self, timeout):
        """Return the bytes read, or raise the read's error; queue.Empty after `timeout` seconds."""
        answer = self._answers.get(timeout=timeout)
        self.is_asked = False
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def stop(self):
        """End the thread after its current read."""
        self._read = None
        self._sizes.put(0)


def _read_on(read, sizes, answers):
    while size := sizes.get():
        try:
            answers.put(read(size))
        except Exception as error:
            answers.put(error)


def complete_bodies(application):
    """Wrap a WSGI application so that every request body is a CompleteBody."""

    def checked(environ, start_response):
        body = bounded_body(environ)
        if body is None:
            return application(environ, start_response)
        response_line = []
        # Django's requests are in cycles: what they hold stays for some time.
        with contextlib.closing(body):
            environ["wsgi.input"] = body
            response = application(environ, lambda *arguments: response_line.extend(arguments))
            if response_line and body.is_unread:
                # The server closes it, and whoever would send another request has to know.
                response_line[1] = [*response_line[1], ("Connection", "close")]
            if body.is_stuck:
                response, response_line[1] = closing_connection(response, response_line[1])
        if response_line:
            start_response(*response_line)
        return response

    return checked


def bounded_body(environ):
    """Return the CompleteBody of a request, or None if Django would read no body."""
    # Whatever is no number Django takes for an empty body.
    with contextlib.suppress(TypeError, ValueError):
        length = max(0, int(environ.get("CONTENT_LENGTH")))
        return CompleteBody(environ["wsgi.input"], length, client_address(environ))
    return None


def closing_connection(response, headers):
    """Return a response and headers that make the server close the connection.

    A Content-Length one byte too long makes Granian close it, which ends the reader thread that
    still waits for the client. By then the client has the whole response.
    """
    content = b"".join(response)
    if hasattr(response, "close"):
        response.close()
    headers = [(name, value) for name, value in headers if name.lower() != "content-length"]
    return _ends_early(content), [*headers, ("Content-Length", str(len(content) + 1))]


def _ends_early(content):
    yield content
    time.sleep(FLUSH_SECONDS)  # so that it is on its way before the connection ends
