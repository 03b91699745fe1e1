"""Resumable uploads against the real server: broken lines, kill -9, two requests at once."""

import base64
import contextlib
import hashlib
import http.client
import os
import random
import secrets
import socket
import threading
import time
from pathlib import Path

import pytest

from tests.files.wire import Browser, until

pytestmark = pytest.mark.fault

MIB = 2**20
BODY = "application/offset+octet-stream"


class Client:
    """A tus client that may lose its line at any moment."""

    def __init__(self, browser, content):
        self.browser, self.content = browser, content
        self.name = f"{secrets.token_hex(8)}.bin"
        encoded = base64.b64encode(self.name.encode()).decode()
        status, headers, _body = self.ask(
            "POST",
            "/uploads/",
            **{"Upload-Length": str(len(content)), "Upload-Metadata": f"filename {encoded}"},
        )
        assert status == 201
        self.path = headers["Location"].partition(browser.address)[2]

    def headers(self, **more):
        token = self.browser.cookies["csrftoken"].value
        return {"Tus-Resumable": "1.0.0", "X-CSRFToken": token, **more}

    def ask(self, method, path, **headers):
        return self.browser.request(method, path, headers=self.headers(**headers))

    def offset(self):
        """Return how far the server says it is."""
        status, headers, _body = self.ask("HEAD", self.path)
        assert status == 200
        return int(headers["Upload-Offset"])

    def begin(self, offset):
        """Return a socket on which the rest from `offset` may be sent."""
        host, port = self.browser.address.split(":")
        wire = socket.create_connection((host, int(port)), timeout=30)
        headers = self.browser.headers(
            **self.headers(
                **{
                    "Content-Type": BODY,
                    "Content-Length": str(len(self.content) - offset),
                    "Upload-Offset": str(offset),
                }
            )
        )
        lines = [f"PATCH {self.path} HTTP/1.1", *(f"{k}: {v}" for k, v in headers.items())]
        wire.sendall("\r\n".join([*lines, "", ""]).encode())
        return wire

    def send(self, offset):
        """Send all the rest; returns the answer's status."""
        wire = self.begin(offset)
        wire.sendall(self.content[offset:])
        return status_on(wire)


def status_on(wire):
    response = http.client.HTTPResponse(wire)
    response.begin()
    response.read()
    return response.status


@pytest.fixture
def browser(camp_server, member):
    """Their browser."""
    return Browser(camp_server.base_url, member)


def kept(server, client):
    """Return the bytes of every file that an upload became, each compared with its row."""
    sql = f"SELECT storage_path, size, sha256 FROM sample_files WHERE filename = '{client.name}'"
    found = []
    for path, size, checksum in server.query(sql):
        content = (Path(server.environment["CAMP_DATA_DIR"]) / "files" / path).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (size, checksum)
        found.append(content)
    return found


def arrived(server, client):
    """Return how many bytes of an upload lie in staging."""
    key = client.path.strip("/").rpartition("/")[2]
    staging = Path(server.environment["CAMP_DATA_DIR"]) / "files" / ".staging"
    return (staging / "resumable" / f"{key}.part").stat().st_size


def test_what_came_before_a_cut_stays(camp_server, browser):
    client = Client(browser, os.urandom(8 * MIB))
    offset = 0
    for part in (3 * MIB + 12345, 2 * MIB + 1):
        wire = client.begin(offset)
        wire.sendall(client.content[offset : offset + part])
        wire.close()
        offset += part
        until(lambda: arrived(camp_server, client) == offset)  # noqa: B023
        assert client.offset() == offset
    assert client.send(offset) == 204
    assert kept(camp_server, client) == [client.content]


def test_a_request_that_hangs_holds_up_nobody(camp_server, browser):
    client = Client(browser, os.urandom(6 * MIB))
    stale = client.begin(0)
    stale.sendall(client.content[: 2 * MIB])
    time.sleep(0.2)
    reached = client.offset()
    assert client.send(reached) == 204
    with contextlib.suppress(OSError):
        stale.sendall(client.content[2 * MIB :])
        assert status_on(stale) == 423
    assert kept(camp_server, client) == [client.content]


def test_two_at_once_make_one_file(camp_server, browser):
    client = Client(browser, os.urandom(4 * MIB))
    statuses = []

    def send():
        with contextlib.suppress(OSError):
            statuses.append(client.send(0))

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    offset = client.offset()
    if offset < len(client.content):
        client.send(offset)
    assert kept(camp_server, client) == [client.content]


@pytest.mark.slow
def test_kills_lose_no_acknowledged_byte(make_camp_server):
    server = make_camp_server().start()
    server.make_user("hana")
    client = Client(Browser(server.base_url, "hana"), os.urandom(48 * MIB))
    known = 0
    for _ in range(5):
        with contextlib.suppress(OSError):
            wire = client.begin(known)
            end = time.monotonic() + random.uniform(0.02, 0.25)
            for start in range(known, len(client.content), MIB // 4):
                wire.sendall(client.content[start : start + MIB // 4])
                if time.monotonic() > end:
                    break
        server.restart()
        reached = client.offset()
        assert reached >= known
        known = reached
    if known < len(client.content):
        assert client.send(known) == 204
    assert kept(server, client) == [client.content]
