"""Uploads that stopped: who sees them, what is told of each, and giving one up."""

from datetime import timedelta

import pytest
from django.contrib.messages import get_messages
from django.core.management import call_command
from django.utils import timezone

from files.models import File, Upload
from files.storage import backend, staging
from files.uploads.upload_parts import UploadPart
from tests.files.conftest import stored
from tests.files.uploads.test_tus import begin, metadata, patch

LISTED = "/files/upload/unfinished/"
NAME = "東京.bin"


def upload(client, *, length=1000, arrived=b"", name=NAME, **about):
    """Begin an upload as the upload page does; returns the Upload."""
    about = {"filename": name, "modified": "1700000000000", **about}
    address = begin(client, length, **{"Upload-Metadata": metadata(**about)})
    if arrived:
        patch(client, address, 0, arrived)
    return Upload.objects.get(pk=address.rstrip("/").rpartition("/")[2])


def page(client, address="/files/upload/", language="en"):
    response = client.get(address, headers={"accept-language": language})
    assert response.status_code == 200
    return response.content.decode()


def give_up(client, found, **fields):
    return client.post(f"/files/upload/{found.pk}/delete/", fields)


def test_the_upload_page_tells_how_far_each_is(as_owner):
    found = upload(as_owner, arrived=b"x" * 420)
    shown = page(as_owner)
    assert NAME in shown
    assert "42%, 420\N{NO-BREAK SPACE}bytes of 1000\N{NO-BREAK SPACE}bytes" in shown
    assert 'max="1000"' in shown
    assert 'value="420"' in shown
    assert "Can be resumed until" in shown
    assert "Choose the same file again" in shown
    assert f'action="/files/upload/{found.pk}/delete/"' in shown


def test_it_is_told_in_japanese_without_a_bare_percent_sign(as_owner):
    upload(as_owner, arrived=b"x" * 420)
    assert "42%" in page(as_owner, language="ja")


def test_the_page_compares_what_is_chosen_with_what_was_sent(as_owner, session):
    about = {"session": session.session_id, "path": "合宿/一日目"}
    found = upload(as_owner, arrived=b"x" * 10, **about)
    answer = as_owner.get(LISTED)
    expected = {
        "url": found.get_absolute_url(),
        "size": 1000,
        "offset": 10,
        "metadata": metadata(filename=NAME, modified="1700000000000", **about),
        "isBatchOpen": False,
    }
    assert answer.json()["uploads"] == [expected]
    assert "no-store" in answer.headers["Cache-Control"]


def test_the_list_of_files_leads_there(as_owner):
    assert "unfinished." not in page(as_owner, "/files/")
    upload(as_owner)
    assert "1 upload is unfinished." in page(as_owner, "/files/")
    upload(as_owner)
    shown = page(as_owner, "/files/")
    assert "2 uploads are unfinished." in shown
    assert 'href="/files/upload/#unfinished"' in shown


def test_other_people_see_nothing_of_it(as_owner, as_stranger):
    upload(as_owner)
    assert NAME not in page(as_stranger)
    assert "unfinished." not in page(as_stranger, "/files/")
    assert as_stranger.get(LISTED).json()["uploads"] == []


def test_what_is_over_is_not_shown(as_owner):
    Upload.objects.filter(pk=upload(as_owner).pk).update(
        expires_at=timezone.now() - timedelta(minutes=1)
    )
    upload(as_owner, length=3, arrived=b"abc", name="whole.bin")
    assert "data-unfinished=" not in page(as_owner)
    assert as_owner.get(LISTED).json()["uploads"] == []


def test_after_a_crash_the_bytes_count_not_the_row(as_owner):
    found = upload(as_owner)
    UploadPart(found.pk).path.write_bytes(b"x" * 700)
    assert "70%, 700" in page(as_owner)


def test_bytes_that_are_gone_are_none(as_owner):
    found = upload(as_owner, arrived=b"x" * 500)
    UploadPart(found.pk).remove()
    assert "0%, 0" in page(as_owner)


