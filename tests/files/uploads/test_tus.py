"""Resumable uploads by tus 1.0.0, request by request."""

import base64
import hashlib
import os
from datetime import timedelta

import pytest
from django.conf import settings
from django.core.management import call_command
from django.utils import timezone

from files.models import File, Upload
from files.storage import backend
from files.uploads import upload_parts
from tests.files.conftest import browser, stored

TUS = {"Tus-Resumable": "1.0.0"}
BODY = "application/offset+octet-stream"
CONTENT = b"a file that comes in pieces"
LENGTH = len(CONTENT)


def metadata(**pairs):
    """Return an Upload-Metadata header."""
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in pairs.items()}
    return ",".join(f"{key} {value}" for key, value in encoded.items())


def create(client, length=LENGTH, body=b"", name="東京.txt", **headers):
    """Begin an upload; returns the answer."""
    headers = {"Upload-Metadata": metadata(filename=name), **headers}
    if length is not None:
        headers["Upload-Length"] = str(length)
    return send(client, "post", "/uploads/", body, BODY if body else "", **headers)


def begin(client, *args, **kwargs):
    """Begin an upload; returns its address."""
    response = create(client, *args, **kwargs)
    assert response.status_code == 201, response.content
    return response.headers["Location"].removeprefix("http://testserver")


def patch(client, address, offset, body, **headers):
    """Send bytes; returns the answer."""
    return send(client, "patch", address, body, BODY, **{"Upload-Offset": str(offset), **headers})


def send(client, method, address, body=b"", content_type=BODY, **headers):
    request = {"data": body, "content_type": content_type} if method in ("post", "patch") else {}
    return getattr(client, method)(address, headers={**TUS, **headers}, **request)


def offset(client, address):
    """Return the offset that HEAD tells."""
    return int(client.head(address, headers=TUS).headers["Upload-Offset"])


def sha(content, algorithm="sha256"):
    digest = hashlib.new(algorithm, content).digest()
    return {"Upload-Checksum": f"{algorithm} {base64.b64encode(digest).decode()}"}


def test_options_tell_what_the_server_can(client, settings):
    settings.MAX_UPLOAD_SIZE = 12345
    response = client.options("/uploads/")
    assert response.status_code == 204
    assert response.headers["Tus-Version"] == "1.0.0"
    assert response.headers["Tus-Extension"] == (
        "creation,creation-with-upload,expiration,termination,checksum"
    )
    assert response.headers["Tus-Max-Size"] == "12345"
    assert response.headers["Tus-Checksum-Algorithm"] == "sha1,sha256"


