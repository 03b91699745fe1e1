"""A body that ends too early is noticed, over the real server and a real connection."""

import io
import socket
import subprocess
import sys
import time
import weakref
from pathlib import Path

import pytest
from django.core.handlers.wsgi import WSGIRequest

from camp.web.request_body import CompleteBody, CutShort, complete_bodies
from tests.servers import answers, free_port, stop_process

ROOT = Path(__file__).resolve().parents[3]
HEAD = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n\r\n'
TAIL = b"\r\n--x--\r\n"


class Probe:
    """Granian with tests.camp.body_probe."""

    def __init__(self, log):
        self.port, self.log = free_port(), log
        with log.open("w") as stream:
            self.process = subprocess.Popen(
                [
                    *[sys.executable, "-m", "granian", "--interface", "wsgi"],
                    *["--port", str(self.port), "--blocking-threads", "4"],
                    "tests.camp.web.body_probe:application",
                ],
                cwd=ROOT,
                stdout=stream,
                stderr=stream,
            )
        self.wait_for(lambda: answers(self.port))

    def wait_for(self, condition):
        """Wait until `condition()` says something true, and return it."""
        deadline = time.monotonic() + 20
        while not (found := condition()):
            assert self.process.poll() is None
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.02)
        return found

    def send(self, path, body, promised, *, stay=False):
        """Send `body` after the promise of `promised` bytes; return what the server made of it.

        The client then leaves, or (`stay`) only says that nothing more will come.
        """
        before = len(self.outcomes())
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as connection:
            head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {promised}\r\n"
            kind = "Content-Type: multipart/form-data; boundary=x\r\n\r\n"
            connection.sendall(head.encode() + kind.encode())
            connection.sendall(body)
            if stay:
                connection.shutdown(socket.SHUT_WR)
                connection.recv(1000)
            elif len(body) == promised:
                connection.recv(1000)
        return self.wait_for(lambda: self.outcomes()[before:])[0]

    def outcomes(self):
        """Return what the server made of each request so far."""
        lines = self.log.read_text().splitlines()
        return [line.removeprefix("outcome: ") for line in lines if line.startswith("outcome: ")]


@pytest.fixture(scope="module")
def probe(tmp_path_factory):
    """The server, shared by the tests."""
    running = Probe(tmp_path_factory.mktemp("probe") / "log")
    yield running
    stop_process(running.process)


@pytest.mark.fault
class TestOverTheRealServer:
    @pytest.mark.parametrize("size", [0, 10, 3_000_000])
    def test_a_whole_file_arrives(self, probe, size):
        body = HEAD + b"x" * size + TAIL
        assert probe.send("/form", body, len(body)) == f"file {size}"

    @pytest.mark.parametrize("stay", [True, False])
    @pytest.mark.parametrize("size", [10, 3_000_000])
    def test_half_a_file_is_an_error(self, probe, size, stay):
        body = HEAD + b"x" * size
        assert probe.send("/form", body, len(body) + size, stay=stay) == "UnreadablePostError"

    @pytest.mark.parametrize("stay", [True, False])
    def test_a_missing_last_byte_is_an_error(self, probe, stay):
        body = HEAD + b"x" * 1000 + TAIL[:-1]
        assert probe.send("/form", body, len(body) + 1, stay=stay) == "UnreadablePostError"

    @pytest.mark.parametrize("stay", [True, False])
    def test_half_a_raw_body_is_an_error(self, probe, stay):
        assert probe.send("/raw", b"x" * 1000, 1000) == "body 1000"
        assert probe.send("/raw", b"x" * 1000, 2000, stay=stay) == "UnreadablePostError"

    def test_lines_can_be_read(self, probe):
        assert probe.send("/lines", b"a\nbc\nd", 6) == "lines [b'a\\n', b'bc\\n', b'd']"

    def test_a_body_that_stops_is_given_up(self, probe):
        """And no thread is left behind, although nothing can interrupt the server's read."""
        with socket.create_connection(("127.0.0.1", probe.port), timeout=20) as connection:
            head = b"POST /raw HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
            connection.sendall(head + b"abc")
            answer = connection.makefile("rb").read()

        assert answer.startswith(b"HTTP/1.1 200")
        assert answer.endswith(b"UnreadablePostError")
        assert probe.wait_for(lambda: probe.send("/threads", b"", 0) == "threads 0")

    def test_a_slow_body_arrives(self, probe):
        with socket.create_connection(("127.0.0.1", probe.port), timeout=20) as connection:
            connection.sendall(b"POST /raw HTTP/1.1\r\nHost: x\r\nContent-Length: 61440\r\n\r\n")
            for _ in range(15):
                connection.sendall(b"x" * 4096)
                time.sleep(0.2)
            answer = connection.recv(1000)

        assert answer.endswith(b"body 61440")


class Pieces:
    """A server's input that gives one byte at a time."""

    def __init__(self, data):
        self.data = io.BytesIO(data)

    def read(self, size):
        return self.data.read(min(size, 1))


class TestCompleteBody:
    def test_pieces_are_put_together(self):
        body = CompleteBody(Pieces(b"abcdef"), 6)
        assert body.read(4) == b"abcd"
        assert body.read() == b"ef"
        assert body.read(4) == body.read() == b""

    def test_nothing_is_read_beyond_the_promise(self):
        stream = io.BytesIO(b"abcdef")
        assert CompleteBody(stream, 4).read(100) == b"abcd"
        assert stream.read() == b"ef"

    @pytest.mark.parametrize("size", [-1, None, 3, 4, 100])
    def test_an_early_end_is_an_error(self, size):
        body = CompleteBody(io.BytesIO(b"ab"), 4)
        with pytest.raises(CutShort) as cut:
            body.read(size)
        assert cut.value.arrived == b"ab"

    def test_after_the_request_nothing_keeps_what_the_server_read(self):
        """Django's requests live on until they are collected."""
        stream, kept = io.BytesIO(b"abcd"), []
        answer = complete_bodies(lambda environ, _start: kept.append(environ) or [b"answer"])
        seen = weakref.ref(stream)
        environ = {"CONTENT_LENGTH": "4", "wsgi.input": stream}
        del stream
        assert answer(environ, None) == [b"answer"]
        assert seen() is None
        with pytest.raises(ValueError, match="over"):
            kept[0]["wsgi.input"].read(1)

    @pytest.mark.parametrize("length", [None, "", "-1", "0"])
    def test_a_request_without_a_length_has_no_body(self, length):
        environ = {"REQUEST_METHOD": "POST", "wsgi.input": io.BytesIO(b"abc")}
        if length is not None:
            environ["CONTENT_LENGTH"] = length
        read = complete_bodies(lambda environ, start_response: WSGIRequest(environ).body)
        assert read(environ, None) == b""
