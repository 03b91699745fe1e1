"""Who is logged in, read with one query, and never from memory."""

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts import login_sessions
from tests.conftest import PASSWORD

PAGE = "/accounts/profile/"


@pytest.fixture
def browser(owner):
    """The owner's browser, whose user the process has remembered."""
    browser = Client()
    browser.force_login(owner)
    assert browser.get(PAGE).status_code == 200
    assert browser.session.session_key in login_sessions._user_ids
    return browser


def is_logged_in(browser):
    """Return whether a page for people with a log-in opens."""
    return browser.get(PAGE).status_code == 200


def test_session_and_user_are_one_query(browser):
    with CaptureQueriesContext(connection) as queries:
        assert browser.get("/sessions/new/").status_code == 200
    tables = ("django_session", "sample_users")
    found = [query for query in queries if any(table in query["sql"] for table in tables)]
    assert len(found) == 1


def test_deactivation_holds_at_the_next_request(browser, owner):
    owner.is_active = False
    owner.save()
    assert not is_logged_in(browser)


def test_a_deleted_account_is_out_at_the_next_request(browser, owner):
    owner.delete()
    assert not is_logged_in(browser)


def test_a_new_password_ends_the_other_log_ins(browser, owner):
    other = Client()
    other.force_login(owner)
    assert is_logged_in(other)
    data = {"old_password": PASSWORD, "new_password1": "x y z 7 8", "new_password2": "x y z 7 8"}
    assert other.post("/accounts/password/change/", data).status_code == 302
    assert is_logged_in(other)
    assert not is_logged_in(browser)


def test_a_log_out_holds_at_the_next_request(browser):
    copy = Client()
    copy.cookies = browser.cookies.copy()
    browser.post("/accounts/logout/")
    assert not is_logged_in(copy)


def test_an_expired_session_is_over(browser):
    session = browser.session
    session.set_expiry(-1)
    session.save()
    assert not is_logged_in(browser)


def test_a_change_of_the_profile_is_seen_at_the_next_request(browser, owner):
    owner.username = "renamed"
    owner.save()
    assert "renamed" in browser.get("/").text


def test_a_wrong_guess_changes_nothing(browser, owner, member):
    login_sessions._user_ids[browser.session.session_key] = member.pk
    response = browser.get(PAGE)
    assert response.context["user"] == owner


def test_a_session_of_another_backend_is_for_django_to_judge(browser):
    session = browser.session
    session["_auth_user_backend"] = "django.contrib.auth.backends.ModelBackend"
    session.save()
    assert not is_logged_in(browser)


def test_sessions_of_djangos_store_stay_valid(browser):
    assert SessionStore(browser.session.session_key).load() == dict(browser.session.items())


def test_what_is_remembered_is_bounded(browser, owner, monkeypatch):
    monkeypatch.setattr(login_sessions, "MAX_REMEMBERED", 2)
    for _ in range(4):
        browser = Client()
        browser.force_login(owner)
        assert is_logged_in(browser)
    assert len(login_sessions._user_ids) <= 2