def test_a_file_comes_in_pieces(as_owner, owner):
    address = begin(as_owner)
    assert offset(as_owner, address) == 0
    response = patch(as_owner, address, 0, CONTENT[:10])
    assert response.status_code == 204
    assert response.headers["Upload-Offset"] == "10"
    assert "Upload-Expires" in response.headers
    assert File.objects.count() == 0
    response = patch(as_owner, address, 10, CONTENT[10:])
    assert (response.status_code, response.headers["Upload-Offset"]) == (204, str(len(CONTENT)))
    file = File.objects.get()
    assert response.headers["Camp-File"] == file.get_absolute_url()
    assert (file.user, file.filename, file.content_type) == (owner, "東京.txt", "text/plain")
    assert (file.size, file.sha256) == (len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
    assert stored() == {file.storage_path: CONTENT}


def test_head_tells_everything(as_owner):
    address = begin(as_owner)
    patch(as_owner, address, 0, CONTENT[:5])
    response = as_owner.head(address, headers=TUS)
    assert response.status_code == 200
    assert response.headers["Upload-Offset"] == "5"
    assert response.headers["Upload-Length"] == str(len(CONTENT))
    assert response.headers["Upload-Metadata"] == metadata(filename="東京.txt")
    assert response.headers["Cache-Control"] == "no-store"


def test_creation_may_bring_the_first_bytes(as_owner):
    response = create(as_owner, body=CONTENT[:7])
    assert (response.status_code, response.headers["Upload-Offset"]) == (201, "7")
    assert File.objects.count() == 0
    response = create(as_owner, body=CONTENT)
    assert response.headers["Camp-File"] == File.objects.get().get_absolute_url()


def test_nothing_is_complete_at_once(as_owner):
    response = create(as_owner, length=0)
    assert response.status_code == 201
    assert (File.objects.get().size, response.headers["Upload-Offset"]) == (0, "0")


def test_a_session_gets_its_file(as_owner, session):
    named = metadata(filename="a.txt", session=session.session_id)
    begin(as_owner, 3, b"abc", **{"Upload-Metadata": named})
    assert session.files.get().filename == "a.txt"


def test_somebody_elses_session_is_not_found(as_owner, foreign_session):
    named = metadata(filename="a.txt", session=foreign_session.session_id)
    assert create(as_owner, 3, **{"Upload-Metadata": named}).status_code == 404
    assert Upload.objects.count() == 0


def test_the_end_sent_again_makes_no_second_file(as_owner):
    address = begin(as_owner)
    patch(as_owner, address, 0, CONTENT)
    first = File.objects.get()
    assert patch(as_owner, address, 0, CONTENT).status_code == 409
    again = patch(as_owner, address, LENGTH, b"", **{"Content-Type": BODY})
    assert (again.status_code, again.headers["Camp-File"]) == (204, first.get_absolute_url())
    assert offset(as_owner, address) == len(CONTENT)
    assert File.objects.get() == first


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Upload-Offset": "3"}, 409),
        ({"Upload-Offset": "-1"}, 400),
        ({"Upload-Offset": "x"}, 400),
        ({"Upload-Offset": ""}, 400),
        ({"Tus-Resumable": "0.2.2"}, 412),
        ({"Tus-Resumable": ""}, 412),
        ({"Upload-Checksum": "md5 AAAA"}, 400),
        ({"Upload-Checksum": "sha1 ?"}, 400),
        ({"Upload-Checksum": "sha256 AAAA"}, 460),
    ],
)
def test_a_bad_request_changes_nothing(as_owner, headers, status):
    address = begin(as_owner)
    response = patch(as_owner, address, 0, CONTENT[:4], **headers)
    assert response.status_code == status
    assert response.headers["Tus-Resumable"] == "1.0.0"
    assert (response.headers.get("Tus-Version") == "1.0.0") == (status == 412)
    assert offset(as_owner, address) == 0


def test_another_type_is_refused(as_owner):
    address = begin(as_owner)
    response = send(as_owner, "patch", address, b"abc", "text/plain", **{"Upload-Offset": "0"})
    assert response.status_code == 415


def test_more_than_was_announced_is_refused(as_owner):
    address = begin(as_owner, 5)
    assert patch(as_owner, address, 0, b"123456").status_code == 413
    assert offset(as_owner, address) == 0


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
def test_right_checksums_are_taken(as_owner, algorithm):
    address = begin(as_owner)
    for start in range(0, len(CONTENT), 10):
        piece = CONTENT[start : start + 10]
        assert patch(as_owner, address, start, piece, **sha(piece, algorithm)).status_code == 204
    assert File.objects.get().sha256 == hashlib.sha256(CONTENT).hexdigest()


def test_after_a_wrong_checksum_the_same_piece_can_be_sent_again(as_owner):
    address = begin(as_owner)
    patch(as_owner, address, 0, CONTENT[:10])
    wrong = patch(as_owner, address, 10, b"x" * (len(CONTENT) - 10), **sha(CONTENT[10:]))
    assert wrong.status_code == 460
    assert offset(as_owner, address) == 10
    assert patch(as_owner, address, 10, CONTENT[10:], **sha(CONTENT[10:])).status_code == 204
    assert File.objects.get().sha256 == hashlib.sha256(CONTENT).hexdigest()


@pytest.mark.parametrize("length", [None, "", "-1", "1.5", "x", "9" * 30])
def test_a_length_is_needed(as_owner, length):
    response = create(as_owner, length=length)
    assert response.status_code == 400
    assert Upload.objects.count() == 0


