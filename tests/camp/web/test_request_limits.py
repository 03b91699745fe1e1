"""Requests whose clients are slow, or send what nobody asked for."""

import contextlib
import io
import json
import re
import socket
import time
from http.client import HTTPConnection

import pytest
from django.test import Client
from django.urls import reverse

from tests.addresses import ADDRESSES, LOGIN, PAGE

FORM = "application/x-www-form-urlencoded"
SLOW = 12  # connections, of each kind
THREADS = "4"  # requests that work at once


class Unreadable(io.BytesIO):
    """A body that must not be read."""

    def read(self, *args):
        raise AssertionError("The body was read.")


class Member:
    """Somebody with a log-in, over plain connections to a server."""

    def __init__(self, server):
        self.server = server
        server.make_user("ann")
        self.cookies = {}
        self.ask("GET", "/accounts/login/")
        self.ask("POST", "/accounts/login/", b"username=ann&password=a+good+long+password")

    @property
    def headers(self):
        """The headers that make a request this person's."""
        cookies = "; ".join("=".join(each) for each in self.cookies.items())
        token = {"X-CSRFToken": self.cookies["csrftoken"]} if self.cookies else {}
        return {"Host": "localhost", "Cookie": cookies, **token}

    def ask(self, method, path, body=None, content_type=FORM):
        """Return (status, body) of a request."""
        connection = HTTPConnection("127.0.0.1", self.server.port, timeout=30)
        headers = self.headers | {"Content-Type": content_type, "Accept": "application/json"}
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        for cookie in response.headers.get_all("Set-Cookie", ()):
            name, value = cookie.partition(";")[0].split("=", 1)
            self.cookies[name] = value
        return response.status, response.read()

    def upload(self, size):
        """Return the address of a new file of `size` bytes."""
        head = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\n'
        body = head + bytes(size) + b"\r\n--x--\r\n"
        status, answer = self.ask("POST", "/files/upload/", body, "multipart/form-data; boundary=x")
        assert status == 201, answer
        return json.loads(answer)["files"][0]["url"]

    def head(self, method, path, *lines):
        """Return the first bytes of a request."""
        lines = [*(f"{name}: {value}" for name, value in self.headers.items()), *lines]
        return "\r\n".join([f"{method} {path} HTTP/1.1", *lines, "", ""]).encode()


@pytest.fixture(scope="module")
def member(camp_server_factory):
    """Somebody at a server with one process and few threads."""
    server = camp_server_factory().start("--workers", "1", "--threads", THREADS)
    yield Member(server)
    server.kill()


def answers(server, path):
    """Return whether a stranger sees a page soon."""
    connection = HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request("GET", path, headers={"Host": "localhost"})
    return connection.getresponse().status == 200


@contextlib.contextmanager
def opened(server, count, head):
    """Open `count` connections that send `head` and nothing more, and take little."""
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            connection = stack.enter_context(socket.socket())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect(("127.0.0.1", server.port))
            connection.sendall(head)
        time.sleep(1)
        yield


def heads(member):
    """Return what slow clients of each kind send."""
    kind = f"Content-Type: {FORM}"
    length = "Content-Length: 1000"
    cookie = f"Cookie: csrftoken={'x' * 32}"
    start = f"POST /accounts/login/ HTTP/1.1\r\nHost: localhost\r\n{cookie}\r\n{kind}\r\n{length}"
    multipart = "Content-Type: multipart/form-data; boundary=x"
    return {
        "log-in form": f"{start}\r\n\r\nusername=".encode(),
        "head": b"GET / HTTP/1.1\r\nHost: localhost\r\n",
        "upload": member.head("POST", "/files/upload/", multipart, length) + b"--x\r\n",
        "download": member.head("GET", f"{member.upload(30_000_000)}download/"),
    }


@pytest.mark.fault
class TestSlowClients:
    @pytest.mark.parametrize("kind", ["log-in form", "head", "upload", "download"])
    @pytest.mark.machine
    def test_more_of_them_than_threads_leave_threads_for_others(self, member, kind):
        with opened(member.server, SLOW, heads(member)[kind]):
            assert member.ask("GET", "/files/")[0] == 200
            assert answers(member.server, "/health/live")
            assert answers(member.server, "/accounts/login/")

    @pytest.mark.machine
    def test_more_silent_connections_than_files_are_usual_leave_room(self, member):
        resource = pytest.importorskip("resource")
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard != resource.RLIM_INFINITY and hard < 2000:
            pytest.skip("This machine does not allow so many files.")
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2000), hard))
        with opened(member.server, 1100, b""):
            assert answers(member.server, "/accounts/login/")

    @pytest.mark.postgresql
    def test_they_hold_no_database_connection(self, member):
        count = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        with opened(member.server, SLOW, heads(member)["upload"]):
            [[connections]] = member.server.query(count)
            # This one's, and that of the probe of /health/ready.
            assert connections <= int(THREADS) + 2

    @pytest.mark.slow
    @pytest.mark.machine
    def test_a_form_that_stops_is_answered_and_closed(self, member):
        with socket.create_connection(("127.0.0.1", member.server.port), timeout=60) as connection:
            connection.sendall(heads(member)["log-in form"])
            answer = connection.makefile("rb").read()

        assert answer.startswith(b"HTTP/1.1 408")
        assert b"arrived too slowly" in answer


