"""The whole of Camp on four worker processes, with Redis and without.

Each request has a connection of its own, which reaches any of the processes.
"""

import contextlib
import hashlib
import io
import os
import re
import signal
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode

import psutil
import pytest
from PIL import Image

from tests.files.uploads.test_tus_server import Client, arrived, kept, status_on
from tests.files.wire import Browser, answer, until

pytestmark = [pytest.mark.fault, pytest.mark.postgresql]

MIB = 2**20
WORKERS = 4
TIMES = 24  # requests, of which each process gets one but for one time in 250
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
PASSWORD = "a good long password"


# Where the cache counts: with Redis all processes share it, without it a file.
with_and_without_redis = pytest.mark.parametrize("server", ["Redis", "no Redis"], indirect=True)


@pytest.fixture(scope="module", params=["Redis"])
def server(request, camp_server_factory):
    environment = {} if request.param == "Redis" else {"REDIS_URL": ""}
    server = camp_server_factory(**environment).start("--workers", str(WORKERS))
    server.make_user("owner")
    server.make_user("organiser", superuser=True)
    yield server
    server.kill()


@pytest.fixture
def browser(server):
    return Browser(server.base_url, "owner")


def post(browser, path, **fields):
    """Send a form; returns (status, headers, body)."""
    if "csrftoken" not in browser.cookies:
        browser.request("GET", "/accounts/login/")
    fields["csrfmiddlewaretoken"] = browser.cookies["csrftoken"].value
    return browser.request("POST", path, urlencode(fields), FORM)


def statuses(browser, path, times=TIMES):
    """Return the statuses of many requests."""
    return {browser.request("GET", path)[0] for _ in range(times)}


def workers_of(server):
    """Return the worker processes."""
    return psutil.Process(server.process.pid).children()


def test_it_says_how_many_there_are(server):
    assert f"Worker processes: {WORKERS}\n" in server.output
    assert server.output.count("Camp is ready") == 1
    assert len(workers_of(server)) == WORKERS


def test_an_account_from_sign_up_to_log_out(server):
    browser = Browser(server.base_url)
    name = f"new{time.time_ns()}"
    fields = {"username": name, "email": f"{name}@example.org"}
    password = {"password1": PASSWORD, "password2": PASSWORD}
    assert post(browser, "/accounts/signup/", **fields, **password)[0] == 302
    assert statuses(browser, "/accounts/profile/") == {200}
    old = dict(browser.cookies)
    assert post(browser, "/accounts/logout/")[0] == 302
    browser.cookies.load({"camp_session": old["camp_session"].value})
    assert statuses(browser, "/accounts/profile/") == {302}


def test_who_is_deactivated_is_out_at_the_next_request(server):
    server.make_user("leaver")
    browser = Browser(server.base_url, "leaver")
    assert statuses(browser, "/files/") == {200}
    organiser = Browser(server.base_url, "organiser")
    [(pk,)] = server.query("SELECT id FROM sample_users WHERE username = 'leaver'")
    page = organiser.request("GET", f"/admin/accounts/user/{pk}/change/")[2].decode()
    fields = dict(
        re.findall(r'<input type="(?:text|email|hidden)" name="(\w+)" value="([^"]*)"', page)
    )
    fields.pop("csrfmiddlewaretoken", None)
    status, _headers, body = post(organiser, f"/admin/accounts/user/{pk}/change/", **fields)
    assert status == 302, body
    assert server.query(f"SELECT is_active FROM sample_users WHERE id = {pk}") == [(False,)]
    assert statuses(browser, "/files/") == {302}


def test_wrong_passwords_are_counted_together(server):
    server.make_user("guessed")
    browser = Browser(server.base_url)
    guess = {"username": "guessed", "password": "wrong"}
    found = [post(browser, "/accounts/login/", **guess)[0] for _ in range(8)]
    assert found == [200] * 4 + [429] * 4


@with_and_without_redis
def test_wrong_links_are_counted_together(server):
    browser = Browser(server.base_url)
    found = Counter(browser.request("GET", f"/s/{n:016x}{'x' * 22}/")[0] for n in range(40))
    assert found == {404: 30, 429: 10}
    # Everybody here has the same address: have the minute end.
    server.manage("shell", "-v", "0", "-c", "from django.core.cache import cache; cache.clear()")


@with_and_without_redis
def test_the_room_in_use_is_the_same_everywhere(server):
    server.make_user("keeper")
    browser = Browser(server.base_url, "keeper")
    for number in range(1, 4):
        assert browser.upload((f"{number}.bin", os.urandom(MIB)))[0] == 201
        room = {
            re.search(r"Your files use (\d+).MiB", browser.request("GET", "/")[2].decode())[1]
            for _ in range(TIMES)
        }
        assert room == {str(number)}


def test_an_upload_in_parts_through_all_processes(server, browser):
    client = Client(browser, os.urandom(6 * MIB))
    offset, part = 0, MIB // 4
    while offset < len(client.content) - part:
        wire = client.begin(offset)  # announces all the rest, and is cut off
        wire.sendall(client.content[offset : offset + part])
        wire.close()
        offset += part
        until(lambda: arrived(server, client) == offset)  # noqa: B023
        assert client.offset() == offset
    assert client.send(offset) == 204
    assert kept(server, client) == [client.content]


