"""Small files that come whole with the request that begins their upload."""

import hashlib

import pytest
from django.core.management import call_command

from files.models import File, Upload
from files.uploads import resumable
from tests.files.conftest import stored
from tests.files.uploads.test_tus import CONTENT, TUS, begin, create, metadata, offset, sha

NAMED = {"Upload-Metadata": metadata(filename="a.txt", key="17")}


def test_it_is_a_file_at_once(as_owner, owner):
    response = create(as_owner, body=CONTENT)
    file = File.objects.get()
    assert response.status_code == 201
    assert response.headers["Camp-File"] == file.get_absolute_url()
    assert (file.user, file.filename, file.size) == (owner, "東京.txt", len(CONTENT))
    assert file.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert stored() == {file.storage_path: CONTENT}
    assert Upload.objects.get().file == file


def test_its_address_tells_that_it_is_complete(as_owner):
    address = begin(as_owner, body=CONTENT)
    response = as_owner.head(address, headers=TUS)
    assert response.headers["Upload-Offset"] == response.headers["Upload-Length"]
    assert response.headers["Camp-File"] == File.objects.get().get_absolute_url()
    call_command("sweep", verbosity=0)
    assert len(stored()) == 1


def test_sent_again_under_its_key_it_is_the_same(as_owner, as_stranger):
    first, again = create(as_owner, body=CONTENT, **NAMED), create(as_owner, body=CONTENT, **NAMED)
    assert again.status_code == 201
    for header in ("Location", "Camp-File", "Upload-Offset"):
        assert again.headers[header] == first.headers[header]
    assert len(stored()) == File.objects.count() == 1
    create(as_stranger, body=CONTENT, **NAMED)
    assert File.objects.count() == 2


def test_sent_twice_at_once_under_its_key_it_is_one(as_owner, monkeypatch):
    create(as_owner, body=CONTENT, **NAMED)
    found = resumable.get_finished
    answers = iter([None])
    monkeypatch.setattr(resumable, "get_finished", lambda *args: next(answers, found(*args)))
    assert create(as_owner, body=CONTENT, **NAMED).status_code == 201
    assert len(stored()) == File.objects.count() == 1


def test_without_room_nothing_stays(as_owner, settings):
    settings.USER_QUOTA = len(CONTENT) - 1
    assert create(as_owner, body=CONTENT).status_code == 507
    assert stored() == {}
    assert not File.objects.exists()


def test_a_full_disk_is_told(as_owner, monkeypatch):
    def full(descriptor, data):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("os.write", full)
        response = create(as_owner, body=CONTENT)
    assert response.status_code == 507
    assert "no space left" in response.content.decode()
    assert stored() == {}
    assert not Upload.objects.exists()


def test_a_larger_one_comes_in_pieces(as_owner, monkeypatch):
    monkeypatch.setattr(resumable, "LARGEST_SINGLE_REQUEST", 10)
    monkeypatch.setattr(resumable, "receive_single_request", None)
    create(as_owner, body=CONTENT)
    assert list(stored().values()) == [CONTENT]


@pytest.mark.parametrize("right", [True, False])
def test_its_checksum_is_looked_at(as_owner, right):
    response = create(as_owner, body=CONTENT, **sha(CONTENT if right else b"other"))
    assert response.status_code == (201 if right else 460)
    assert File.objects.count() == right
    if not right:
        address = f"/uploads/{Upload.objects.get().pk}/"
        assert offset(as_owner, address) == 0


def test_it_takes_one_commit(as_owner, django_assert_max_num_queries):
    create(as_owner, body=CONTENT)
    with django_assert_max_num_queries(9):
        create(as_owner, body=CONTENT)
