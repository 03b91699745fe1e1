"""Compressed pages, seen from the outside."""

import gzip

import brotli
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from files.models import File

pytestmark = pytest.mark.django_db

PAGE = "/accounts/login/"
BROWSER = "gzip, deflate, br"


@pytest.mark.parametrize(
    ("accepted", "coding", "decompress"),
    [("gzip", "gzip", gzip.decompress), (BROWSER, "br", brotli.decompress)],
)
def test_a_page_is_compressed_as_the_client_accepts(client, accepted, coding, decompress):
    response = client.get(PAGE, headers={"accept-encoding": accepted})
    assert response.headers["Content-Encoding"] == coding
    assert response.headers["Content-Length"] == str(len(response.content))
    page = decompress(response.content)
    assert page.endswith(b"</html>\n")
    assert len(response.content) < len(page) / 2


@pytest.mark.parametrize("accepted", ["", "identity", "gzip;q=0", "compress"])
def test_a_client_that_accepts_none_gets_the_page_as_it_is(client, accepted):
    response = client.get(PAGE, headers={"accept-encoding": accepted})
    assert "Content-Encoding" not in response.headers
    assert "Accept-Encoding" in response.headers["Vary"]
    assert b"</html>" in response.content


def test_pages_of_the_same_length_differ_in_length(client):
    """What BREACH measures: the library pads a header by a random length."""
    responses = [client.get(PAGE, headers={"accept-encoding": BROWSER}) for _ in range(8)]
    assert len({len(response.headers["X-Noise"]) for response in responses}) > 1


def test_head_has_the_headers_of_the_page(client):
    response = client.head(PAGE, headers={"accept-encoding": "gzip"})
    assert response.headers["Content-Encoding"] == "gzip"
    assert response.content == b""


def test_error_pages_are_compressed_and_short_responses_are_not(client):
    accepted = {"accept-encoding": BROWSER}
    assert client.get("/nowhere/", headers=accepted).headers["Content-Encoding"] == "br"
    assert "Content-Encoding" not in client.get("/health/live", headers=accepted).headers


class TestFiles:
    """Bytes that people stored go out as they are, whole or in part, and so do exports."""

    HEADERS = {"accept-encoding": BROWSER}

    @pytest.fixture
    def address(self, client, owner):
        client.force_login(owner)
        client.post("/files/upload/", {"files": SimpleUploadedFile("a.txt", b"word " * 1000)})
        return f"/files/{File.objects.get().pk}/download/"

    @pytest.mark.parametrize("part", [{}, {"range": "bytes=0-2999"}])
    def test_a_download_is_not(self, client, address, part):
        response = client.get(address, headers={**self.HEADERS, **part})
        assert "Content-Encoding" not in response.headers
        assert response.headers["ETag"].startswith('"')
        assert response.getvalue() == (b"word " * 1000)[: 3000 if part else None]

    def test_the_headers_of_a_download_are_not(self, client, address):
        response = client.head(address, headers=self.HEADERS)
        assert "Content-Encoding" not in response.headers
        assert response.headers["Content-Length"] == "5000"

    def test_an_export_is_not(self, client, owner):
        session = owner.sessions.create(title="Words")
        session.messages.create(content="word " * 1000)
        client.force_login(owner)
        response = client.get(f"/sessions/{session.session_id}/export.json", headers=self.HEADERS)
        assert "Content-Encoding" not in response.headers
        assert response.getvalue().startswith(b"{")
