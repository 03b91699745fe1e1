from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import OperationalError, connection
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.middleware import LocaleMiddleware
from accounts.models import User

MOMENT = datetime(2026, 11, 23, 16, 30, tzinfo=UTC)


def seen_by(user, **headers):
    """Return the language and the local time that a view would meet."""
    seen = {}

    def view(request):
        seen["language"] = request.LANGUAGE_CODE
        seen["time"] = timezone.localtime(MOMENT).strftime("%d %H:%M")
        return HttpResponse()

    request = RequestFactory().get("/", headers=headers)
    request.user = user
    seen["response"] = LocaleMiddleware(view)(request)
    return seen


@pytest.mark.parametrize(
    ("profile", "browser", "language"),
    [
        ("ja", "en", "ja"),
        ("en", "ja", "en"),
        ("", "ja", "ja"),
        ("", "ja-JP,ja;q=0.9", "ja"),
        ("", "fr", "en"),
        ("xx", "ja", "ja"),
    ],
)
def test_profile_goes_before_the_browser(profile, browser, language):
    seen = seen_by(User(language=profile), **{"Accept-Language": browser})
    assert seen["language"] == language
    assert seen["response"].headers["Content-Language"] == language


def test_strangers_get_what_cookie_or_browser_say(client, db):
    assert client.get("/", headers={"Accept-Language": "ja"}).headers["Content-Language"] == "ja"
    client.cookies["django_language"] = "en"
    assert client.get("/", headers={"Accept-Language": "ja"}).headers["Content-Language"] == "en"


@pytest.mark.parametrize(
    ("name", "time"),
    [
        ("", "24 01:30"),
        ("Europe/Berlin", "23 17:30"),
        ("Asia/Kolkata", "23 22:00"),
        ("Mars/Base", "24 01:30"),
        ("../../etc/passwd", "24 01:30"),
        ("Europe", "24 01:30"),
    ],
)
def test_times_are_shown_in_the_readers_zone(settings, name, time):
    assert seen_by(User(time_zone=name))["time"] == time


def test_nothing_of_one_reader_is_left_for_the_next():
    seen_by(User(time_zone="Europe/Berlin", language="ja"))
    assert timezone.get_current_timezone_name() == "Asia/Tokyo"
    seen = seen_by(AnonymousUser())
    assert (seen["language"], seen["time"]) == ("en", "24 01:30")


def test_zone_is_left_behind_also_after_an_error(client, owner, monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError

    owner.time_zone = "Europe/Berlin"
    owner.save()
    client.force_login(owner)
    client.raise_request_exception = False
    monkeypatch.setattr("accounts.views.profile.render", fail)
    assert client.get("/accounts/profile/").status_code == 500
    assert timezone.get_current_timezone_name() == "Asia/Tokyo"


def test_user_is_loaded_once(client, owner):
    client.force_login(owner)
    with CaptureQueriesContext(connection) as queries:
        assert client.get("/accounts/password/change/").status_code == 200
    assert sum("sample_users" in query["sql"] for query in queries) == 1


def test_stranger_without_a_session_costs_no_query(client, db, django_assert_num_queries):
    with django_assert_num_queries(0):
        client.get("/accounts/login/")


class Unreachable:
    """A user that cannot be loaded."""

    @property
    def is_authenticated(self):
        raise OperationalError


def test_page_that_needs_no_user_works_while_the_database_is_down():
    seen = seen_by(Unreachable(), **{"Accept-Language": "ja"})
    assert seen["response"].status_code == 200
    assert (seen["language"], seen["time"]) == ("ja", "24 01:30")


# The switch

SWITCH = "/language/"


def test_switch_changes_the_language_of_a_stranger(client, db):
    response = client.post(SWITCH, {"language": "ja", "next": "/accounts/login/"})
    assert response.headers["Location"] == "/accounts/login/"
    assert client.get("/accounts/login/").headers["Content-Language"] == "ja"


def test_switch_works_against_the_profile_and_stays_on_other_devices(client, owner):
    owner.language = "ja"
    owner.save()
    client.force_login(owner)
    assert client.get("/accounts/profile/").headers["Content-Language"] == "ja"
    client.post(SWITCH, {"language": "en", "next": "/accounts/profile/"})
    assert client.get("/accounts/profile/").headers["Content-Language"] == "en"
    owner.refresh_from_db()
    assert owner.language == "en"
    elsewhere = Client(headers={"Accept-Language": "ja"})
    elsewhere.force_login(owner)
    assert elsewhere.get("/accounts/profile/").headers["Content-Language"] == "en"


def test_choice_stays_after_log_out(client, owner):
    client.force_login(owner)
    client.post(SWITCH, {"language": "ja"})
    client.post("/accounts/logout/")
    assert client.get("/accounts/login/").headers["Content-Language"] == "ja"


@pytest.mark.parametrize("language", ["", "fr", "xx", "../x"])
def test_language_that_camp_does_not_speak_changes_no_profile(client, owner, language):
    client.force_login(owner)
    client.post(SWITCH, {"language": language})
    owner.refresh_from_db()
    assert owner.language == ""
    assert client.get("/accounts/profile/").headers["Content-Language"] == "en"


def test_switch_leads_nowhere_foreign(client, db):
    response = client.post(SWITCH, {"language": "ja", "next": "https://evil.example/"})
    assert response.headers["Location"] == "/"


def test_switch_by_get_is_refused(client, db):
    assert client.get(SWITCH, {"language": "ja"}).status_code == 405