@pytest.mark.django_db
class TestAnonymousBodies:
    @pytest.mark.parametrize(
        "name", [name for name, (_arguments, _get, post) in ADDRESSES.items() if post is LOGIN]
    )
    @pytest.mark.parametrize("kind", [FORM, "multipart/form-data; boundary=x"])
    def test_no_byte_is_read_where_a_log_in_is_needed(self, name, kind):
        client = Client(enforce_csrf_checks=True)
        client.cookies["csrftoken"] = "x" * 32
        address = reverse(name, kwargs=ADDRESSES[name][0])
        environ = {"wsgi.input": Unreadable(), "CONTENT_LENGTH": "1000"}

        response = client.generic("POST", address, b"x" * 1000, kind, **environ)

        assert response.status_code == 302
        assert response["Location"].startswith(reverse("accounts:login"))

    @pytest.mark.parametrize("name", ["uploads:uploads", "uploads:upload"])
    def test_no_byte_of_a_resumable_upload_is_read(self, name):
        client = Client(enforce_csrf_checks=True)
        client.cookies["csrftoken"] = "x" * 32
        address = reverse(name, kwargs=ADDRESSES[name][0])
        environ = {"wsgi.input": Unreadable(), "CONTENT_LENGTH": "1000"}
        tus = {"HTTP_TUS_RESUMABLE": "1.0.0", "HTTP_X_CSRFTOKEN": "x" * 32}

        response = client.generic("POST", address, b"x" * 1000, FORM, **environ, **tus)

        assert response.status_code == 403

    @pytest.mark.parametrize(
        "name", [name for name, (_arguments, *answers) in ADDRESSES.items() if answers[0] is PAGE]
    )
    def test_every_form_that_they_see_is_read(self, name):
        """The token against forgery is in the body: a form that is not read is refused."""
        client = Client(enforce_csrf_checks=True)
        page = client.get(reverse(name, kwargs=ADDRESSES[name][0])).content.decode()
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
        for form in re.findall(r"<form[^>]*>", page):
            if 'method="post"' not in form.lower():
                continue
            action = re.search(r'action="([^"]+)"', form)
            address = action[1] if action else reverse(name, kwargs=ADDRESSES[name][0])
            fields = {"csrfmiddlewaretoken": token[1], "language": "ja", "username": "x"}

            answer = client.post(address, fields)

            assert answer.status_code in (200, 302), form
            if "language" in address:
                assert answer.cookies["django_language"].value == "ja"
            elif answer.status_code == 200:
                assert "errorlist" in answer.content.decode() or "error" in answer.content.decode()

    def test_a_view_that_is_not_marked_keeps_its_protection_against_forgery(self):
        """Who forgets the mark gets a form that does not work, not one that is open."""
        client = Client(enforce_csrf_checks=True)

        response = client.post(reverse("accounts:logout"), {"csrfmiddlewaretoken": "x" * 32})

        assert response["Location"].startswith(reverse("accounts:login"))

    def test_a_form_far_too_large_is_refused_unread(self):
        environ = {"wsgi.input": Unreadable(), "CONTENT_LENGTH": str(2**30)}

        response = Client().generic("POST", reverse("accounts:login"), b"x", FORM, **environ)

        assert response.status_code == 413


@pytest.mark.fault
def test_a_client_is_told_that_the_connection_ends_with_an_unread_body(camp_server):
    connection = HTTPConnection("127.0.0.1", camp_server.port, timeout=30)
    connection.request("POST", "/sessions/new/", "title=x", {"Host": "localhost"})
    assert connection.getresponse().headers["Connection"] == "close"


@pytest.mark.django_db
class TestBodiesWithoutLength:
    @pytest.mark.parametrize("name", ["accounts:login", "files:upload", "uploads:uploads"])
    @pytest.mark.parametrize("accept", ["text/html", "application/json"])
    def test_they_are_refused_with_411(self, admin_client, name, accept):
        headers = {"Transfer-Encoding": "chunked", "Accept": accept, "Tus-Resumable": "1.0.0"}
        environ = {"wsgi.input": Unreadable(), "CONTENT_LENGTH": ""}

        response = admin_client.generic(
            "POST", reverse(name), b"x", FORM, headers=headers, **environ
        )

        assert response.status_code == 411
        assert "length" in response.content.decode().lower()

    @pytest.mark.fault
    @pytest.mark.machine
    def test_the_real_server_refuses_them_as_well(self, camp_server):
        with socket.create_connection(("127.0.0.1", camp_server.port), timeout=30) as connection:
            head = "POST /accounts/login/ HTTP/1.1\r\nHost: localhost\r\n"
            head += f"Content-Type: {FORM}\r\nTransfer-Encoding: chunked\r\n\r\n"
            connection.sendall(f"{head}a\r\nusername=x\r\n0\r\n\r\n".encode())
            assert connection.recv(100).startswith(b"HTTP/1.1 411")


@pytest.mark.parametrize("length", ["x", "-1", "²", "１", "1.5", "9" * 5000])
@pytest.mark.parametrize("method", ["get", "post"])
def test_a_length_that_is_no_number_is_refused(client, db, method, length):
    response = getattr(client, method)("/accounts/login/", CONTENT_LENGTH=length)
    assert response.status_code == 400
