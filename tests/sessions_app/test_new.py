"""A new session, with a title or without."""

import pytest

from sessions_app.models import Session

URL = "/sessions/new/"


def test_the_form_asks_for_a_title(as_owner):
    html = as_owner.get(URL).content.decode()
    assert 'name="title"' in html
    assert Session.objects.count() == 0


@pytest.mark.parametrize(
    ("typed", "title"),
    [
        ("合宿の記録", "合宿の記録"),
        ("  two\r\n lines\t ", "two lines"),
        ("", ""),
        ("\u3000\u200b", ""),
        ("x" * 255, "x" * 255),
    ],
)
def test_a_session_starts_with_the_typed_title(as_owner, owner, typed, title):
    response = as_owner.post(URL, {"title": typed})
    session = Session.objects.get()
    assert (session.user, session.title) == (owner, title)
    assert response.headers["Location"] == f"/sessions/{session.session_id}/"


def test_no_title_field_is_needed(as_owner):
    assert as_owner.post(URL).status_code == 302
    assert Session.objects.get().title == ""


@pytest.mark.parametrize("title", ["x" * 256])
def test_an_unusable_title_is_refused_and_kept_in_the_form(as_owner, title):
    response = as_owner.post(URL, {"title": title})
    assert response.status_code == 200
    assert response.context["form"].errors["title"]
    assert Session.objects.count() == 0


def test_the_user_and_the_id_cannot_be_posted(as_owner, owner, stranger):
    as_owner.post(URL, {"title": "a", "user": stranger.pk, "session_id": "mine", "id": 7})
    session = Session.objects.get()
    assert session.user == owner
    assert session.session_id != "mine"
    assert len(session.session_id) == 36


def test_strangers_start_nothing(client, db):
    assert client.post(URL, {"title": "a"}).status_code == 302
    assert Session.objects.count() == 0
