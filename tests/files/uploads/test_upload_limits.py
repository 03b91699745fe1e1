"""Uploads that cannot be taken: too large, too many, no room; and what is left of them."""

import errno
import os

import pytest
from django.contrib.messages import get_messages

from files.models import File
from files.storage import backend, staging
from files.uploads import form
from tests.files.conftest import part, stored

URL = "/files/upload/"
JSON = {"accept": "application/json"}


def names():
    return sorted(file.filename for file in File.objects.all())


def errors(response):
    return {error["name"]: error["message"] for error in response.json()["errors"]}


@pytest.fixture
def broken_disk(monkeypatch):
    """A function that makes every write fail with an error number."""

    def break_with(number, until=0):
        write = os.write

        def fail(descriptor, data):
            if storage_size() >= until:
                raise OSError(number, os.strerror(number))
            return write(descriptor, data)

        monkeypatch.setattr(os, "write", fail)

    return break_with


def storage_size():
    return sum(len(content) for content in stored().values())


def test_a_file_of_exactly_the_limit_is_taken(as_owner, settings):
    settings.MAX_UPLOAD_SIZE = 1000
    assert as_owner.post(URL, {"files": part("a", b"x" * 1000)}).status_code == 302
    assert names() == ["a"]


@pytest.mark.parametrize("size", [1001, 5_000_000])
def test_a_larger_one_is_refused_with_its_name_and_the_limit(as_owner, settings, size):
    settings.MAX_UPLOAD_SIZE = 1000
    response = as_owner.post(URL, {"files": part("大.bin", b"x" * size)})
    assert response.status_code == 413
    page = response.content.decode()
    assert "大.bin" in page
    assert "larger than the limit of 1000\N{NO-BREAK SPACE}bytes" in page
    assert stored() == {}
    assert names() == []


def test_the_other_files_of_the_form_are_taken(as_owner, settings):
    settings.MAX_UPLOAD_SIZE = 1000
    files = [part("small", b"x"), part("large", b"x" * 3_000_000), part("tiny", b"y")]
    response = as_owner.post(URL, {"files": files})
    assert response.status_code == 302
    assert names() == ["small", "tiny"]
    assert sorted(stored().values()) == [b"x", b"y"]
    said = [str(message) for message in get_messages(response.wsgi_request)]
    assert said[0] == "2 files were uploaded."
    assert said[1].startswith("large: The file is larger than")


def test_javascript_gets_both_files_and_errors(as_owner, settings):
    settings.MAX_UPLOAD_SIZE = 1000
    files = [part("small", b"x"), part("large", b"x" * 2000)]
    response = as_owner.post(URL, {"files": files}, headers=JSON)
    assert response.status_code == 201
    assert [file["name"] for file in response.json()["files"]] == ["small"]
    assert "larger" in errors(response)["large"]


def test_the_bytes_of_a_refused_file_go_at_once(as_owner, settings, monkeypatch):
    """Not only at the end of the form, by when they would have filled the disk."""
    settings.MAX_UPLOAD_SIZE = 1000
    seen = []
    refuse = form.StagingHandler._refuse

    def watch(self, refusal):
        try:
            refuse(self, refusal)
        finally:
            seen.append(stored())

    monkeypatch.setattr(form.StagingHandler, "_refuse", watch)
    as_owner.post(URL, {"files": part("large", b"x" * 3_000_000)})
    assert seen == [{}]


def test_many_refusals_are_summed_up(as_owner, settings):
    settings.MAX_UPLOAD_SIZE = 10
    files = [part(f"large {number}", b"x" * 11) for number in range(15)]
    response = as_owner.post(URL, {"files": [part("small", b"x"), *files]})
    said = [str(message) for message in get_messages(response.wsgi_request)]
    assert len(said) == 12
    assert said[-1] == "5 more files were not stored."


def test_too_many_files_at_once_are_refused_whole(as_owner, settings):
    settings.DATA_UPLOAD_MAX_NUMBER_FILES = 3
    response = as_owner.post(URL, {"files": [part(str(number)) for number in range(4)]})
    assert response.status_code == 413
    assert "Camp accepts up to 3 files at once." in response.content.decode()
    assert stored() == {}
    assert names() == []


@pytest.mark.parametrize(("size", "room"), [(10, 0), (10_000_000, 5_000_000)])
@pytest.mark.parametrize("number", [errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)])
def test_a_full_disk_is_told(as_owner, broken_disk, size, room, number):
    broken_disk(number, until=room)
    response = as_owner.post(URL, {"files": part("map.png", b"x" * size)}, headers=JSON)
    assert response.status_code == 507
    assert errors(response) == {"map.png": "The server has no space left for it."}
    assert stored() == {}
    assert names() == []


@pytest.mark.parametrize("number", [errno.EIO, errno.EACCES, errno.EFBIG, errno.EROFS])
def test_a_broken_disk_is_told_and_logged(as_owner, broken_disk, caplog, number):
    broken_disk(number)
    response = as_owner.post(URL, {"files": part("map.png")})
    assert response.status_code == 507
    page = response.content.decode()
    assert "map.png" in page
    assert "The server could not store the file." in page
    assert os.strerror(number) in caplog.text
    assert "map.png" not in caplog.text
    assert stored() == {}


def test_a_small_file_still_fits_after_a_large_one_did_not(as_owner, monkeypatch):
    write = os.write

    def nearly_full(descriptor, data):
        if os.fstat(descriptor).st_size + len(data) > 2_000_000:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, data)

    monkeypatch.setattr(os, "write", nearly_full)
    files = [part("large", b"x" * 12_000_000), part("small", b"y")]
    response = as_owner.post(URL, {"files": files}, headers=JSON)
    assert response.status_code == 201
    assert list(errors(response)) == ["large"]
    assert list(stored().values()) == [b"y"]


@pytest.mark.parametrize("step", ["fsync", "replace", "open"])
def test_an_error_at_any_step_leaves_nothing(as_owner, monkeypatch, step):
    def fail(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, step, fail)
        response = as_owner.post(URL, {"files": [part("a"), part("b")]}, headers=JSON)
    assert response.status_code == 507
    assert set(errors(response)) == {"a", "b"}
    assert stored() == {}
    assert names() == []


def test_a_form_larger_than_the_free_space_is_not_begun(as_owner, monkeypatch):
    monkeypatch.setattr(backend, "free_bytes", lambda: 100_000)
    monkeypatch.setattr(staging, "StagedBytes", None)
    response = as_owner.post(URL, {"files": part("large", b"x" * 200_000)}, headers=JSON)
    assert response.status_code == 507
    assert errors(response) == {"large": "The server has no space left for it."}


def test_a_slow_form_keeps_its_first_files_from_the_sweep(as_owner, monkeypatch):
    monkeypatch.setattr(form, "TOUCH_EVERY", -1)
    touched = []
    monkeypatch.setattr(staging.StagedBytes, "touch", lambda self: touched.append(self.path))
    as_owner.post(URL, {"files": [part("a"), part("b")]})
    # The first while the second came, and both when they were kept.
    assert len(touched) == 3
    assert touched[0] == touched[1]


def test_a_database_that_fails_leaves_no_bytes(as_owner, monkeypatch):
    def refuse(*args, **kwargs):
        raise RuntimeError("no")

    monkeypatch.setattr(File.objects, "bulk_create", refuse)
    as_owner.raise_request_exception = False
    assert as_owner.post(URL, {"files": part()}).status_code == 500
    assert stored() == {}
