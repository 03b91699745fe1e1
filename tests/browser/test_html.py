"""Every page that a link leads to is valid HTML, by the Nu HTML Checker.

The checker is the jar that VNU_JAR names; `.ci/vnu` gets it.
"""

import json
import os
import re
import subprocess
from urllib.parse import parse_qsl, urljoin, urlsplit

import pytest

from tests.browser.test_admin import organiser, pages  # noqa: F401

pytestmark = [pytest.mark.browser, pytest.mark.sqlite]

LINK = re.compile(r'(?:href|data-next)="([^"#]+)')
KEY = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|\d+")
WITHOUT_PAGES = re.compile(r"/(?:static|download|inline|thumbnail|export|zip|logout|undo)\b")
# The same pages again
REPEATED = re.compile(r"_changelist_filters|/next/|/previous/|&")
MAX_PAGES = 300


@pytest.fixture
def vnu():
    """A function that returns what the checker says of a folder of pages."""
    jar = os.environ.get("VNU_JAR")
    if not jar:
        if os.environ.get("CI"):
            pytest.fail("VNU_JAR names no Nu HTML Checker.")
        pytest.skip("VNU_JAR names no Nu HTML Checker; `.ci/vnu` gets it.")

    def check(folder):
        command = ["java", "-jar", jar, "--format", "json", "--stdout", "--exit-zero-always"]
        command += ["--skip-info-messages", "--no-langdetect", folder]
        done = subprocess.run(command, capture_output=True, check=True, timeout=300)
        return json.loads(done.stdout)["messages"]

    return check


def shape(address):
    """Return what kind of page an address shows: without keys, and values of its query."""
    parts = urlsplit(address)
    return KEY.sub("0", parts.path), tuple(sorted(name for name, _ in parse_qsl(parts.query)))


def save_pages(person, addresses, folder):
    """Save the pages of the addresses, and of all to which they link, one of each shape.

    Returns {file name: address}.
    """
    saved, seen = {}, set()
    for address in addresses:
        if shape(address) in seen or WITHOUT_PAGES.search(address) or len(saved) > MAX_PAGES:
            continue
        seen.add(shape(address))
        response = person.page.request.get(person.base_url + address)
        if not response.headers.get("content-type", "").startswith("text/html"):
            continue
        html = response.text()
        name = f"{folder.name}-{len(saved)}.html"
        (folder / name).write_text(html, encoding="utf-8")
        saved[name] = address
        for link in LINK.findall(html):
            found = urljoin(address, link.replace("&amp;", "&"))
            is_own = found.startswith("/") and not found.startswith("//")
            if is_own and not REPEATED.search(found):
                addresses.append(found)
    return saved


def test_every_page_is_valid(organiser, admin_server, vnu, tmp_path):  # noqa: F811
    person, saved = organiser(locale="en-US"), {}
    starts = {
        "organiser": ["/", "/files/trash/", *pages(admin_server)],
        "visitor": ["/", "/nowhere/", "/accounts/password/reset/"],
    }
    for name, addresses in starts.items():
        (tmp_path / name).mkdir()
        saved |= save_pages(person, addresses, tmp_path / name)
        person.page.context.clear_cookies()
    assert len(saved) > 100
    faults = {
        (message["message"], message.get("extract", "")[:200], saved[name])
        for message in vnu(tmp_path)
        if (name := message["url"].rpartition("/")[2])
    }
    assert not faults, "\n".join(map(str, sorted(faults)))
