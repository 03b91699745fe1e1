"""Deleting a file, and changing one's mind."""

import pytest
from django.contrib.messages import get_messages

from files.models import File
from tests.files.conftest import browser, stored


def delete(client, file, **data):
    return client.post(f"/files/{file.pk}/delete/", data)


def restore(client, file, **data):
    return client.post(f"/files/{file.pk}/restore/", data)


def test_a_deleted_file_is_in_the_trash_with_its_bytes(as_owner, owner, file):
    response = delete(as_owner, file)
    assert (response.status_code, response.url) == (302, "/files/")
    assert list(File.objects.visible_to(owner)) == []
    assert list(File.objects.trashed_by(owner)) == [file]
    assert list(stored()) == [file.storage_path]


def test_the_message_undoes_it(as_owner, owner, file):
    response = delete(as_owner, file, next="/files/?sort=name")
    assert response.url == "/files/?sort=name"
    [message] = get_messages(response.wsgi_request)
    assert str(message) == "“notes.txt” was deleted."
    undo = message.extra_tags.removeprefix("undo:")
    page = as_owner.get("/files/").content.decode()
    assert f'action="{undo}"' in page
    assert as_owner.post(undo).url == "/files/?sort=name"
    assert list(File.objects.visible_to(owner)) == [file]


def test_a_restored_file_is_back(as_owner, owner, file):
    file.trash()
    response = restore(as_owner, file)
    assert response.url == f"/files/{file.pk}/"
    assert [str(note) for note in get_messages(response.wsgi_request)] == [
        "“notes.txt” was restored."
    ]
    assert as_owner.get(f"/files/{file.pk}/download/").getvalue() == b"hello"


def test_restoring_what_is_there_changes_nothing(as_owner, file):
    response = restore(as_owner, file)
    assert response.status_code == 302
    assert not list(get_messages(response.wsgi_request))


def test_deleting_twice_is_not_found(as_owner, file):
    delete(as_owner, file)
    assert delete(as_owner, file).status_code == 404


@pytest.mark.parametrize("address", ["https://evil.example/", "//evil.example", "a b\nc"])
def test_it_leads_nowhere_else(as_owner, file, address):
    response = delete(as_owner, file, next=address)
    assert "evil" not in response.url
    assert response.status_code == 302


@pytest.mark.parametrize("change", [delete, restore])
def test_somebody_elses_file_is_not_found(as_stranger, file, change):
    assert change(as_stranger, file).status_code == 404
    file.refresh_from_db()
    assert file.deleted_at is None


@pytest.mark.parametrize("change", [delete, restore])
def test_strangers_log_in_first(client, file, change):
    assert change(client, file).url.startswith("/accounts/login/")


@pytest.mark.parametrize("change", [delete, restore])
def test_without_its_token_a_form_is_refused(owner, file, change):
    assert change(browser(owner, enforce_csrf_checks=True), file).status_code == 403


@pytest.mark.parametrize("action", ["delete", "restore"])
@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
def test_other_verbs_are_refused(as_owner, file, action, method):
    assert getattr(as_owner, method)(f"/files/{file.pk}/{action}/").status_code == 405