def test_too_large_a_file_is_refused_before_it_comes(as_owner, settings):
    settings.MAX_UPLOAD_SIZE = 10
    response = create(as_owner, length=11)
    assert response.status_code == 413
    assert "larger than" in response.content.decode()
    assert create(as_owner, length=10).status_code == 201


@pytest.mark.parametrize("raw", ["filename ?", "filename QQ==,filename QQ==", "=A QQ", "name /w=="])
def test_metadata_that_is_not_understood_is_refused(as_owner, raw):
    response = create(as_owner, **{"Upload-Metadata": raw})
    assert response.status_code == 400
    assert Upload.objects.count() == 0


def test_a_name_is_not_needed(as_owner):
    begin(as_owner, 1, b"x", **{"Upload-Metadata": ""})
    assert File.objects.get().filename


def test_an_upload_can_be_given_up(as_owner):
    address = begin(as_owner)
    patch(as_owner, address, 0, CONTENT[:4])
    assert as_owner.delete(address, headers=TUS).status_code == 204
    assert as_owner.head(address, headers=TUS).status_code == 404
    assert stored() == {}


def test_giving_up_leaves_the_file_that_it_became(as_owner):
    address = begin(as_owner, body=CONTENT)
    as_owner.delete(address, headers=TUS)
    assert stored() == {File.objects.get().storage_path: CONTENT}


def test_the_method_may_be_named_in_a_header(as_owner):
    address = begin(as_owner)
    headers = {"X-HTTP-Method-Override": "PATCH", "Upload-Offset": "0"}
    response = send(as_owner, "post", address, CONTENT, **headers)
    assert response.status_code == 204
    assert File.objects.count() == 1


def test_the_form_token_is_needed(owner):
    client = browser(owner, enforce_csrf_checks=True)
    assert create(client).status_code == 403
    assert Upload.objects.count() == 0


def test_somebody_elses_upload_is_not_found(as_owner, as_stranger):
    address = begin(as_owner)
    assert as_stranger.head(address, headers=TUS).status_code == 404
    assert patch(as_stranger, address, 0, b"x").status_code == 404
    assert as_stranger.delete(address, headers=TUS).status_code == 404
    assert offset(as_owner, address) == 0


def test_strangers_are_refused(client, db):
    assert create(client).status_code == 403
    assert Upload.objects.count() == 0


@pytest.mark.parametrize("method", ["get", "put"])
def test_other_verbs_are_refused(as_owner, method):
    address = begin(as_owner)
    assert getattr(as_owner, method)(address, headers=TUS).status_code == 405
    assert getattr(as_owner, method)("/uploads/", headers=TUS).status_code == 405


def test_a_later_request_makes_an_earlier_one_let_go(as_owner):
    address = begin(as_owner)
    part = upload_parts.UploadPart(Upload.objects.get().pk)
    token = part.claim()
    slow = upload_parts.PartAppender(part, token, 0)
    slow.write(CONTENT[:10])
    assert offset(as_owner, address) == 10
    with pytest.raises(upload_parts.Superseded):
        slow.write(b"late")
    with pytest.raises(upload_parts.Superseded):
        slow.close()
    assert patch(as_owner, address, 10, CONTENT[10:]).status_code == 204
    assert File.objects.get().sha256 == hashlib.sha256(CONTENT).hexdigest()


def test_bytes_of_a_killed_server_count(as_owner):
    address = begin(as_owner)
    part = upload_parts.UploadPart(Upload.objects.get().pk)
    part.path.write_bytes(CONTENT[:12])
    assert offset(as_owner, address) == 12
    assert Upload.objects.get().offset == 12
    patch(as_owner, address, 12, CONTENT[12:])
    assert File.objects.get().sha256 == hashlib.sha256(CONTENT).hexdigest()


def test_a_server_killed_after_the_last_byte_leaves_a_file(as_owner):
    address = begin(as_owner)
    upload_parts.UploadPart(Upload.objects.get().pk).path.write_bytes(CONTENT)
    assert offset(as_owner, address) == LENGTH
    assert File.objects.get().sha256 == hashlib.sha256(CONTENT).hexdigest()


