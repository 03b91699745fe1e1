import re
import smtplib
import threading

import pytest
from django.contrib.auth import get_user
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation

from accounts.models import AttemptCounter
from camp.web import background
from tests.conftest import PASSWORD, person

CHANGE = "/accounts/password/change/"
RESET = "/accounts/password/reset/"
NEW = "an even longer password"


def change(client, old=PASSWORD, new=NEW, again=None):
    form = {"old_password": old, "new_password1": new, "new_password2": again or new}
    return client.post(CHANGE, form)


def ask(client, email="owner@example.org"):
    """Ask for a letter; return the path of its link, or None if none came."""
    response = client.post(RESET, {"email": email})
    assert response.headers["Location"] == "/accounts/password/reset/done/"
    found = re.search(r"http://testserver(/\S+)", mail.outbox[-1].body) if mail.outbox else None
    return found and found[1]


def set_new(client, link, new=NEW, again=None):
    page = client.get(link, follow=True)
    form = {"new_password1": new, "new_password2": again or new}
    return client.post(page.request["PATH_INFO"], form)


def can_log_in(user, password):
    client = Client()
    client.post("/accounts/login/", {"username": user.username, "password": password})
    return get_user(client) == user


# Change


def test_strangers_are_asked_to_log_in(client, db):
    assert client.get(CHANGE).headers["Location"] == f"/accounts/login/?next={CHANGE}"
    assert change(client).headers["Location"] == f"/accounts/login/?next={CHANGE}"
    done = client.get(f"{CHANGE}done/")
    assert done.headers["Location"] == f"/accounts/login/?next={CHANGE}done/"


def test_change_keeps_this_log_in_and_ends_all_others(client, owner):
    elsewhere = Client()
    elsewhere.force_login(owner)
    client.force_login(owner)
    response = change(client)
    assert response.headers["Location"] == f"{CHANGE}done/"
    assert "logged out on all other devices" in client.get(f"{CHANGE}done/").content.decode()
    assert get_user(client) == owner
    assert elsewhere.get("/accounts/profile/").status_code == 302
    assert can_log_in(owner, NEW)
    assert not can_log_in(owner, PASSWORD)


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"old": "wrong"}, "old_password"),
        ({"new": "short"}, "new_password2"),
        ({"again": "something else"}, "new_password2"),
        ({"new": "owner@example.org"}, "new_password2"),
    ],
)
def test_change_with_a_mistake_changes_nothing(client, owner, form, field):
    client.force_login(owner)
    response = change(client, **form)
    assert response.status_code == 200
    assert set(response.context["form"].errors) == {field}
    assert can_log_in(owner, PASSWORD)


def test_change_page_tells_password_managers_what_is_what(client, owner):
    client.force_login(owner)
    page = client.get(CHANGE).content.decode()
    assert 'autocomplete="current-password"' in page
    assert page.count('autocomplete="new-password"') == 2
    assert 'autocomplete="username"' in page


# Reset


def test_letter_sets_a_new_password(client, owner):
    elsewhere = Client()
    elsewhere.force_login(owner)
    link = ask(client)
    assert mail.outbox[0].to == ["owner@example.org"]
    assert mail.outbox[0].subject == "Reset your Camp password"
    assert "Hello owner" in mail.outbox[0].body
    assert "expires in 3 days" in mail.outbox[0].body
    response = set_new(client, link)
    assert response.headers["Location"] == "/accounts/password/reset/complete/"
    assert "Your new password is set" in client.get(response.headers["Location"]).content.decode()
    assert can_log_in(owner, NEW)
    assert elsewhere.get("/accounts/profile/").status_code == 302


def test_link_does_not_stay_in_the_address_bar(client, owner):
    link = ask(client)
    page = client.get(link, follow=True)
    token = link.rstrip("/").rpartition("/")[2]
    assert token not in page.request["PATH_INFO"]
    assert token not in page.content.decode()
    assert "no-store" in page.headers["Cache-Control"]


def test_link_works_once(client, owner):
    link = ask(client)
    set_new(client, link)
    page = Client().get(link, follow=True)
    assert "This link has expired" in page.content.decode()
    assert set_new(client, link, new="another long password").status_code == 200
    assert can_log_in(owner, NEW)


def test_link_dies_when_the_email_changes(client, owner):
    link = ask(client)
    owner.email = "new@example.org"
    owner.save()
    assert "This link has expired" in client.get(link, follow=True).content.decode()


@pytest.mark.parametrize(
    "link", [f"{RESET}MQ/set-password/", f"{RESET}x/y/", f"{RESET}!/!/", f"{RESET}{'9' * 60}/t/"]
)
def test_link_that_is_made_up_works_not(client, owner, link):
    response = client.get(link)
    assert response.status_code == 200
    assert "This link has expired" in response.content.decode()


def test_link_of_somebody_else_does_not_fit(client, owner, member):
    theirs, mine = ask(client, "member@example.org"), ask(client)
    mixed = mine.replace(mine.split("/")[-2], theirs.split("/")[-2])
    assert "This link has expired" in client.get(mixed, follow=True).content.decode()


def test_new_password_with_a_mistake_changes_nothing(client, owner):
    response = set_new(client, ask(client), again="something else")
    assert set(response.context["form"].errors) == {"new_password2"}
    assert can_log_in(owner, PASSWORD)


def test_email_is_found_in_any_case_and_written_to_as_stored(client, owner):
    assert ask(client, "OWNER@Example.org")
    assert mail.outbox[0].to == ["owner@example.org"]


