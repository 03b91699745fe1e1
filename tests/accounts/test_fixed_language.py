"""CAMP_LANGUAGE: one language for everybody."""

import pytest
from django.core import mail
from django.urls import reverse

from accounts.emails import send_to_user
from tests.conftest import person

CHOICE = 'name="language"'
ENGLISH = {"accept-language": "en"}


@pytest.fixture
def in_japanese(settings):
    settings.CAMP_LANGUAGE = settings.LANGUAGE_CODE = "ja"
    settings.LANGUAGES = [("ja", "日本語")]


@pytest.fixture
def reader(client, db):
    """An organiser who chose English, and whose browser asks for it."""
    reader = person("reader", language="en", is_staff=True, is_superuser=True)
    client.force_login(reader)
    return reader


@pytest.mark.parametrize("name", ["home", "accounts:profile", "admin:index"])
def test_pages_have_the_language_and_no_switch(client, reader, in_japanese, name):
    response = client.get(reverse(name), headers=ENGLISH)
    assert response.headers["Content-Language"] == "ja"
    assert CHOICE not in response.content.decode()


def test_a_choice_of_before_does_not_count(client, reader, in_japanese):
    client.post(reverse("set_language"), {"language": "en", "next": "/"})
    assert client.get("/", headers=ENGLISH).headers["Content-Language"] == "ja"
    assert "見つかりません" in client.get("/nowhere/", headers=ENGLISH).content.decode()


def test_a_profile_keeps_its_choice_for_later(client, reader, in_japanese):
    fields = {"username": "reader", "email": reader.email, "time_zone": "Asia/Tokyo"}
    client.post(reverse("accounts:profile"), fields)
    reader.refresh_from_db()
    assert (reader.time_zone, reader.language) == ("Asia/Tokyo", "en")


def test_e_mails_have_the_language(client, reader, in_japanese):
    template = "accounts/email/email_changed"
    context = {"user": reader, "site_name": "camp.example.org"}
    client.get("/", headers=ENGLISH)
    send_to_user(reader, reader.email, f"{template}_subject.txt", f"{template}.txt", context)
    assert "メールアドレス" in mail.outbox[0].subject + mail.outbox[0].body


def test_without_it_there_is_a_switch(client, reader):
    assert CHOICE in client.get("/").content.decode()