@pytest.mark.parametrize("moved", [False, True])
def test_an_end_that_was_cut_short_is_made_up_for(as_owner, moved, monkeypatch):
    address = begin(as_owner)

    def crash(*args):
        raise RuntimeError("killed here")

    where = "files.uploads.resumable.save_file" if moved else "files.storage.staging.move_in"
    with monkeypatch.context() as patched:
        patched.setattr(where, crash)
        with pytest.raises(RuntimeError):
            patch(as_owner, address, 0, CONTENT)
    assert File.objects.count() == 0
    os.utime(settings.LOCAL_STORAGE_PATH, (0, 0))
    call_command("sweep", verbosity=0)
    assert offset(as_owner, address) == len(CONTENT)
    file = File.objects.get()
    assert stored() == {file.storage_path: CONTENT}
    assert file.sha256 == hashlib.sha256(CONTENT).hexdigest()


def test_a_full_disk_keeps_what_came(as_owner, monkeypatch):
    address = begin(as_owner)
    patch(as_owner, address, 0, CONTENT[:5])

    def full(descriptor, data):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("files.uploads.upload_parts.os.write", full)
        response = patch(as_owner, address, 5, CONTENT[5:])
    assert response.status_code == 507
    assert "no space left" in response.content.decode()
    assert offset(as_owner, address) == 5
    assert patch(as_owner, address, 5, CONTENT[5:]).status_code == 204
    assert stored() == {File.objects.get().storage_path: CONTENT}


def test_a_full_disk_is_told_to_who_is_still_sending(as_owner, monkeypatch):
    content = bytes(2**20)
    address = begin(as_owner, len(content))

    def full(descriptor, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("files.uploads.upload_parts.os.write", full)
    response = patch(as_owner, address, 0, content)
    assert response.status_code == 507
    assert response.wsgi_request.read(1) == b""


def test_a_read_only_disk_is_told(as_owner, monkeypatch):
    address = begin(as_owner, body=CONTENT[:5])

    def refuse(*args):
        raise OSError(30, "Read-only file system")

    with monkeypatch.context() as patched:
        patched.setattr(upload_parts.UploadPart, "claim", refuse)
        assert offset(as_owner, address) == 5
        response = patch(as_owner, address, 5, CONTENT[5:])
    assert response.status_code == 507
    assert "could not store the file" in response.content.decode()
    assert patch(as_owner, address, 5, CONTENT[5:]).status_code == 204


def test_lost_bytes_are_told(as_owner):
    address = begin(as_owner)
    upload_parts.UploadPart(Upload.objects.get().pk).path.unlink()
    assert as_owner.head(address, headers=TUS).status_code == 410


def test_an_upload_that_nobody_takes_up_is_swept(as_owner):
    address = begin(as_owner, body=CONTENT[:3])
    call_command("sweep", verbosity=0)
    assert offset(as_owner, address) == 3
    Upload.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    call_command("sweep", verbosity=0)
    assert Upload.objects.count() == 0
    assert stored() == {}


def test_parts_of_people_who_left_are_swept(as_owner, owner):
    begin(as_owner, body=CONTENT[:3])
    owner.delete()
    call_command("sweep", verbosity=0)
    assert stored()
    for path in settings.UPLOAD_STAGING.rglob("*.part"):
        os.utime(path, (1, 1))
    call_command("sweep", verbosity=0)
    assert stored() == {}


def test_an_expired_upload_that_became_a_file_leaves_it(as_owner):
    begin(as_owner, body=CONTENT)
    Upload.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    call_command("sweep", verbosity=0)
    assert Upload.objects.count() == 0
    assert backend.exists(File.objects.get().storage_path)


def test_queries_do_not_grow(as_owner, django_assert_max_num_queries):
    address = begin(as_owner)
    with django_assert_max_num_queries(5):
        patch(as_owner, address, 0, CONTENT[:5])
