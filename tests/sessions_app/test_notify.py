"""E-mail about what is new in sessions."""

import re
import smtplib
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from django.contrib.auth import get_user_model
from django.core import mail
from django.core.mail.backends import locmem
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from camp.operations.diagnostics import database
from sessions_app import notifications
from sessions_app.models import Member, Message, ReadMark, Session
from sessions_app.notifications import notify

LATER = timedelta(minutes=10)


@pytest.fixture(autouse=True)
def mail_server(settings):
    """E-mail is set up, and this Camp has a public address."""
    settings.EMAIL_IS_SET_UP = True
    settings.SITE_URL = "https://camp.example.org"


@pytest.fixture
def shared(session, member):
    """A session with a member, who has read all of it and wants e-mail at once."""
    Member.objects.create(session=session, user=member, may_write=True)
    ReadMark.objects.create(session=session, user=member, read_up_to=timezone.now())
    want(member, "at_once")
    return session


def want(user, kind, **fields):
    """Have a user want e-mail from now on."""
    get_user_model().objects.filter(pk=user.pk).update(
        email_news=kind, **{"notified_up_to": timezone.now(), **fields}
    )


def write(session, author, content="Hello"):
    """Write a message."""
    message = Message.objects.create(session=session, author=author, content=content)
    session.touch()
    return message


def run(after=LATER):
    """Send what is due so long from now; returns the e-mails sent by that."""
    mail.outbox.clear()
    notify(timezone.now() + after)
    return mail.outbox


def test_new_messages_are_told_once_with_links(shared, owner, member):
    write(shared, owner)
    write(shared, owner)
    write(shared, member, "My own")
    [email] = run()
    assert email.to == [member.email]
    assert email.subject == "Summer camp: 2 new messages"
    assert f"https://camp.example.org{shared.get_absolute_url()}" in email.body
    assert "(owner)" in email.body
    assert run(2 * LATER) == []


def test_news_wait_until_it_is_quiet_but_not_for_ever(shared, owner):
    write(shared, owner)
    assert run(timedelta(minutes=3)) == []
    old = write(shared, owner)
    Message.objects.filter(pk=old.pk).update(created_at=timezone.now() + timedelta(minutes=28))
    [email] = run(timedelta(minutes=31))
    assert email.subject == "Summer camp: 2 new messages"


def test_a_mention_comes_first(shared, owner, member):
    other = Session.objects.create(user=owner, title="Other")
    Member.objects.create(session=other, user=member)
    write(other, owner, "@members are not @MEMBER2 or x@member")
    write(shared, owner, "Can you bring water, @Member?")
    [email] = run()
    assert email.subject == "You are mentioned in “Summer camp”"
    assert email.body.count("You are mentioned.") == 1
    assert email.body.index("Summer camp") < email.body.index("Other")


def test_what_was_read_or_cannot_be_seen_is_not_told(shared, owner, member, as_member):
    write(shared, owner)
    as_member.get(shared.get_absolute_url())
    removed = Session.objects.create(user=owner, title="Removed")
    membership = Member.objects.create(session=removed, user=member)
    write(removed, owner)
    membership.delete()
    trashed = Session.objects.create(user=owner, title="Trashed")
    Member.objects.create(session=trashed, user=member)
    write(trashed, owner)
    trashed.trash()
    kept = Session.objects.create(user=owner, title="Kept")
    Member.objects.create(session=kept, user=member)
    write(kept, owner).trash()
    assert run() == []


def test_who_wants_none_or_is_gone_gets_none(shared, owner, member):
    write(shared, owner)
    want(member, None)
    assert run() == []
    want(member, "at_once", is_active=False, notified_up_to=timezone.now() - LATER)
    assert run() == []


def test_an_owner_is_told_of_what_others_write(shared, owner, member):
    want(owner, "at_once")
    write(shared, member)
    [email] = run()
    assert email.to == [owner.email]
    alone = Session.objects.create(user=owner, title="Alone")
    Message.objects.create(session=alone, role="assistant", content="Answer")
    alone.touch()
    assert run(2 * LATER) == []


def test_a_daily_email_comes_in_the_morning_of_the_person(shared, owner, member):
    last = datetime(2030, 6, 1, 0, 0, tzinfo=UTC)  # 9:00 in Tokyo
    want(member, "daily", time_zone="Asia/Tokyo", language="ja", notified_up_to=last)
    ReadMark.objects.all().delete()
    message = write(shared, owner)
    Message.objects.exclude(pk=message.pk).delete()
    Message.objects.filter(pk=message.pk).update(created_at=last + timedelta(hours=1))
    Session.objects.filter(pk=shared.pk).update(updated_at=last + timedelta(hours=1))
    sent = []
    for hour in (2, 21, 22, 23, 30, 46):  # 11:00, 6:00, 7:00, 8:00, 15:00, 7:00
        mail.outbox.clear()
        notify(last + timedelta(hours=hour))
        sent.append(len(mail.outbox))
        if mail.outbox:
            assert mail.outbox[0].subject.endswith(" 1 件")
    assert sent == [0, 0, 1, 0, 0, 0]


