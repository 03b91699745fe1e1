"""Request bodies that arrive whole and in time, or not at all.

A read of Granian's `wsgi.input` (2.8) has no timeout and cannot be interrupted. It is made
in a thread of its own, and the thread of the request waits for it as long as it may. The
abandoned thread ends when Granian closes the connection, which a response that is shorter
than its Content-Length makes it do: see `closing_connection`.
"""

import contextlib
import io
import queue
import threading
import time

from camp.web.client_address import client_address
from camp.web.client_waits import client_waits
from camp.web.worker_slots import worker_slots

MINIMUM_RATE = 4 * 2**10  # bytes per second
GRACE = 10.0  # seconds before the minimum rate counts
LONGEST_PAUSE = 30.0  # seconds that a sender may stop for after it was fast
SHORT_WAIT = 0.05  # seconds; longer ones count as waiting for a slow client
# Granian's read returns only when all that was asked for has arrived, so that a slow
# sender is asked for little, and a fast one for much.
SMALLEST_READ, LARGEST_READ = 4 * 2**10, 512 * 2**10  # bytes
FAST = 0.01  # seconds
FLUSH_SECONDS = 0.05


class CutShort(ConnectionResetError):
    """A request body ended too early; `arrived` is what the last read had got by then."""

    def __init__(self, arrived: bytes):
        super().__init__("The request body ended before its Content-Length.")
        self.arrived = arrived


class TooSlow(CutShort):
    """A request body arrived too slowly, or stopped."""


class CompleteBody(io.IOBase):
    """A request body that may not end before its Content-Length, nor come too slowly.

    Granian reports a connection that broke half-way as an ordinary end of the body, and
    Django's multipart parser would take what came for the whole file. Here the read that
    meets the early end raises CutShort, an OSError, which Django turns into
    UnreadablePostError. It may not just return less: `request.body` reads once.

    `failure` is the OSError that ended the body, or None; it is raised again by each read.
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
        """Let go of the server's stream with all that it read ahead; nothing can be read then."""
        self._reader.stop()
        self._ahead = memoryview(b"")
        super().close()

    def readable(self) -> bool:
        return True

    @property
    def is_stuck(self) -> bool:
        """Return whether a thread still waits for bytes that nobody wants any more."""
        return self._reader.is_asked

    @property
    def is_unread(self) -> bool:
        """Return whether the stream still holds bytes of the body."""
        return self._unread > 0

    def read(self, size=-1, /) -> bytes:
        """Return `size` bytes (all the rest for -1), or fewer only at the promised end.

        Raises CutShort when the body ends before that, TooSlow, TooManyWaits or NoFreeSlot
        when nobody waits for it any longer, ValueError once it is closed.
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
    """A thread that makes one blocking read at a time; it starts with the first."""

    def __init__(self, read):
        self._read = read
        self._sizes, self._answers = queue.SimpleQueue(), queue.SimpleQueue()
        self._started = False
        self.is_asked = False

    def ask(self, size):
        """Have the next `size` bytes read."""
        if not self._started:
            self._started = True
            arguments = (self._read, self._sizes, self._answers)
            # A daemon, since the end of the process must not wait for a client.
            threading.Thread(target=_read_on, args=arguments, name="body", daemon=True).start()
        self.is_asked = True
        self._sizes.put(size)

    def answer(self, timeout):
        """Return what was read. Raises queue.Empty after `timeout` seconds, and what it raised."""
        answer = self._answers.get(timeout=timeout)
        self.is_asked = False
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def stop(self):
        """End the thread, after the read it is in."""
        self._read = None
        self._sizes.put(0)


def _read_on(read, sizes, answers):
    while size := sizes.get():
        try:
            answers.put(read(size))
        except Exception as error:
            answers.put(error)


def complete_bodies(application):
    """Return the WSGI `application` with every request body checked for completeness."""

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
    """Return the CompleteBody of a request, or None where it has none that Django would read."""
    # Whatever is no number Django takes for an empty body.
    with contextlib.suppress(TypeError, ValueError):
        length = max(0, int(environ.get("CONTENT_LENGTH")))
        return CompleteBody(environ["wsgi.input"], length, client_address(environ))
    return None


def closing_connection(response, headers):
    """Return a response and its headers after which the server closes the connection.

    The promise of one byte more than there is has Granian close it, and with it ends the
    read that still waits for the client, who has got the whole answer by then.
    """
    content = b"".join(response)
    if hasattr(response, "close"):
        response.close()
    headers = [(name, value) for name, value in headers if name.lower() != "content-length"]
    return _ends_early(content), [*headers, ("Content-Length", str(len(content) + 1))]


def _ends_early(content):
    yield content
    time.sleep(FLUSH_SECONDS)  # so that it is on its way before the connection ends
