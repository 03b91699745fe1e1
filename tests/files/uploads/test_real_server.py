"""Uploads against the real server: broken lines, full disks, and kill -9."""

import contextlib
import hashlib
import os
import random
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.files.wire import Browser, answer, until

pytestmark = pytest.mark.fault

MIB = 2**20
ROWS = (
    "SELECT username, filename, storage_path, size, sha256"
    " FROM sample_files JOIN sample_users ON sample_users.id = user_id"
)


def storage_of(server):
    """Return the folder of a server's files."""
    default = Path(server.environment["CAMP_DATA_DIR"]) / "files"
    return Path(server.environment.get("LOCAL_STORAGE_PATH", default))


def staged(server):
    """Return the sizes of what lies in staging."""
    sizes = []
    for path in (storage_of(server) / ".staging").glob("*.part"):
        with contextlib.suppress(FileNotFoundError):
            sizes.append(path.stat().st_size)
    return sizes


def rows(server):
    """Return (user, name, storage path, size, checksum) of every file in the database."""
    return server.query(ROWS)


@pytest.fixture
def browser(camp_server, member):
    """Their browser."""
    return Browser(camp_server.base_url, member)


@pytest.mark.machine
@pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")
def test_curl_goes_on_where_it_was_cut(browser, tmp_path):
    content, target = os.urandom(9 * MIB), tmp_path / "target.bin"
    _status, said = browser.upload(("resumed.bin", content))
    target.write_bytes(content[: 4 * MIB + 1])
    headers = browser.headers()
    command = ["curl", "-sSf", "-C", "-", "-H", f"Cookie: {headers['Cookie']}", "-o", target]
    address = f"http://{browser.address}{said['files'][0]['url']}download/"
    subprocess.run([*command, address], check=True, timeout=30)
    assert target.read_bytes() == content


def test_bytes_come_back_as_they_went(browser):
    content = os.urandom(20 * MIB + 7)
    status, said = browser.upload(("写真　集.bin", content))
    assert status == 201
    [file] = said["files"]
    assert (file["name"], file["size"]) == ("写真　集.bin", len(content))
    address = f"{file['url']}download/"
    status, headers, got = browser.request("GET", address)
    assert (status, got == content) == (200, True)
    status, head, body = browser.request("HEAD", address)
    assert (status, body) == (200, b"")
    for name in ("Content-Length", "Content-Disposition", "Content-Type"):
        assert head[name] == headers[name]


def hang_up(wire):
    wire.close()


def reset(wire):
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    wire.close()


def half_close(wire):
    wire.shutdown(socket.SHUT_WR)
    with contextlib.suppress(OSError):
        while wire.recv(65536):
            pass
    wire.close()


@pytest.mark.machine
@pytest.mark.parametrize("end", [hang_up, reset, half_close])
@pytest.mark.parametrize("sent", [0.3, 0.95, -3], ids=["first", "second", "last-bytes"])
def test_a_broken_line_leaves_nothing(camp_server, member, browser, end, sent):
    body = browser.form(("whole.bin", os.urandom(6 * MIB)), ("cut.bin", os.urandom(9 * MIB)))
    wire = browser.begin_upload(len(body))
    wire.sendall(body[: int(len(body) * sent) if sent > 0 else sent])
    until(lambda: sum(staged(camp_server)) > MIB)
    end(wire)
    until(lambda: staged(camp_server) == [])
    assert b"cut.bin" not in browser.request("GET", "/files/")[2]
    assert b"whole.bin" not in browser.request("GET", "/files/")[2]


def test_strangers_send_no_byte_to_the_disk(camp_server):
    stranger = Browser(camp_server.base_url)
    body = stranger.form(("a.bin", b"x" * MIB))
    wire = stranger.begin_upload(len(body) + 10**9)
    with contextlib.suppress(OSError):
        wire.sendall(body)
    status, said = answer(wire)
    assert (status, said["files"]) == (401, [])
    assert staged(camp_server) == []


@pytest.mark.machine
def test_the_limit_holds_while_bytes_come(make_camp_server):
    server = make_camp_server(MAX_UPLOAD_SIZE="1M").start()
    server.make_user("hana")
    browser = Browser(server.base_url, "hana")
    body = browser.form(("large.bin", b"x" * 64 * MIB), ("small.bin", b"y" * 1000))
    wire = browser.begin_upload(len(body))
    most = 0
    for start in range(0, len(body), MIB):
        wire.sendall(body[start : start + MIB])
        most = max([most, *staged(server)])
    status, said = answer(wire)
    assert status == 201
    assert [file["name"] for file in said["files"]] == ["small.bin"]
    assert [error["name"] for error in said["errors"]] == ["large.bin"]
    assert most <= MIB
    until(lambda: staged(server) == [])
    status, said = browser.upload(("large.bin", b"x" * (MIB + 1)))
    assert (status, said["files"]) == (413, [])
    assert browser.upload(("exact.bin", b"x" * MIB))[0] == 201


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 24 MiB of its own."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root on Linux can mount a small disk; test_upload_limits.py pretends one")
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.machine
def test_a_disk_that_fills_up_meanwhile(make_camp_server, small_disk):
    server = make_camp_server(LOCAL_STORAGE_PATH=str(small_disk / "files")).start()
    server.make_user("hana")
    browser = Browser(server.base_url, "hana")
    body = browser.form(("large.bin", os.urandom(18 * MIB)), ("small.txt", b"small"))
    wire = browser.begin_upload(len(body))
    wire.sendall(body[: 6 * MIB])
    until(lambda: sum(staged(server)) > 4 * MIB)
    other = small_disk / "other"
    other.write_bytes(bytes(12 * MIB))
    wire.sendall(body[6 * MIB :])
    status, said = answer(wire)
    assert status == 201
    assert [file["name"] for file in said["files"]] == ["small.txt"]
    assert said["errors"] == [
        {"name": "large.bin", "message": "The server has no space left for it."}
    ]
    until(lambda: staged(server) == [])
    # More than is free is refused before a byte is written.
    status, said = browser.upload(("large.bin", bytes(18 * MIB)))
    assert status == 507
    other.unlink()
    assert browser.upload(("large.bin", bytes(18 * MIB)))[0] == 201


@pytest.mark.slow
def test_kills_leave_no_row_without_bytes(make_camp_server):
    server = make_camp_server().start()
    server.make_user("hana")
    contents = {f"{size}.bin": os.urandom(size) for size in (0, 1000, 3 * MIB, 20 * MIB)}
    intact = set()
    for _ in range(5):
        browser = Browser(server.base_url, "hana")
        stop = threading.Event()
        thread = threading.Thread(target=keep_uploading, args=(browser, contents, stop))
        thread.start()
        time.sleep(random.uniform(0.05, 1.2))
        server.kill()
        stop.set()
        thread.join()
        server.start()
        found = rows(server)
        assert intact <= {path for _user, _name, path, *_ in found}
        for _user, name, path, size, checksum in found:
            if path not in intact:
                content = (storage_of(server) / path).read_bytes()
                assert content == contents[name]
                assert (size, checksum) == (len(content), hashlib.sha256(content).hexdigest())
                intact.add(path)
    stored = len(intact)
    assert stored
    listed = Browser(server.base_url, "hana").request("GET", "/files/")[2].decode()
    assert listed.count('<a class="list__title" id="f') == min(stored, 50)


def keep_uploading(browser, contents, stop):
    """Upload all of `contents` again and again, one by one and together, until the end."""
    files = list(contents.items())
    while not stop.is_set():
        with contextlib.suppress(Exception):
            browser.upload(random.choice(files))
            browser.upload(*random.sample(files, 3))
