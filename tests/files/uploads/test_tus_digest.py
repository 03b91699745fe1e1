"""What a client is told of the bytes that have arrived, before it goes on."""

import base64
import hashlib

import pytest

from files.models import File, Upload
from files.uploads import upload_parts
from tests.files.conftest import stored
from tests.files.uploads.test_tus import CONTENT, LENGTH, TUS, begin, create, metadata, patch

pytestmark = pytest.mark.machine

WANTED = {"Want-Repr-Digest": "sha-256=1"}


def digest_of(client, address, **headers):
    """Return what HEAD tells as the digest, or None."""
    answer = client.head(address, headers={**TUS, **WANTED, **headers})
    assert answer.status_code == 200
    return answer.headers.get("Repr-Digest")


def sha(content):
    return f"sha-256=:{base64.b64encode(hashlib.sha256(content).digest()).decode()}:"


def test_it_is_of_the_bytes_that_have_arrived(as_owner):
    address = begin(as_owner)
    assert digest_of(as_owner, address) == sha(b"")
    patch(as_owner, address, 0, CONTENT[:10])
    assert digest_of(as_owner, address) == sha(CONTENT[:10])
    patch(as_owner, address, 10, CONTENT[10:15])
    assert digest_of(as_owner, address) == sha(CONTENT[:15])
    patch(as_owner, address, 15, CONTENT[15:])
    assert digest_of(as_owner, address) == sha(CONTENT)
    assert File.objects.get().sha256 == hashlib.sha256(CONTENT).hexdigest()


def test_another_process_reads_the_bytes_again(as_owner):
    address = begin(as_owner)
    patch(as_owner, address, 0, CONTENT[:10])
    upload_parts.hashes.forget(Upload.objects.get().pk.__str__())
    assert digest_of(as_owner, address) == sha(CONTENT[:10])
    patch(as_owner, address, 10, CONTENT[10:])
    assert File.objects.get().sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert list(stored().values()) == [CONTENT]


def test_it_is_read_once(as_owner, monkeypatch):
    address = begin(as_owner)
    patch(as_owner, address, 0, CONTENT[:10])
    monkeypatch.setattr(upload_parts.UploadPart, "hash", None)
    assert digest_of(as_owner, address) == digest_of(as_owner, address) == sha(CONTENT[:10])


@pytest.mark.parametrize("wanted", ["", "sha-512=1", "sha-256=0", "sha-256=11", "x-sha-256=1"])
def test_who_does_not_want_it_does_not_wait_for_it(as_owner, wanted):
    address = begin(as_owner)
    assert digest_of(as_owner, address, **{"Want-Repr-Digest": wanted}) is None


@pytest.mark.parametrize("wanted", ["sha-256=10", "sha-512=1, sha-256=3", "sha-256 = 1,sha-512=2"])
def test_other_digests_may_be_wanted_as_well(as_owner, wanted):
    assert digest_of(as_owner, begin(as_owner), **{"Want-Repr-Digest": wanted}) == sha(b"")


def test_nobody_else_is_told(as_owner, as_stranger, client):
    address = begin(as_owner)
    assert as_stranger.head(address, headers={**TUS, **WANTED}).status_code == 404
    assert client.head(address, headers={**TUS, **WANTED}).status_code == 403


def test_bytes_that_are_gone_have_none(as_owner):
    address = begin(as_owner)
    patch(as_owner, address, 0, CONTENT[:10])
    upload_parts.UploadPart(Upload.objects.get().pk).remove()
    assert as_owner.head(address, headers={**TUS, **WANTED}).status_code == 410


def test_under_the_key_of_an_earlier_small_file_another_content_is_another_file(as_owner):
    named = {"Upload-Metadata": metadata(filename="a.txt", key="17")}
    first = create(as_owner, body=CONTENT, **named)
    other = create(as_owner, body=CONTENT[::-1], **named)
    assert first.headers["Camp-File"] != other.headers["Camp-File"]
    assert sorted(stored().values()) == sorted([CONTENT, CONTENT[::-1]])
    assert set(File.objects.values_list("size", flat=True)) == {LENGTH}


NAMED = hashlib.sha256(CONTENT).hexdigest()


def named(digest):
    return {"Upload-Metadata": metadata(filename="a.txt", sha256=digest)}


@pytest.mark.parametrize("digest", [NAMED, NAMED.upper(), "of another form", ""])
def test_a_file_that_its_client_named_is_kept(as_owner, digest):
    address = begin(as_owner, **named(digest))
    patch(as_owner, address, 0, CONTENT[:10])
    assert patch(as_owner, address, 10, CONTENT[10:]).status_code == 204
    assert list(stored().values()) == [CONTENT]


def test_two_halves_that_are_not_the_file_its_client_named_become_none(as_owner):
    address = begin(as_owner, **named(NAMED))
    patch(as_owner, address, 0, b"x" * 10)
    answer = patch(as_owner, address, 10, CONTENT[10:])
    assert answer.status_code == 460
    assert "does not match the announced SHA-256" in answer.content.decode()
    assert as_owner.head(address, headers=TUS).status_code == 404
    assert not File.objects.exists()
    assert stored() == {}
    assert not Upload.objects.exists()


def test_a_small_file_that_is_not_the_one_its_client_named_is_not_kept(as_owner):
    assert create(as_owner, body=CONTENT[::-1], **named(NAMED)).status_code == 460
    assert not File.objects.exists()
    assert not Upload.objects.exists()
    assert stored() == {}
    assert create(as_owner, body=CONTENT, **named(NAMED)).status_code == 201
