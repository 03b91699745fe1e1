"""Messages are deleted, and their deletion is undone."""

import json
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.urls import reverse
from django.utils import timezone

from sessions_app.models import Member, Message, Session
from tests.admin_pages import browser, changelist, page

pytestmark = pytest.mark.django_db


@pytest.fixture
def membership(session, member):
    return Member.objects.create(session=session, user=member, may_write=True)


def address(name, message):
    return reverse(f"sessions:{name}", args=[message.session.session_id, message.pk])


def delete(client, message):
    return client.post(address("message_delete", message), follow=True)


def test_a_deletion_offers_undo_and_undo_brings_it_back(as_owner, session):
    message = session.messages.get(content="First")
    before = Message.objects.filter(pk=message.pk).values().get()
    html = delete(as_owner, message).content.decode()
    assert "The message was deleted." in html
    assert f'action="{address("message_restore", message)}"' in html
    assert "First" not in html
    for _ in range(2):  # a second undo is no error
        response = as_owner.post(address("message_restore", message))
        assert response.headers["Location"].endswith(f"#message-{message.pk}")
    assert Message.objects.filter(pk=message.pk).values().get() == before


def test_a_deleted_message_is_nowhere(as_owner, session):
    message = session.messages.get(content="First")
    delete(as_owner, message)
    page = session.get_absolute_url()
    assert "First" not in as_owner.get(page).content.decode()
    assert not Session.objects.search("first")
    assert "First" not in b"".join(as_owner.get(f"{page}export.md")).decode()
    exported = json.loads(b"".join(as_owner.get(f"{page}export.json")))
    assert [each["content"] for each in exported["messages"]] == ["Second", "Third"]
    assert "2 messages" in as_owner.get("/sessions/").content.decode()
    for name in ("message", "message_edit", "message_delete"):
        assert as_owner.get(address(name, message)).status_code == 404


def test_the_owner_of_a_session_may_delete_any_message(session, membership, as_owner, as_member):
    written = Message.objects.create(session=session, author=membership.user, content="Rude")
    html = as_owner.get(session.get_absolute_url()).content.decode()
    for message in (written, session.messages.get(role="assistant")):
        assert f'href="{address("message_delete", message)}"' in html
        delete(as_owner, message)
        # Who wrote it cannot undo that.
        assert as_member.post(address("message_restore", message)).status_code == 403
        message.refresh_from_db()
        assert message.deleted_at
        as_owner.post(address("message_restore", message))
        message.refresh_from_db()
        assert message.deleted_at is None


def test_what_its_author_deleted_comes_back_by_both(session, membership, as_owner, as_member):
    message = Message.objects.create(session=session, author=membership.user, content="Oops")
    for client in (as_member, as_owner):
        delete(as_member, message)
        client.post(address("message_restore", message))
        message.refresh_from_db()
        assert message.deleted_at is None


def test_nobody_else_reaches_a_deleted_message(session, as_owner, as_stranger):
    message = session.messages.get(content="First")
    delete(as_owner, message)
    assert as_stranger.post(address("message_restore", message)).status_code == 404
    assert as_owner.get(address("message_restore", message)).status_code == 405


def test_organisers_see_it_marked_as_deleted(organiser, session, as_owner):
    message = session.messages.get(content="First")
    delete(as_owner, message)
    client = browser(organiser)
    assert "First" in client.get(changelist("sessions_app_message") + "?trash=yes").content.decode()
    for url in (
        page("sessions_app_session", "change", session.pk),
        reverse("admin:sessions_app_session_read", args=[session.pk]),
    ):
        html = client.get(url).content.decode()
        assert html.count(">Deleted<") == 1
        assert "First" in html


def test_the_sweep_deletes_it_for_good_after_the_time_of_the_trash(session, as_owner, settings):
    old, recent, _kept = session.messages.order_by("id")
    for message in (old, recent):
        delete(as_owner, message)
    expired = timezone.now() - timedelta(days=settings.TRASH_DAYS, minutes=1)
    Message.objects.filter(pk=old.pk).update(deleted_at=expired)
    call_command("sweep", "--dry-run", verbosity=0)
    assert Message.objects.count() == 3
    call_command("sweep", verbosity=0)
    assert not Message.objects.filter(pk=old.pk)
    assert Message.objects.count() == 2