class Failing(locmem.EmailBackend):
    """A mail server that fails with `error`."""

    error = None

    def send_messages(self, messages):
        raise self.error


@pytest.mark.parametrize(
    ("error", "is_sent_later"),
    [
        (smtplib.SMTPServerDisconnected("owner@example.org"), True),
        (smtplib.SMTPRecipientsRefused({"member@example.org": (450, b"later")}), True),
        (smtplib.SMTPRecipientsRefused({"member@example.org": (550, b"unknown")}), False),
        (smtplib.SMTPDataError(554, b"spam"), False),
    ],
)
def test_an_email_that_failed_is_tried_again_if_that_may_help(
    shared, owner, settings, caplog, error, is_sent_later
):
    write(shared, owner)
    working, Failing.error = settings.EMAIL_BACKEND, error
    settings.EMAIL_BACKEND = f"{__name__}.Failing"
    assert run() == []
    assert "@" not in caplog.text
    settings.EMAIL_BACKEND = working
    assert len(run()) == is_sent_later


def test_a_mail_server_that_is_down_is_reported(shared, owner, settings):
    write(shared, owner)
    for number in range(4):
        user = get_user_model().objects.create_user(f"m{number}", f"m{number}@example.org", "x")
        Member.objects.create(session=shared, user=user)
        want(user, "at_once", notified_up_to=timezone.now() - timedelta(hours=2))
    Message.objects.update(created_at=timezone.now() - timedelta(hours=1))
    settings.EMAIL_BACKEND, Failing.error = f"{__name__}.Failing", OSError("down")
    with pytest.raises(CommandError, match="waits for the next run"):
        call_command("notify")


def test_two_runs_at_once_send_one_email(shared, owner, monkeypatch):
    write(shared, owner)
    runs = []

    def during(*args):
        if not runs:
            runs.append(0)
            runs.append(notify(timezone.now() + LATER))
        return real(*args)

    real = notifications.claim
    monkeypatch.setattr(notifications, "claim", during)
    assert len(run()) == 1
    assert runs == [0, 1]


def test_the_link_stops_the_emails_without_a_log_in(shared, owner, member, caplog):
    write(shared, owner)
    [email] = run()
    [url] = re.findall(r"https://camp.example.org(/accounts/news/stop/\S+)", email.body)
    assert email.extra_headers["List-Unsubscribe"] == f"<https://camp.example.org{url}>"
    assert email.extra_headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    client = Client(enforce_csrf_checks=True, headers={"accept-language": "en"})
    assert "Stop these e-mails" in client.get(urlsplit(url).path).content.decode()
    member.refresh_from_db()
    assert member.email_news == "at_once"
    response = client.post(url, {"List-Unsubscribe": "One-Click"})
    assert response.status_code == 200
    assert "no e-mail about new messages" in response.content.decode()
    member.refresh_from_db()
    assert member.email_news is None
    assert url.split("/")[-2] not in caplog.text


def test_the_profile_offers_it_where_mail_is_set_up(as_member, member, settings):
    url = "/accounts/profile/"
    fields = {"username": "member", "email": member.email, "email_news": "daily"}
    assert as_member.post(url, fields).status_code == 302
    member.refresh_from_db()
    assert member.email_news == "daily"
    assert timezone.now() - member.notified_up_to < LATER
    settings.EMAIL_IS_SET_UP = False
    assert "email_news" not in as_member.get(url).content.decode()


def test_many_people_cost_few_queries(shared, owner, django_assert_max_num_queries):
    people = get_user_model().objects
    people.bulk_create(
        people.model(
            username=f"p{number}",
            email=f"p{number}@example.org",
            email_news="at_once" if number % 2 else "daily",
            notified_up_to=timezone.now(),
        )
        for number in range(50)
    )
    write(shared, owner)
    with django_assert_max_num_queries(12):
        assert len(run()) == 1


def test_doctor_says_when_nothing_sends_them(shared, owner, member, settings):
    def findings():
        return {each.id for each in database.check_accounts()}

    write(shared, owner)
    assert not findings() & {"accounts.news", "accounts.news_links"}
    long_ago = timezone.now() - timedelta(days=3)
    Session.objects.update(updated_at=long_ago)
    want(member, "at_once", notified_up_to=long_ago - LATER)
    settings.SITE_URL, settings.ALLOWED_HOSTS = "", ["localhost"]
    assert findings() >= {"accounts.news", "accounts.news_links"}


def test_the_sweep_sends_them_too(shared, owner, capsys):
    write(shared, owner)
    Message.objects.update(created_at=timezone.now() - timedelta(hours=1))
    people = get_user_model().objects
    people.update(notified_up_to=timezone.now() - timedelta(hours=2))
    ReadMark.objects.all().delete()
    call_command("sweep")
    assert "1 e-mail about news sent." in capsys.readouterr().out
