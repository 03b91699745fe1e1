"""Another title."""

import pytest
from django.urls import reverse

from sessions_app.models import Session


@pytest.fixture
def url(session):
    return reverse("sessions:rename", args=[session.session_id])


def test_the_form_holds_the_present_title(as_owner, url):
    assert 'value="Summer camp"' in as_owner.get(url).content.decode()


def test_a_new_title_is_kept_found_and_a_change(as_owner, session, url):
    before = session.updated_at
    response = as_owner.post(url, {"title": " 冬の\n合宿 "}, follow=True)
    session.refresh_from_db()
    assert session.title == "冬の 合宿"
    assert session.updated_at > before
    assert Session.objects.search("冬の").get() == session
    assert "The session has a new title." in response.content.decode()


@pytest.mark.parametrize("title", ["", " ", "\u200b", "x" * 256, "\x00"])
def test_an_unusable_title_is_refused(as_owner, session, url, title):
    response = as_owner.post(url, {"title": title})
    assert response.status_code == 200
    assert response.context["form"].errors["title"]
    session.refresh_from_db()
    assert session.title == "Summer camp"
