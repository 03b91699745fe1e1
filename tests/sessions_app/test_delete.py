"""Sessions go into the trash and come back."""

import pytest
from django.urls import reverse

from sessions_app.models import Message, Session


def address(name, session):
    return reverse(f"sessions:{name}", args=[session.session_id])


def test_a_deleted_session_leaves_the_list_and_offers_undo(as_owner, session):
    response = as_owner.post(address("delete", session), follow=True)
    html = response.content.decode()
    assert response.redirect_chain == [("/sessions/", 302)]
    assert "“Summer camp” was deleted." in html
    assert f'action="{address("restore", session)}"' in html
    assert list(response.context["page"]) == []
    assert Message.objects.count() == 3


def test_undo_brings_it_back_as_it_was(as_owner, session):
    before = Session.objects.values().get()
    as_owner.post(address("delete", session))
    response = as_owner.post(address("restore", session), follow=True)
    assert response.redirect_chain == [(session.get_absolute_url(), 302)]
    assert "“Summer camp” is back." in response.content.decode()
    assert Session.objects.values().get() == before


def test_undo_twice_is_no_error(as_owner, session):
    as_owner.post(address("delete", session))
    for _ in range(2):
        response = as_owner.post(address("restore", session))
        assert response.headers["Location"] == session.get_absolute_url()


def test_its_files_stay_in_the_library(as_owner, session, file):
    as_owner.post(address("delete", session))
    file.refresh_from_db()
    assert file.deleted_at is None
    assert file.session == session


def test_it_is_not_found_by_a_search(as_owner, session):
    as_owner.post(address("delete", session))
    assert "Nothing found" in as_owner.get("/sessions/", {"q": "camp"}).content.decode()


@pytest.mark.parametrize("name", ["delete", "restore", "message_create"])
def test_a_post_from_another_site_is_refused(owner, session, name):
    from django.test import Client

    browser = Client(enforce_csrf_checks=True)
    browser.force_login(owner)
    assert browser.post(address(name, session), {"content": "x"}).status_code == 403
    session.refresh_from_db()
    assert session.deleted_at is None
    assert session.messages.count() == 3
