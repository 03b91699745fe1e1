"""Links at a real server: many at once, a download that breaks, and another machine."""

import http.client
import os
import re
import shutil
import subprocess
import threading
from urllib.parse import urlencode, urlsplit

import pytest

from tests.files.wire import Browser

MIB = 2**20
CURL = shutil.which("curl")

pytestmark = pytest.mark.fault


def link_to(server, content, **fields):
    """Return the address of a new link to a file, and that of the file in it."""
    browser = Browser(server.base_url, "hana")
    [file] = browser.upload(("large.bin", content))[1]["files"]
    data = {"csrfmiddlewaretoken": browser.cookies["csrftoken"].value, "id": file["id"]}
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    body = urlencode(data | {"days": "7"} | fields)
    assert browser.request("POST", "/files/links/new/", body, kind)[0] == 302
    _status, _headers, page = browser.request("GET", "/files/links/")
    path = urlsplit(re.search(r'data-copy-address="(http[^"]+)"', page.decode())[1]).path
    return path, f"{path}{file['id']}/"


def test_many_first_requests_at_once_never_pass_the_limit(make_camp_server):
    server = make_camp_server().start()
    server.make_user("hana")
    _link, address = link_to(server, b"x" * MIB, limit="3")
    answers = []

    def fetch(wanted):
        status, _headers, content = Browser(server.base_url).request(
            "GET", address, headers={"Range": wanted}
        )
        answers.append((status, len(content)))

    forms = ["Bytes=0-", "bytes=00-", "x", "bytes=-99999999"] * 6
    threads = [threading.Thread(target=fetch, args=(form,)) for form in forms]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    given = [size for status, size in answers if status in (200, 206)]
    assert len(answers) == 24
    assert given == [MIB] * 3
    assert {status for status, _size in answers} <= {200, 206, 404}
    assert server.query("SELECT downloads FROM camp_shares") == [(3,)]


@pytest.mark.machine
@pytest.mark.skipif(not CURL, reason="needs curl")
def test_curl_goes_on_with_the_last_download(make_camp_server, tmp_path):
    server = make_camp_server().start()
    server.make_user("hana")
    content = os.urandom(40 * MIB)
    _link, address = link_to(server, content, limit="1")
    target = tmp_path / "large.bin"
    url = f"{server.base_url}{address}"
    slow = ["--limit-rate", "8M", "--max-time", "1"]
    first = subprocess.run([CURL, "-sf", *slow, "-o", target, url], check=False)
    assert first.returncode == 28  # curl's time was over
    assert 0 < target.stat().st_size < len(content)
    subprocess.run([CURL, "-sf", "-C", "-", "-o", target, url], check=True)
    assert target.read_bytes() == content
    assert server.query("SELECT downloads FROM camp_shares") == [(1,)]
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    connection.request("GET", address)
    assert connection.getresponse().status == 404
    connection.close()


@pytest.mark.machine
def test_links_work_on_another_machine(make_camp_server):
    old = make_camp_server(SECRET_KEY="the key of the first machine, and of no other one").start()
    old.make_user("hana")
    link, address = link_to(old, b"hello")
    archive = old.folder / "backup.tar"
    old.manage("backup", "--portable", "--output", str(archive))
    new = make_camp_server(SECRET_KEY="a key of the second machine, quite another one")
    name = new.environment.get("DATABASE_URL", "").rpartition("/")[2] or "camp.sqlite3"
    new.manage("restore", str(archive), "--no-input", "--no-backup", "--name", name)
    new.start()
    visitor = Browser(new.base_url)
    assert visitor.request("GET", link)[0] == 200
    assert visitor.request("GET", address)[2] == b"hello"
    tar = archive.read_bytes()
    assert link.split("/")[2].encode() not in tar
    assert link.split("/")[2][16:].encode() not in tar
