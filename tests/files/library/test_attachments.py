"""Files of the library in a session, and out of it again."""

import pytest
from django.contrib.messages import get_messages
from django.db import connection
from django.test.utils import CaptureQueriesContext

from files.models import File
from tests.files.conftest import browser

URL = "/files/attach/"


def attach(client, session, *keys, **data):
    return client.post(URL, {"session": session.session_id, "files": keys, **data})


def detach(client, file, **data):
    return client.post(f"/files/{file.pk}/detach/", data)


def notes(response):
    return [str(note) for note in get_messages(response.wsgi_request)]


def test_the_picker_shows_what_is_not_in_the_session_yet(as_owner, keep, session):
    keep("in", session=session)
    keep("out")
    keep("trashed").trash()
    response = as_owner.get(URL, {"session": session.session_id})
    assert [file.filename for file in response.context["page"]] == ["out"]


def test_the_picker_searches(as_owner, keep, session):
    keep("東京.txt")
    keep("other")
    response = as_owner.get(URL, {"session": session.session_id, "q": "東京"})
    assert [file.filename for file in response.context["page"]] == ["東京.txt"]
    empty = as_owner.get(URL, {"session": session.session_id, "q": "nothing"})
    assert f"?session={session.session_id}" in empty.content.decode()


def test_chosen_files_are_added(as_owner, keep, session):
    one, two, three = keep("1"), keep("2"), keep("3")
    response = attach(as_owner, session, one.pk, two.pk)
    assert response.url == session.get_absolute_url()
    assert notes(response) == ["2 files were added to the session."]
    assert set(session.files.all()) == {one, two}
    three.refresh_from_db()
    assert three.session is None


def test_the_session_page_shows_them(as_owner, keep, session):
    keep("報告.pdf", session=session)
    keep("trashed.txt", session=session).trash()
    page = as_owner.get(session.get_absolute_url()).content.decode()
    assert "報告.pdf" in page
    assert "trashed.txt" not in page
    assert page.count("/files/0/detach/") == 1  # the menu of all rows
    assert f"{URL}?session={session.session_id}" in page
    assert "data-upload" in page


def test_the_session_page_stays_short(as_owner, owner, session):
    File.objects.bulk_create(
        File(user=owner, session=session, filename=f"f{number}", size=1, storage_path=f"p{number}")
        for number in range(60)
    )
    with CaptureQueriesContext(connection) as many:
        page = as_owner.get(session.get_absolute_url()).content.decode()
    assert page.count("/download/") == 50
    assert f"/files/?session={session.session_id}" in page
    File.objects.filter(size=1)[:1].get().delete()
    File.objects.exclude(pk=File.objects.first().pk).delete()
    with CaptureQueriesContext(connection) as few:
        page = as_owner.get(session.get_absolute_url()).content.decode()
    assert page.count("/detach/") == 1
    assert len(few) == len(many)


def test_without_a_choice_it_asks_again(as_owner, session):
    response = attach(as_owner, session)
    assert response.url == f"{URL}?session={session.session_id}"
    assert notes(response) == ["Choose at least one file."]


@pytest.mark.parametrize("key", ["x", "999999", "9" * 30, "-1", "\u0661"])
def test_a_choice_that_is_not_there_is_not_found(as_owner, session, key):
    assert attach(as_owner, session, key).status_code == 404


def test_somebody_elses_file_is_not_found_and_nothing_changes(as_owner, keep, session, stranger):
    mine, theirs = keep(), keep(user=stranger)
    assert attach(as_owner, session, mine.pk, theirs.pk).status_code == 404
    assert not session.files.exists()


def test_a_file_in_the_trash_is_not_found(as_owner, file, session):
    file.trash()
    assert attach(as_owner, session, file.pk).status_code == 404


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("session_id", ["", "missing", "a\x00"])
def test_a_session_that_is_not_there_is_not_found(as_owner, file, method, session_id):
    data = {"session": session_id, "files": file.pk}
    assert getattr(as_owner, method)(URL, data).status_code == 404


@pytest.mark.parametrize("method", ["get", "post"])
def test_somebody_elses_session_is_not_found(as_owner, file, foreign_session, method):
    data = {"session": foreign_session.session_id, "files": file.pk}
    assert getattr(as_owner, method)(URL, data).status_code == 404
    file.refresh_from_db()
    assert file.session is None


def test_a_file_leaves_its_session_and_stays_in_the_library(as_owner, keep, session):
    file = keep(session=session)
    response = detach(as_owner, file)
    assert response.url == session.get_absolute_url()
    assert notes(response) == ["“notes.txt” was removed from its session."]
    file.refresh_from_db()
    assert (file.session, file.deleted_at) == (None, None)


def test_leaving_a_session_in_the_trash_leads_to_the_file(as_owner, keep, session):
    file = keep(session=session)
    session.trash()
    assert detach(as_owner, file).url == f"/files/{file.pk}/"


def test_leaving_no_session_is_fine(as_owner, file):
    assert detach(as_owner, file, next="/files/").url == "/files/"


def test_nobody_takes_out_somebody_elses_file(as_stranger, keep, session):
    file = keep(session=session)
    assert detach(as_stranger, file).status_code == 404
    file.refresh_from_db()
    assert file.session == session


def test_strangers_log_in_first(client, file, session):
    for response in (client.get(URL), attach(client, session, file.pk), detach(client, file)):
        assert response.url.startswith("/accounts/login/")


def test_without_their_token_forms_are_refused(owner, file, session):
    client = browser(owner, enforce_csrf_checks=True)
    assert attach(client, session, file.pk).status_code == 403
    assert detach(client, file).status_code == 403


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_other_verbs_are_refused(as_owner, file, method):
    assert getattr(as_owner, method)(URL).status_code == 405
    assert getattr(as_owner, method)(f"/files/{file.pk}/detach/").status_code == 405
    assert as_owner.get(f"/files/{file.pk}/detach/").status_code == 405
