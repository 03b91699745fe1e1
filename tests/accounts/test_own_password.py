"""Whoever has an open session has not got the account: its password is asked for."""

import pytest
from django.contrib.auth import get_user
from django.core import mail
from django.test import Client
from django.utils import translation

from accounts.models import User
from tests.conftest import PASSWORD

pytestmark = pytest.mark.machine

LIMIT = 5
NEW = "an even longer password"
PROFILE = {"username": "owner", "email": "owner@example.org", "time_zone": "", "language": "en"}


def change_email(client, password="", **fields):
    form = PROFILE | {"email": "new@example.net", "current_password": password}
    return client.post("/accounts/profile/", form | fields)


def change_password(client, old):
    form = {"old_password": old, "new_password1": NEW, "new_password2": NEW}
    return client.post("/accounts/password/change/", form)


def delete(client, password):
    return client.post("/accounts/delete/", {"password": password})


def log_in(client, password):
    return client.post("/accounts/login/", {"username": "owner", "password": password})


FORMS = [change_email, change_password, delete]


@pytest.fixture
def session(client, owner):
    client.force_login(owner)
    return client


def email_of(user):
    return User.objects.get(pk=user.pk).email


@pytest.mark.parametrize("password", ["", "wrong"])
def test_an_e_mail_is_not_changed_without_the_password(session, owner, password):
    response = change_email(session, password)
    assert response.status_code == 200
    assert set(response.context["form"].errors) == {"current_password"}
    assert email_of(owner) == "owner@example.org"
    assert not mail.outbox
    assert "wrong" not in response.content.decode()


def test_with_the_password_it_is_and_the_old_address_is_told(session, owner):
    User.objects.filter(pk=owner.pk).update(language="ja")
    assert change_email(session, PASSWORD, language="ja").status_code == 302
    assert email_of(owner) == "new@example.net"
    [told] = mail.outbox
    assert told.to == ["owner@example.org"]
    assert "new@example.net" not in told.body
    with translation.override("ja"):
        subject = translation.gettext("Your Camp e-mail address was changed")
    assert told.subject == subject


def test_the_rest_of_the_profile_needs_no_password(session, owner):
    response = session.post("/accounts/profile/", PROFILE | {"username": "hana"})
    assert response.status_code == 302
    assert not mail.outbox


def test_who_has_no_password_needs_none(client, owner):
    owner.set_unusable_password()
    owner.save()
    client.force_login(owner)
    assert "current_password" not in client.get("/accounts/profile/").content.decode()
    assert change_email(client).status_code == 302


@pytest.mark.parametrize("form", FORMS)
def test_wrong_passwords_lead_to_a_pause_in_which_none_is_looked_at(session, owner, form):
    for _ in range(LIMIT - 1):
        assert form(session, "wrong").status_code == 200
    for password in ("wrong", PASSWORD):
        response = form(session, password)
        assert response.status_code == 429
        assert 890 < int(response.headers["Retry-After"]) <= 900
        assert "Please try again in 15 minutes." in response.content.decode()
    owner.refresh_from_db()
    assert owner.email == "owner@example.org"
    assert owner.check_password(PASSWORD)


@pytest.mark.parametrize("last", [*FORMS, log_in])
def test_all_forms_count_together(session, owner, last):
    log_in(Client(), "wrong")
    for form in FORMS:
        assert form(session, "wrong").status_code == 200
    browser = Client() if last is log_in else session
    assert last(browser, "wrong").status_code == 429
    assert log_in(Client(), PASSWORD).status_code == 429


def test_of_many_wrong_passwords_not_all_are_looked_at(session, monkeypatch):
    looked = []
    monkeypatch.setattr(User, "check_password", lambda self, password: looked.append(password))
    for number in range(LIMIT + 3):
        FORMS[number % 3](session, f"wrong {number}")
    assert len(looked) == LIMIT


def test_the_right_one_starts_the_count_anew(session):
    for _ in range(3):
        for _ in range(LIMIT - 1):
            assert delete(session, "wrong").status_code == 200
        assert change_email(session, PASSWORD, email=mail_of(session)).status_code == 302


def mail_of(client):
    """Return an e-mail that differs from the present one."""
    return f"x{get_user(client).email}"


def test_a_link_for_a_new_password_ends_with_the_old_e_mail(session, owner):
    session.post("/accounts/password/reset/", {"email": owner.email})
    link = mail.outbox[0].body.partition("http://testserver")[2].split()[0]
    change_email(session, PASSWORD)
    assert "This link has expired" in Client().get(link, follow=True).content.decode()


def test_in_the_admin_ones_own_e_mail_and_password_are_not_changed(client, organiser):
    client.force_login(organiser)
    page = f"/admin/accounts/user/{organiser.pk}/change/"
    form = {"username": "organiser", "email": "taken@example.net"}
    assert client.post(page, form).status_code == 302
    assert email_of(organiser) == "organiser@example.org"
    for number in (organiser.pk, f"0{organiser.pk}"):
        address = f"/admin/accounts/user/{number}/password/"
        for response in (
            client.get(address),
            client.post(address, {"password1": NEW, "password2": NEW}),
        ):
            assert response.headers["Location"] == "/accounts/password/change/"
    assert User.objects.get(pk=organiser.pk).check_password(PASSWORD)


def test_an_organiser_who_changes_an_e_mail_has_the_old_address_told(client, organiser, owner):
    client.force_login(organiser)
    form = {"username": "owner", "email": "new@example.net", "is_active": "on"}
    client.post(f"/admin/accounts/user/{owner.pk}/change/", form)
    assert email_of(owner) == "new@example.net"
    assert [told.to for told in mail.outbox] == [["owner@example.org"]]
