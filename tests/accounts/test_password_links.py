"""Where Camp sends no mail, organisers hand over one-time links to set a new password."""

import re

import pytest
from django.contrib.auth import get_user
from django.core import mail
from django.test import Client
from django.utils import timezone

from camp.operations.diagnostics import database
from tests.admin_pages import browser
from tests.conftest import person

RESET = "/accounts/password/reset/"
NEW = "an even longer password"


@pytest.fixture
def without_mail(settings):
    settings.EMAIL_IS_SET_UP = False


@pytest.fixture
def as_organiser(organiser):
    return browser(organiser)


def page_of(user):
    return f"/admin/accounts/user/{user.pk}/password-link/"


def create(client, user):
    """Return the path of a new link, or None."""
    found = re.search(r'value="http://testserver(/[^"]+)"', client.post(page_of(user)).text)
    return found and found[1]


def set_password(link, new=NEW):
    client = Client()
    page = client.get(link, follow=True)
    return client.post(page.request["PATH_INFO"], {"new_password1": new, "new_password2": new})


def test_the_reset_page_says_whom_to_ask_and_sends_nothing(client, owner, without_mail):
    for response in (client.get(RESET), client.post(RESET, {"email": owner.email})):
        assert response.status_code == 200
        assert "Ask an organiser" in response.text
        assert "<form" not in response.text.partition("<main")[2].partition("</main>")[0]
    assert not mail.outbox


def test_the_lock_out_page_says_the_same(client, owner, without_mail, settings):
    settings.AXES_FAILURE_LIMIT = 1
    form = {"username": owner.username, "password": "wrong"}
    for _ in range(2):
        response = client.post("/accounts/login/", form)
    assert response.status_code == 429
    assert "ask an organiser for a link" in response.text


def test_a_link_sets_the_password_once(as_organiser, owner):
    link = create(as_organiser, owner)
    assert set_password(link).status_code == 302
    owner.refresh_from_db()
    assert owner.check_password(NEW)
    assert set_password(link, "a third long password").status_code == 200
    owner.refresh_from_db()
    assert owner.check_password(NEW)


def test_a_log_in_with_the_old_password_ends_the_link(as_organiser, owner):
    link = create(as_organiser, owner)
    owner.last_login = timezone.now()
    owner.save()
    assert set_password(link).status_code == 200
    owner.refresh_from_db()
    assert not owner.check_password(NEW)


def test_opening_the_page_creates_nothing_and_the_user_page_links_to_it(as_organiser, owner):
    assert page_of(owner) in as_organiser.get(f"/admin/accounts/user/{owner.pk}/change/").text
    response = as_organiser.get(page_of(owner))
    assert response.status_code == 200
    assert "http://testserver/accounts" not in response.text


def test_links_are_limited_and_noted_in_the_history(as_organiser, owner):
    links = [create(as_organiser, owner) for _ in range(4)]
    assert all(links[:3])
    assert links[3] is None
    assert as_organiser.post(page_of(owner)).status_code == 429
    history = as_organiser.get(f"/admin/accounts/user/{owner.pk}/history/").text
    assert "Created a password link." in history
    assert links[0].split("/")[-2] not in history


def test_only_who_may_change_the_account_creates_links(client, as_organiser, owner, member):
    assert client.post(page_of(owner)).status_code == 302
    assert browser(member).post(page_of(owner)).status_code in (302, 403)
    other = person("other-organiser", is_staff=True)
    assert browser(other).post(page_of(owner)).status_code == 403
    assert as_organiser.post("/admin/accounts/user/999999/password-link/").status_code == 404
    assert as_organiser.put(page_of(owner)).status_code == 405
    themselves = get_user(as_organiser)
    assert as_organiser.post(page_of(themselves)).status_code == 403
    owner.is_active = False
    owner.save()
    assert as_organiser.post(page_of(owner)).status_code == 403


def test_doctor_mentions_missing_mail_once_there_are_people(db, without_mail):
    assert "accounts.mail" not in {each.id for each in database.check_accounts()}
    person("mika")
    assert "accounts.mail" in {each.id for each in database.check_accounts()}