def test_answer_is_the_same_without_an_account(client, owner):
    person("away", is_active=False)
    with_account = client.post(RESET, {"email": "owner@example.org"}, follow=True)
    without = client.post(RESET, {"email": "nobody@example.org"}, follow=True)
    assert with_account.redirect_chain == without.redirect_chain
    assert without_tokens(with_account) == without_tokens(without)
    assert len(mail.outbox) == 1
    client.post(RESET, {"email": "away@example.org"})
    assert len(mail.outbox) == 1


def without_tokens(response):
    page = response.content.decode()
    return re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", page)


@pytest.mark.parametrize("email", ["", "nonsense", "owner"])
def test_what_is_no_email_is_refused(client, owner, email):
    response = client.post(RESET, {"email": email})
    assert set(response.context["form"].errors) == {"email"}
    assert not mail.outbox


@pytest.mark.parametrize("stored", ["$2b$12$abcdefghijklmnopqrstuv", "", "md4:whatever", "$x$y"])
def test_accounts_with_an_unusual_hash_get_a_letter(client, owner, stored):
    owner.password = stored
    owner.save()
    set_new(client, ask(client))
    assert can_log_in(owner, NEW)


def test_account_that_must_not_have_a_password_gets_no_letter(client, owner):
    owner.set_unusable_password()
    owner.save()
    assert ask(client) is None


@pytest.mark.parametrize(
    ("profile", "browser", "language"),
    [("ja", "en", "ja"), ("en", "ja", "en"), ("", "ja", "ja"), ("", "en", "en")],
)
def test_letter_is_in_the_receivers_language(client, owner, profile, browser, language):
    owner.language = profile
    owner.save()
    client.post(RESET, {"email": owner.email}, headers={"Accept-Language": browser})
    with translation.override(language):
        assert mail.outbox[0].subject == translation.gettext("Reset your Camp password")


def test_letter_that_cannot_be_sent_changes_no_answer_and_logs_no_address(
    client, owner, monkeypatch, caplog
):
    def refuse(message, **options):
        raise smtplib.SMTPRecipientsRefused({message.to[0]: (550, b"no")})

    monkeypatch.setattr("django.core.mail.EmailMessage.send", refuse)
    ask(client)
    assert "SMTPRecipientsRefused" in caplog.text
    assert owner.email not in caplog.text
    assert owner.username not in caplog.text


def test_new_password_ends_the_waiting_after_too_many_tries(client, owner):
    for _ in range(5):
        client.post("/accounts/login/", {"username": "owner", "password": "wrong"})
    assert not can_log_in(owner, PASSWORD)
    set_new(client, ask(client))
    assert can_log_in(owner, NEW)


@pytest.mark.parametrize("path", [f"{RESET}done/", f"{RESET}complete/"])
def test_pages_on_the_way_take_no_form(client, db, path):
    assert client.get(path).status_code == 200
    assert client.post(path).status_code == 405


# How often, and when


def test_a_mailbox_gets_three_e_mails_an_hour(client, owner):
    for spelling in ["owner@example.org", "OWNER@example.org", "owner@EXAMPLE.org"] * 5:
        ask(client, spelling)
    assert len(mail.outbox) == 3
    AttemptCounter.objects.update(ends_at=timezone.now())
    ask(client)
    assert len(mail.outbox) == 4


def test_one_address_asks_for_thirty_e_mails_an_hour(client, db):
    for number in range(35):
        person(f"p{number}")
        ask(client, f"p{number}@example.org")
    assert len(mail.outbox) == 30
    client.post(RESET, {"email": "p34@example.org"}, REMOTE_ADDR="192.0.2.7")
    assert len(mail.outbox) == 31


def test_over_the_limit_the_answer_is_the_same(client, owner):
    first = client.post(RESET, {"email": "owner@example.org"}, follow=True)
    for _ in range(5):
        last = client.post(RESET, {"email": "owner@example.org"}, follow=True)
    assert first.redirect_chain == last.redirect_chain
    assert without_tokens(first) == without_tokens(last)


def test_an_asked_for_mailbox_is_not_stored(client, db):
    ask(client, "secret@example.org")
    assert "secret" not in str(list(AttemptCounter.objects.values()))


@pytest.mark.parametrize("email", ["owner@example.org", "nobody@example.org"])
def test_the_answer_does_not_look_for_the_account(client, owner, settings, monkeypatch, email):
    """What takes longer with an account happens later."""
    later = []
    monkeypatch.setattr("camp.web.background.run", lambda name, job: later.append(job))
    with CaptureQueriesContext(connection) as captured:
        ask(client, email)
    assert "sample_users" not in str(captured.captured_queries)
    assert not mail.outbox
    later[0]()
    assert len(mail.outbox) == (email == "owner@example.org")


@pytest.mark.django_db(transaction=True)
def test_an_e_mail_is_sent_by_another_thread(client, settings, monkeypatch):
    person("owner")
    settings.BACKGROUND_JOBS_INLINE = False
    may_send, send = threading.Event(), mail.EmailMessage.send

    def wait(message, **options):
        assert may_send.wait(20)
        return send(message, **options)

    monkeypatch.setattr("django.core.mail.EmailMessage.send", wait)
    assert ask(client) is None  # the answer is there
    may_send.set()
    assert background.drain(20) == 0
    assert mail.outbox[0].to == ["owner@example.org"]
