"""The WSGI application the server runs."""

import contextlib
import io
import os

from django.core.wsgi import get_wsgi_application

from camp.statement_timeout import limit_statements

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "camp.settings")


class CutShort(ConnectionResetError):
    """A request body ended too early; `arrived` is what the last read had got by then."""

    def __init__(self, arrived: bytes):
        super().__init__("The request body ended before its Content-Length.")
        self.arrived = arrived


class CompleteBody(io.IOBase):
    """A request body that may not end before its Content-Length.

    Granian reports a connection that broke half-way as an ordinary end of the body, and
    Django's multipart parser would take what came for the whole file. Here the read that
    meets the early end raises CutShort, an OSError, which Django turns into
    UnreadablePostError. It may not just return less: `request.body` reads once.
    """

    def __init__(self, stream, length: int):
        """Wrap `stream`, the server's `wsgi.input`, of which `length` bytes are promised."""
        self._read = stream.read
        self._left = length

    def close(self):
        """Let go of the server's stream with all that it read ahead; nothing can be read then."""
        self._read = None
        super().close()

    def readable(self) -> bool:
        return True

    def read(self, size=-1, /) -> bytes:
        """Return `size` bytes (all the rest for -1), or fewer only at the promised end.

        Raises CutShort when the body ends before that, ValueError once it is closed.
        """
        if self.closed:
            raise ValueError("The request is over.")
        left = self._left
        if size is None or size < 0 or size > left:
            size = left
        data = self._read(size) if size else b""
        while len(data) < size:
            more = self._read(size - len(data))
            if not more:
                raise CutShort(data)
            data += more
        self._left = left - len(data)
        return data


def complete_bodies(application):
    """Return the WSGI `application` with every request body checked for completeness."""

    def checked(environ, start_response):
        with contextlib.ExitStack() as stack:
            # Whatever is no number Django takes for an empty body.
            with contextlib.suppress(TypeError, ValueError):
                length = max(0, int(environ.get("CONTENT_LENGTH")))
                body = CompleteBody(environ["wsgi.input"], length)
                # Django's requests are in cycles: what they hold stays for some time.
                environ["wsgi.input"] = stack.enter_context(contextlib.closing(body))
            return application(environ, start_response)

    return checked


def settled(application):
    """Return `application` once what a restore or a reset left half-way is settled.

    For servers that `manage.py up` did not start: it has done that before.
    """
    from camp import replacing  # models can be imported from now on

    replacing.recover()
    return application


limit_statements()
application = complete_bodies(settled(get_wsgi_application()))
