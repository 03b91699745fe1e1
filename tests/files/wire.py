"""A person's browser as plain bytes on a socket, for what no client library would do."""

import http.client
import json
import socket
import time
from http.cookies import SimpleCookie
from urllib.parse import urlencode, urlsplit

BOUNDARY = "----camp-test-boundary"
FORM = f"multipart/form-data; boundary={BOUNDARY}"


class Browser:
    """Somebody at a running server, logged in if they have a name."""

    def __init__(self, base_url, name="", password="a good long password"):
        self.address = urlsplit(base_url).netloc
        self.cookies = SimpleCookie()
        if name:
            self.request("GET", "/accounts/login/")
            token = self.cookies["csrftoken"].value
            fields = {"csrfmiddlewaretoken": token, "username": name, "password": password}
            status, _headers, _body = self.request(
                "POST",
                "/accounts/login/",
                urlencode(fields),
                {"Content-Type": "application/x-www-form-urlencoded"},
            )
            assert status == 302, "the log-in failed"

    def headers(self, **more):
        """Return the headers of every request."""
        cookies = "; ".join(f"{key}={value.coded_value}" for key, value in self.cookies.items())
        return {
            "Host": self.address,
            "Cookie": cookies,
            "Accept-Language": "en",
            "Connection": "close",
            **more,
        }

    def request(self, method, path, body=None, headers=None):
        """Return (status, headers, body) of an answer."""
        connection = http.client.HTTPConnection(self.address, timeout=60)
        try:
            connection.request(method, path, body, self.headers(**(headers or {})))
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        for value in response.headers.get_all("Set-Cookie") or []:
            self.cookies.load(value)
        return response.status, response.headers, content

    def form(self, *files, **fields):
        """Return the body of an upload form with files of (name, bytes)."""
        if "csrftoken" in self.cookies:
            fields = {"csrfmiddlewaretoken": self.cookies["csrftoken"].value, **fields}
        parts = [
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}'.encode()
            for name, value in fields.items()
        ]
        parts += [
            (
                f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="files"; '
                f'filename="{name}"\r\nContent-Type: application/octet-stream\r\n\r\n'
            ).encode()
            + content
            for name, content in files
        ]
        return b"\r\n".join(parts) + f"\r\n--{BOUNDARY}--\r\n".encode()

    def upload(self, *files, **fields):
        """Upload files of (name, bytes); returns (status, the JSON answer)."""
        headers = {"Content-Type": FORM, "Accept": "application/json"}
        body = self.form(*files, **fields)
        status, _headers, content = self.request("POST", "/files/upload/", body, headers)
        return status, json.loads(content)

    def begin_upload(self, length):
        """Return a socket on which an upload of `length` bytes has begun, its body to follow."""
        host, port = self.address.split(":")
        wire = socket.create_connection((host, int(port)), timeout=60)
        headers = self.headers(
            **{"Content-Type": FORM, "Content-Length": length, "Accept": "application/json"}
        )
        lines = ["POST /files/upload/ HTTP/1.1", *(f"{k}: {v}" for k, v in headers.items())]
        wire.sendall("\r\n".join([*lines, "", ""]).encode())
        return wire


def answer(wire):
    """Return (status, the JSON answer) that comes on a socket."""
    response = http.client.HTTPResponse(wire)
    response.begin()
    return response.status, json.loads(response.read())


def until(condition, seconds=10):
    """Wait for `condition()` to hold, so many seconds at most."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)
