"""A line between a browser and a server that a test can cut."""

import contextlib
import socket
import threading
from urllib.parse import urlsplit


class Line:
    """Passes connections on to the server at `base_url`; its own address is `base_url`, too.

    Chromium's own way to be offline lets an upload that is slowed down end first.
    """

    def __init__(self, base_url):
        self._server = ("127.0.0.1", urlsplit(base_url).port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._ends, self._whole = set(), True
        self.base_url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._start(self._accept)

    def cut(self):
        """Break all connections, and refuse others until `mend`."""
        self._whole = False
        for end in list(self._ends):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def mend(self):
        """Let connections through again."""
        self._whole = True

    def close(self):
        """End it for good."""
        self.cut()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _start(self, target, *args):
        threading.Thread(target=target, args=args, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                browser, _address = self._listener.accept()
                if not self._whole:
                    browser.close()
                    continue
                server = socket.create_connection(self._server)
                self._ends |= {browser, server}
                self._start(self._pass, browser, server)
                self._start(self._pass, server, browser)

    def _pass(self, source, target):
        with contextlib.suppress(OSError):
            while block := source.recv(2**16):
                target.sendall(block)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        source.close()
        self._ends.discard(source)
