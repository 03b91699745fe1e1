"""Resumable uploads that give a file another content."""

import pytest

from files.library import versions
from files.models import File, Upload, Version
from files.uploads import resumable
from tests.files.conftest import browser, stored
from tests.files.uploads.test_replace import notes
from tests.files.uploads.test_tus import (
    CONTENT,
    LENGTH,
    TUS,
    begin,
    create,
    metadata,
    offset,
    patch,
)


def replacing(file, name="new.txt"):
    return {"Upload-Metadata": metadata(filename=name, replaces=str(getattr(file, "pk", file)))}


def test_the_file_gets_its_new_content_with_the_last_byte(as_owner, file):
    address = begin(as_owner, **replacing(file))
    patch(as_owner, address, 0, CONTENT[:9])
    assert as_owner.get(f"/files/{file.pk}/download/").getvalue() == b"hello"
    response = patch(as_owner, address, 9, CONTENT[9:])
    assert response.headers["Camp-File"] == file.get_absolute_url()
    file.refresh_from_db()
    assert (file.filename, File.objects.count()) == ("notes.txt", 1)
    assert notes(response) == ["“notes.txt” has its new content."]
    kept = {file.storage_path: CONTENT, file.versions.get().storage_path: b"hello"}
    assert stored() == kept


def test_a_repeated_last_request_makes_no_second_version(as_owner, file):
    address = begin(as_owner, **replacing(file))
    patch(as_owner, address, 0, CONTENT)
    for _again in range(2):
        assert patch(as_owner, address, 0, CONTENT).status_code == 409
        assert offset(as_owner, address) == LENGTH
    assert Version.objects.count() == 1


def test_several_uploads_may_have_become_the_same_file(as_owner, file):
    for number in (b"1", b"2"):
        create(as_owner, 1, number, **replacing(file))
    file.refresh_from_db()
    assert [version.size for version in file.versions.all()] == [1, 5]
    assert file.uploads.count() == 2


@pytest.mark.django_db(transaction=True)
def test_the_same_bytes_change_nothing(as_owner, file):
    response = create(as_owner, 5, b"hello", **replacing(file))
    assert response.headers["Camp-File"] == file.get_absolute_url()
    assert notes(response) == ["“notes.txt” already has this content. Nothing was changed."]
    assert stored() == {file.storage_path: b"hello"}
    assert not Version.objects.exists()


@pytest.mark.parametrize("gone", [File.trash, File.delete])
def test_where_the_file_is_gone_by_then_it_becomes_a_new_one(as_owner, file, gone):
    address = begin(as_owner, **replacing(file))
    gone(file)
    response = patch(as_owner, address, 0, CONTENT)
    new = File.objects.get(deleted_at=None)
    assert response.headers["Camp-File"] == new.get_absolute_url()
    assert (new.filename, stored()[new.storage_path]) == ("new.txt", CONTENT)


def test_a_crash_before_the_row_is_mended_by_the_next_request(as_owner, file, monkeypatch):
    address = begin(as_owner, **replacing(file))
    monkeypatch.setattr(versions, "save_or_replace", lambda new, pk: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        patch(as_owner, address, 0, CONTENT)
    monkeypatch.undo()
    assert as_owner.get(f"/files/{file.pk}/download/").getvalue() == b"hello"
    assert offset(as_owner, address) == LENGTH
    assert as_owner.get(f"/files/{file.pk}/download/").getvalue() == CONTENT


def test_one_that_is_given_up_leaves_the_file(as_owner, file):
    address = begin(as_owner, **replacing(file))
    as_owner.delete(address, headers=TUS)
    assert list(stored().values()) == [b"hello"]


def test_room_is_needed_beside_the_old_content(as_owner, file, settings):
    settings.USER_QUOTA = LENGTH + 4
    assert create(as_owner, **replacing(file)).status_code == 507


@pytest.mark.parametrize("named", ["999999", "9" * 30, "x", "-1", "１"])
def test_what_is_not_there_cannot_be_replaced(as_owner, named):
    response = create(as_owner, **replacing(named))
    assert response.status_code == 404
    assert response.content == b"The file to replace was deleted.\n"
    assert not Upload.objects.exists()


def test_neither_can_somebody_elses_nor_one_in_the_trash(as_owner, stranger, file):
    assert create(browser(stranger), **replacing(file)).status_code == 404
    file.trash()
    assert create(as_owner, **replacing(file)).status_code == 404


def test_the_sweep_leaves_what_became_a_version(as_owner, file):
    create(as_owner, LENGTH, CONTENT, **replacing(file))
    Upload.objects.update(expires_at="2020-01-01T00:00:00Z")
    assert resumable.remove_expired(file.created_at) == 0
    assert len(stored()) == 2