def test_another_program_must_go_on_with_what_it_began(as_owner):
    begin(as_owner)
    shown = page(as_owner)
    assert "The program that started it can resume it." in shown
    assert "data-unfinished-choose" not in shown


def test_the_list_costs_one_query_however_long(as_owner, owner, django_assert_max_num_queries):
    for number in range(12):
        upload(as_owner, name=f"{number}.bin")
    with django_assert_max_num_queries(6):
        shown = page(as_owner)
    assert shown.count("data-unfinished=") == 12


def test_giving_up_removes_row_and_bytes(as_owner):
    found = upload(as_owner, arrived=b"x" * 10)
    response = give_up(as_owner, found)
    assert (response.status_code, response.url) == (302, "/files/upload/")
    [message] = get_messages(response.wsgi_request)
    assert str(message) == f"The upload of “{NAME}” was discarded."
    assert not Upload.objects.exists()
    assert stored() == {}


def test_giving_up_leads_back(as_owner, session):
    there = f"/files/upload/?session={session.session_id}"
    assert give_up(as_owner, upload(as_owner), next=there).url == there
    assert give_up(as_owner, upload(as_owner), next="//evil.example/").url == "/files/upload/"


def test_giving_up_what_became_a_file_keeps_the_file(as_owner):
    response = give_up(as_owner, upload(as_owner, length=3, arrived=b"abc"))
    assert [str(message) for message in get_messages(response.wsgi_request)] == [
        f"“{NAME}” has been uploaded completely meanwhile, so the file was kept."
    ]
    file = File.objects.get()
    assert stored() == {file.storage_path: b"abc"}


def test_an_upload_of_somebody_else_is_not_found(as_owner, as_stranger, client):
    found = upload(as_owner, arrived=b"x" * 10)
    assert give_up(as_stranger, found).status_code == 404
    assert give_up(client, found).url.startswith("/accounts/login/")
    assert as_owner.get(f"/files/upload/{found.pk}/delete/").status_code == 405
    found.refresh_from_db()
    assert UploadPart(found.pk).size() == 10


def test_giving_up_twice_is_not_found(as_owner):
    found = upload(as_owner)
    give_up(as_owner, found)
    assert give_up(as_owner, found).status_code == 404


@pytest.mark.parametrize("moment", ["new_path", "move_in"])
def test_giving_up_at_the_last_moment_is_no_error(as_owner, monkeypatch, moment):
    found = upload(as_owner, length=3)
    module = {"new_path": backend, "move_in": staging}[moment]
    real = getattr(module, moment)

    def given_up(*args):
        result = real(*args)
        give_up(as_owner, found)
        return result

    monkeypatch.setattr(module, moment, given_up)
    response = patch(as_owner, found.get_absolute_url(), 0, b"abc")
    assert response.status_code == 410
    assert not File.objects.exists()


def test_a_purged_file_leaves_no_upload_behind(as_owner, django_capture_on_commit_callbacks):
    upload(as_owner, length=3, arrived=b"abc")
    with django_capture_on_commit_callbacks(execute=True):
        File.objects.get().delete()
    assert not Upload.objects.exists()
    assert stored() == {}


@pytest.mark.django_db
def test_the_sweep_takes_those_whose_time_is_over(as_owner):
    found = upload(as_owner, arrived=b"x" * 10)
    Upload.objects.update(expires_at=timezone.now() - timedelta(minutes=1))
    call_command("sweep", verbosity=0)
    assert not Upload.objects.filter(pk=found.pk).exists()
    assert stored() == {}


def test_one_that_replaces_a_file_leads_to_its_page(as_owner, file):
    upload(as_owner, arrived=b"x", replaces=str(file.pk))
    shown = page(as_owner)
    assert f'href="/files/{file.pk}/replace/"' in shown
    assert "It replaces “notes.txt”" in shown
    assert "data-unfinished-choose" not in shown
    file.trash()
    assert f'href="/files/{file.pk}/replace/"' not in page(as_owner)
