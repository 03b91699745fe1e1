"""What the scripts of an open page are told of who is logged in."""

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

URL = "/accounts/current/"


@pytest.fixture
def person(db):
    return get_user_model().objects.create_user("hana", "hana@example.org", "secret")


def test_it_names_who_is_logged_in(client, person):
    client.force_login(person)
    answer = client.get(URL)
    told = answer.json()
    assert (told["account"], told["name"]) == (str(person.pk), person.username)
    assert "no-store" in answer.headers["Cache-Control"]


def test_nobody_is_nobody(client, db):
    told = client.get(URL).json()
    assert (told["account"], told["name"]) == ("", "")


def test_its_token_is_good_for_a_change(person):
    client = Client(enforce_csrf_checks=True)
    client.force_login(person)
    token = client.get(URL).json()["token"]
    assert client.post("/accounts/logout/", headers={"x-csrftoken": token}).status_code == 302


def test_it_changes_nothing(client, db):
    assert client.post(URL).status_code == 405
