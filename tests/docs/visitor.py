"""A person at the server behind nginx, as a program that runs in the box; prints JSON.

python -m tests.docs.visitor NAME CERTIFICATE
"""

import http.client
import json
import os
import secrets
import socket
import ssl
import sys
import time
from pathlib import Path

from tests.files import wire

MIB = 2**20
STAGING = Path("/var/lib/camp/files/.staging")


class Browser(wire.Browser):
    """The browser of the other tests, over HTTPS."""

    def __init__(self, host, certificate, name=""):
        self.tls = ssl.create_default_context(cafile=certificate)
        super().__init__(f"https://{host}", name)

    def request(self, method, path, body=None, headers=None):
        referer = {"Referer": f"https://{self.address}/"}  # browsers send it, Django asks for it
        connection = http.client.HTTPSConnection(self.address, timeout=60, context=self.tls)
        try:
            connection.request(method, path, body, self.headers(**{**referer, **(headers or {})}))
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        self.cookie_lines = response.headers.get_all("Set-Cookie") or []
        for value in self.cookie_lines:
            self.cookies.load(value)
        return response.status, response.headers, content


# Addresses that let in whoever knows them.
SECRET = [
    "/s/secret-token/",
    "/s/secret-token/7/",
    "/s/secret-token/zip/?x=1",
    "/setup/secret-token/",
    "/accounts/password/reset/MQ/secret-token/",
    "/accounts/login/?next=/s/secret-token/",
    "/accounts/login/?next=%2Fs%2Fsecret-token%2F",
]


def look(host, certificate):
    """Return what somebody sees who comes by, logs in, uploads and downloads."""
    seen = {}
    plain = http.client.HTTPConnection(host, timeout=30)
    plain.request("GET", "/files/?q=1")
    answer = plain.getresponse()
    answer.read()
    seen["redirect"] = [answer.status, answer.headers["Location"]]

    browser = Browser(host, certificate)
    status, headers, _body = browser.request("GET", "/accounts/login/")
    seen["login"] = [status, headers["Strict-Transport-Security"], browser.cookie_lines]

    browser = Browser(host, certificate, "owner")
    seen["cookies"] = browser.cookie_lines
    content = os.urandom(20 * MIB)
    status, said = browser.upload(("写真.bin", content))
    seen["upload"] = status
    address = f"{said['files'][0]['url']}download/"
    status, headers, body = browser.request("GET", address)
    seen["download"] = [status, body == content, dict(headers)]
    status, headers, body = browser.request("GET", address, headers={"Range": "bytes=5-9"})
    seen["range"] = [status, body == content[5:10]]
    seen["protected"] = browser.request("GET", f"/protected/{secrets.token_hex(8)}")[0]
    for secret in SECRET:
        browser.request("GET", secret, headers={"Referer": f"https://{host}{secret}"})
        plain.request("GET", secret)
        plain.getresponse().read()
    seen["streamed"] = streamed(browser, host)
    seen["too_large"] = too_large(browser, host)
    return seen


def begin(browser, host, length):
    """Return a TLS connection on which an upload of `length` bytes has begun."""
    wire_ = browser.tls.wrap_socket(socket.create_connection((host, 443)), server_hostname=host)
    headers = {"Content-Type": wire.FORM, "Content-Length": length, "Accept": "application/json"}
    headers = browser.headers(Referer=f"https://{host}/", **headers)
    lines = ["POST /files/upload/ HTTP/1.1", *(f"{k}: {v}" for k, v in headers.items())]
    wire_.sendall("\r\n".join([*lines, "", ""]).encode())
    return wire_


def streamed(browser, host):
    """Return how many bytes are at Camp when half of an upload has been sent."""
    body = browser.form(("half.bin", os.urandom(20 * MIB)))
    with begin(browser, host, len(body)) as wire_:
        wire_.sendall(body[: len(body) // 2])
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            sizes = [path.stat().st_size for path in STAGING.glob("*.part")]
            if sum(sizes) > 5 * MIB:
                break
            time.sleep(0.05)
    return sum(sizes)


def too_large(browser, host):
    """Return the status for a request that claims more than nginx lets through."""
    with begin(browser, host, 6 * 2**30) as wire_:
        return int(wire_.recv(100).split()[1])


if __name__ == "__main__":
    sys.stdout.write(json.dumps(look(*sys.argv[1:])))