def test_a_later_request_takes_an_upload_over(server, browser):
    for _ in range(4):
        client = Client(browser, os.urandom(4 * MIB))
        stale = client.begin(0)
        stale.sendall(client.content[:MIB])
        until(lambda: arrived(server, client))  # noqa: B023
        assert client.send(client.offset()) == 204
        with contextlib.suppress(OSError):
            stale.sendall(client.content[MIB:])
            assert status_on(stale) == 423
        assert kept(server, client) == [client.content]


def test_two_requests_at_once_make_one_file(server, browser):
    for _ in range(4):
        client = Client(browser, os.urandom(2 * MIB))

        def send(_number, client=client):
            with contextlib.suppress(OSError):
                return client.send(0)

        with ThreadPoolExecutor(4) as pool:
            found = set(pool.map(send, range(4)))
        assert found <= {204, 409, 410, 423, 400, None}
        with contextlib.suppress(AssertionError):
            if (offset := client.offset()) < len(client.content):
                client.send(offset)
        assert kept(server, client) == [client.content]


@with_and_without_redis
def test_files_arrive_are_shown_and_go_out_in_ranges(server, browser):
    picture = io.BytesIO()
    Image.effect_noise((64, 64), 90).save(picture, "PNG")
    content = os.urandom(3 * MIB + 7)
    status, said = browser.upload(("photo.png", picture.getvalue()), ("data.bin", content))
    assert status == 201
    photo, data = (file["url"] for file in said["files"])
    until(lambda: browser.request("GET", f"{photo}thumbnail/")[1]["Content-Type"] == "image/webp")
    assert statuses(browser, f"{photo}thumbnail/") == {200}
    got = b""
    while len(got) < len(content):
        bounds = {"Range": f"bytes={len(got)}-{len(got) + 200_000}"}
        status, _headers, piece = browser.request("GET", f"{data}download/", headers=bounds)
        assert status == 206
        got += piece
    assert hashlib.sha256(got).digest() == hashlib.sha256(content).digest()


def test_log_lines_are_whole(server, browser):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _n: browser.request("GET", "/files/?q=" + "x" * 150), range(100)))
    lines = server.output.splitlines()
    access = [line for line in lines if " camp.access " in line]
    assert len(access) > 100
    line = re.compile(
        r"\d{4}-\S+ INFO camp\.access \[[\w.-]+\] [A-Z]+ /\S* \d{3} \S+ [\d.]+ms user=\S+"
    )
    assert [each for each in access if not line.fullmatch(each)] == []


class TestLifeAndDeath:
    """Of the processes; each test has a server of its own."""

    @pytest.fixture
    def server(self, make_camp_server):
        server = make_camp_server().start("--workers", str(WORKERS))
        server.make_user("owner")
        return server

    def test_a_killed_process_is_replaced_and_no_other_request_is_lost(self, server, browser):
        size, wires = 4 * MIB, []
        for _ in range(8):
            body = browser.form(("kept.bin", bytes(size)))
            wire = browser.begin_upload(len(body))
            wire.sendall(body[: size // 2])
            wires.append((wire, body[size // 2 :]))
        time.sleep(1)
        before = workers_of(server)
        victim = before[0]
        # The connections of the victim, as the system lists them.
        ports = {each.raddr.port for each in victim.net_connections("tcp") if each.raddr}
        victim.kill()
        until(lambda: len(living(server)) == WORKERS and victim.pid not in living(server))
        assert statuses(browser, "/files/") == {200}
        found = Counter()
        for wire, rest in wires:
            with contextlib.closing(wire):
                is_lost = wire.getsockname()[1] in ports
                try:
                    wire.sendall(rest)
                    found[is_lost, answer(wire)[0]] += 1
                except (OSError, ValueError):
                    found[is_lost, None] += 1
        assert set(found) <= {(False, 201), (True, None)}
        assert found[False, 201] == server.query("SELECT count(*) FROM sample_files")[0][0] > 0
        assert server.output.count("Camp is ready") == 1
        assert server.stop() == 0

    @pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
    def test_a_stop_lets_requests_end_and_leaves_no_process(self, server, browser, stop):
        pids = server.pids
        body = browser.form(("slow.bin", bytes(MIB)))
        wires = [browser.begin_upload(len(body)) for _ in range(6)]
        for wire in wires:
            wire.sendall(body[:-100])
        client = Client(browser, os.urandom(2 * MIB))
        cut = client.begin(0)
        cut.sendall(client.content[:MIB])
        until(lambda: arrived(server, client))
        time.sleep(0.5)
        if stop == signal.SIGINT:
            server.interrupt()  # as a terminal does: to all processes at once
        else:
            server.process.terminate()
        time.sleep(0.5)
        for wire in wires:
            wire.sendall(body[-100:])
        assert [answer(wire)[0] for wire in wires] == [201] * 6
        if stop == signal.SIGINT:
            cut.close()  # or the server gives it ten seconds, too
        assert server.process.wait(30) == 0
        assert not [pid for pid in pids if psutil.pid_exists(pid)]
        server.start("--workers", str(WORKERS))
        assert client.send(client.offset()) == 204
        assert kept(server, client) == [client.content]

    def test_a_killed_parent_takes_all_with_it(self, server):
        processes = [psutil.Process(pid) for pid in server.pids]
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait()
        begun = time.monotonic()
        _gone, left = psutil.wait_procs(processes, 20)
        assert not left
        assert time.monotonic() - begun < 10


def living(server):
    """Return the process ids of the workers that answer."""
    return {each.pid for each in workers_of(server) if each.status() != psutil.STATUS_ZOMBIE}
