"""What of tus is not offered is refused, and not stored as something else."""

import base64
import hashlib

import pytest

from files.models import File, Upload
from tests.files.conftest import stored
from tests.files.uploads.test_tus import BODY, CONTENT, TUS, begin, create, offset, patch, send, sha

pytestmark = pytest.mark.machine

CONCAT = ["partial", "final;/uploads/a /uploads/b", "", "whatever"]


def nothing_came_of(response, status, word):
    """Assert that a request was refused in a sentence, and left nothing."""
    assert response.status_code == status
    assert word in response.content.decode()
    assert response.headers["Tus-Resumable"] == "1.0.0"
    assert not Upload.objects.exists()
    assert not File.objects.exists()
    assert stored() == {}


@pytest.mark.parametrize("value", CONCAT)
@pytest.mark.parametrize("body", [b"", CONTENT[:5], CONTENT])
def test_parts_to_be_put_together_are_refused(as_owner, value, body):
    response = create(as_owner, body=body, **{"Upload-Concat": value})
    nothing_came_of(response, 400, "Upload-Concat is not supported here.")


def test_a_final_upload_without_a_length_is_refused_for_the_same_reason(as_owner):
    response = create(as_owner, length=None, **{"Upload-Concat": "final;/uploads/a"})
    nothing_came_of(response, 400, "Upload-Concat is not supported here.")


@pytest.mark.parametrize("length", [None, len(CONTENT)])
def test_a_length_to_be_told_later_is_refused(as_owner, length):
    response = create(as_owner, length=length, **{"Upload-Defer-Length": "1"})
    nothing_came_of(response, 400, "Upload-Defer-Length is not supported here.")


@pytest.mark.parametrize("body", [CONTENT[:5], CONTENT])
@pytest.mark.parametrize(
    ("headers", "status", "word"),
    [
        ({"Upload-Checksum": "md5 Kq5sNclPz7QV2+lfQIuc6R7oRu0="}, 400, "sha1, sha256"),
        ({"Upload-Checksum": "sha256"}, 400, "Upload-Checksum is malformed."),
        ({"Upload-Checksum": "sha256 !"}, 400, "Upload-Checksum is malformed."),
        ({"Trailer": "Upload-Checksum"}, 400, "Trailer is not supported here."),
        ({"Content-Encoding": "gzip"}, 415, "Content-Encoding is not supported here."),
        ({"Transfer-Encoding": "chunked"}, 411, "needs a Content-Length"),
    ],
)
def test_bytes_that_cannot_be_taken_begin_no_upload(as_owner, body, headers, status, word):
    nothing_came_of(create(as_owner, body=body, **headers), status, word)


def test_more_bytes_than_the_file_has_begin_no_upload(as_owner):
    response = create(as_owner, length=5, body=CONTENT)
    nothing_came_of(response, 413, "more bytes than the file has left")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Upload-Concat": "partial"}, 400),
        ({"Upload-Defer-Length": "1"}, 400),
        ({"Upload-Length": str(len(CONTENT) + 1)}, 400),
        ({"Upload-Checksum": "crc32 AAAA"}, 400),
        ({"Trailer": "Upload-Checksum"}, 400),
        ({"Content-Encoding": "br"}, 415),
    ],
)
def test_of_such_a_request_no_byte_is_kept(as_owner, headers, status):
    address = begin(as_owner)
    patch(as_owner, address, 0, CONTENT[:5])
    assert patch(as_owner, address, 5, CONTENT[5:], **headers).status_code == status
    assert offset(as_owner, address) == 5
    assert patch(as_owner, address, 5, CONTENT[5:]).status_code == 204
    assert list(stored().values()) == [CONTENT]


def test_the_right_length_told_again_does_no_harm(as_owner):
    address = begin(as_owner)
    told = {"Upload-Length": str(len(CONTENT))}
    assert patch(as_owner, address, 0, CONTENT, **told).status_code == 204


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
def test_what_is_offered_is_taken(as_owner, algorithm):
    headers = sha(CONTENT, algorithm) | {"Content-Encoding": "identity"}
    assert create(as_owner, body=CONTENT, **headers).status_code == 201
    assert File.objects.get().sha256 == hashlib.sha256(CONTENT).hexdigest()


def test_a_damaged_first_request_leaves_no_byte(as_owner):
    wrong = base64.b64encode(hashlib.sha1(b"other").digest()).decode()
    headers = {**TUS, "Upload-Length": "27", "Upload-Checksum": f"sha1 {wrong}"}
    assert send(as_owner, "post", "/uploads/", CONTENT, BODY, **headers).status_code == 460
    assert not File.objects.exists()
