import pytest
from django.contrib.auth import get_user
from django.test import Client

from tests.conftest import PASSWORD, person

LOGIN = "/accounts/login/"
REFUSAL = "No active account has this user name or e-mail and this password."


def log_in(client, username="owner", password=PASSWORD, **fields):
    return client.post(LOGIN, {"username": username, "password": password, **fields})


def logged_in(client):
    return get_user(client).is_authenticated


def test_page_has_a_form_that_password_managers_fill(client, db):
    page = client.get(LOGIN).content.decode()
    assert 'autocomplete="username"' in page
    assert 'autocomplete="current-password"' in page
    assert 'maxlength="255"' in page  # an e-mail may be longer than a user name


@pytest.mark.parametrize(
    "login", ["owner", "OWNER", "owner@example.org", "Owner@EXAMPLE.org", " owner ", "ｏｗｎｅｒ"]
)
def test_name_and_email_log_in_in_any_case(client, owner, login):
    assert log_in(client, login).headers["Location"] == "/"
    assert get_user(client) == owner


def test_long_email_logs_in(client, db):
    user = person("long", language="en")
    user.email = f"{'l' * 60}@{'example.' * 20}org"
    user.save()
    log_in(client, user.email)
    assert get_user(client) == user


@pytest.mark.parametrize(
    ("login", "password"),
    [("owner", "wrong"), ("owner", PASSWORD.upper()), ("nobody", PASSWORD), ("own", PASSWORD)],
)
def test_wrong_name_or_password_is_refused_in_the_same_words(client, owner, login, password):
    response = log_in(client, login, password)
    assert response.status_code == 200
    assert REFUSAL in response.content.decode()
    assert password not in response.content.decode()
    assert not logged_in(client)


@pytest.mark.parametrize("fields", [{}, {"username": "owner"}, {"password": PASSWORD}])
def test_missing_fields_are_asked_for(client, owner, fields):
    response = client.post(LOGIN, fields)
    assert "This field is required." in response.content.decode()
    assert not logged_in(client)


def test_null_character_is_refused(client, owner):
    assert "Null characters are not allowed." in log_in(client, "ow\0ner").content.decode()


def test_inactive_user_is_refused_in_the_same_words(client, db):
    person("away", is_active=False)
    assert REFUSAL in log_in(client, "away").content.decode()
    assert not logged_in(client)


def test_open_log_in_ends_when_the_user_is_deactivated(client, owner):
    log_in(client)
    assert client.get("/accounts/profile/").status_code == 200
    owner.is_active = False
    owner.save()
    assert client.get("/accounts/profile/").status_code == 302
    assert not logged_in(client)


def test_goes_on_to_the_page_that_asked_for_the_log_in(client, owner):
    page = client.get("/accounts/profile/", follow=True)
    assert page.request["PATH_INFO"] == LOGIN
    assert 'name="next" value="/accounts/profile/"' in page.content.decode()
    response = log_in(client, next="/accounts/profile/")
    assert response.headers["Location"] == "/accounts/profile/"


@pytest.mark.parametrize(
    "address", ["https://evil.example/", "//evil.example", "javascript:alert(1)", LOGIN, ""]
)
def test_goes_home_instead_of_to_a_foreign_address_or_in_circles(client, owner, address):
    assert log_in(client, next=address).headers["Location"] == "/"
    assert client.get(LOGIN, {"next": address}).headers["Location"] == "/"


def test_whoever_is_logged_in_is_sent_on(client, owner):
    client.force_login(owner)
    assert client.get(LOGIN).headers["Location"] == "/"
    response = client.get(LOGIN, {"next": "/accounts/profile/"})
    assert response.headers["Location"] == "/accounts/profile/"


def test_session_gets_a_new_key(client, owner):
    session = client.session
    session["before"] = True
    session.save()
    log_in(client)
    assert client.session.session_key != session.session_key


def test_sign_up_is_offered_only_where_it_is_open(client, db, settings):
    settings.SIGNUP_OPEN = True
    assert "/accounts/signup/" in client.get(LOGIN).content.decode()
    settings.SIGNUP_OPEN = False
    assert "/accounts/signup/" not in client.get(LOGIN).content.decode()


def test_password_is_not_cached(client, db):
    assert "no-store" in client.get(LOGIN).headers["Cache-Control"]


def test_log_out_ends_the_log_in_and_says_so(client, owner):
    client.force_login(owner)
    response = client.post("/accounts/logout/", follow=True)
    assert response.redirect_chain == [("/", 302)]
    assert "You are logged out." in response.content.decode()
    assert not logged_in(client)


def test_log_out_by_get_is_refused(client, owner):
    client.force_login(owner)
    assert client.get("/accounts/logout/").status_code == 405
    assert logged_in(client)


def test_log_out_of_nobody_is_harmless(client, db):
    assert client.post("/accounts/logout/").headers["Location"] == "/"


def test_log_out_needs_the_token_of_a_form(owner):
    client = Client(enforce_csrf_checks=True)
    client.force_login(owner)
    assert client.post("/accounts/logout/").status_code == 403
    assert logged_in(client)
