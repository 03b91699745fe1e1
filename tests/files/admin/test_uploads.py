"""Unfinished uploads in the admin."""

import pytest

from files.models import File, Upload
from tests.admin_pages import browser, changelist
from tests.files.conftest import stored
from tests.files.uploads.test_unfinished import upload


@pytest.fixture
def as_organiser(organiser):
    return browser(organiser)


def test_the_list_tells_whose_they_are_and_how_far(as_organiser, as_owner):
    upload(as_owner, arrived=b"x" * 420)
    upload(as_owner, length=3, arrived=b"abc", name="whole.bin")
    page = as_organiser.get(changelist("files_upload")).content.decode()
    assert "東京.bin" in page
    assert "owner" in page
    assert "42%, 420" in page
    assert "whole.bin" not in page


def test_one_can_be_looked_at_but_not_changed(as_organiser, as_owner):
    found = upload(as_owner)
    address = f"/admin/files/upload/{found.pk}/change/"
    assert 'name="_save"' not in as_organiser.get(address).content.decode()
    assert as_organiser.post(address, {"filename": "other"}).status_code == 403
    assert as_organiser.get("/admin/files/upload/add/").status_code == 403


@pytest.mark.parametrize("way", ["one", "many"])
def test_deleting_removes_the_bytes(
    as_organiser, as_owner, way, django_capture_on_commit_callbacks
):
    found = upload(as_owner, arrived=b"x" * 10)
    address = f"/admin/files/upload/{found.pk}/delete/"
    data = {"post": "yes"}
    if way == "many":
        address = changelist("files_upload")
        data |= {"action": "delete_selected", "_selected_action": [found.pk]}
    with django_capture_on_commit_callbacks(execute=True):
        assert as_organiser.post(address, data).status_code == 302
    assert not Upload.objects.exists()
    assert stored() == {}


def test_the_bytes_go_with_their_person(as_owner, owner, django_capture_on_commit_callbacks):
    upload(as_owner, arrived=b"x" * 10)
    with django_capture_on_commit_callbacks(execute=True):
        owner.delete()
    assert not File.objects.exists()
    assert stored() == {}
