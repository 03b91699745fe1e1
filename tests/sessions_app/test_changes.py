"""What an open page of a session asks for: its changes."""

import pytest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape

from sessions_app.models import Member, Message
from sessions_app.revisions import mark_changed
from tests.sessions_app.test_detail import write


def address(session):
    return reverse("sessions:changes", args=[session.session_id])


def poll(browser, session, etag="", **params):
    """Return the response to a page that knows `etag`."""
    headers = {"if-none-match": etag} if etag else {}
    return browser.get(address(session), params, headers=headers)


def etag_of(browser, session):
    return poll(browser, session).headers["ETag"]


@pytest.fixture
def as_reader(session, member, as_member):
    """The browser of a member who may only read."""
    Member.objects.create(session=session, user=member)
    return as_member


def test_a_page_learns_what_is_shown(as_reader, session):
    first, second, third = session.messages.order_by("pk")
    response = poll(as_reader, session, last=second.pk)
    body = response.json()
    assert response.headers["Cache-Control"].startswith("max-age=0, no-cache, no-store")
    assert body["messages"] == [[each.pk, ""] for each in (first, second, third)]
    assert (body["title"], body["mayWrite"], body["complete"]) == ("Summer camp", False, True)
    assert f'id="message-{third.pk}"' in body["html"]
    assert f'id="message-{second.pk}"' not in body["html"]
    assert "This session has no files yet." in body["parts"]["files"]


def test_nothing_new_is_304_and_two_queries(as_reader, session, django_assert_num_queries):
    etag = etag_of(as_reader, session)
    with django_assert_num_queries(2):  # who is logged in, and the session
        response = poll(as_reader, session, etag)
    assert (response.status_code, response.content) == (304, b"")


def test_the_page_has_the_etag_of_what_it_shows(as_reader, session):
    etag = etag_of(as_reader, session)
    html = as_reader.get(session.get_absolute_url()).content.decode()
    assert f'data-etag="{escape(etag)}"' in html


def test_only_who_sees_the_session_may_ask(as_stranger, session, client):
    assert poll(as_stranger, session).status_code == 404
    assert poll(client, session).status_code == 302


def test_no_more_than_reading(as_owner, session):
    assert as_owner.post(address(session)).status_code == 405


def test_a_removed_member_gets_404_even_with_the_right_etag(as_reader, session, member):
    etag = etag_of(as_reader, session)
    Member.objects.filter(user=member).delete()
    assert poll(as_reader, session, etag).status_code == 404


def test_a_deactivated_member_is_logged_out(as_reader, session, member):
    etag = etag_of(as_reader, session)
    member.is_active = False
    member.save()
    assert poll(as_reader, session, etag).status_code == 302


def test_a_right_that_changed_is_new(as_reader, session, member):
    etag = etag_of(as_reader, session)
    Member.objects.filter(user=member).update(may_write=True)
    assert poll(as_reader, session, etag).json()["mayWrite"]


def test_another_language_is_new(as_reader, session):
    etag = etag_of(as_reader, session)
    headers = {"if-none-match": etag, "accept-language": "ja"}
    body = as_reader.get(address(session), headers=headers).json()
    assert "まだ" in body["parts"]["files"]


CHANGES = {
    "message": ("message_create", {"content": "Fourth"}),
    "edit": ("message_edit", {"content": "Changed"}),
    "deletion": ("message_delete", {}),
    "title": ("rename", {"title": "Winter camp"}),
}


@pytest.mark.parametrize("kind", CHANGES)
def test_each_change_is_new(as_owner, as_reader, session, kind):
    first, _second, third = session.messages.order_by("pk")
    etag = etag_of(as_reader, session)
    name, fields = CHANGES[kind]
    arguments = [session.session_id, *([first.pk] if name.startswith("message_") else [])]
    if kind == "message":
        arguments.pop()
    as_owner.post(reverse(f"sessions:{name}", args=arguments), fields)
    response = poll(as_reader, session, etag, last=third.pk, ids=first.pk)
    assert response.status_code == 200
    body = response.json()
    shown = dict(body["messages"])
    assert ("Fourth" in body["html"]) is (kind == "message")
    assert bool(shown.get(first.pk)) is (kind == "edit")
    assert ("Changed" in body["html"]) is (kind == "edit")
    assert (first.pk not in shown) is (kind == "deletion")
    assert (body["title"] == "Winter camp") is (kind == "title")


@pytest.mark.parametrize("name", ["message", "session"])
def test_changes_by_organisers_are_new(
    as_reader, admin_client, session, name, django_capture_on_commit_callbacks
):
    message = session.messages.first()
    url = reverse(f"admin:sessions_app_{name}_change", args=[locals()[name].pk])
    if name == "message":
        url = reverse("admin:sessions_app_message_delete", args=[message.pk])
    etag = etag_of(as_reader, session)
    fields = {"title": "Winter camp", "user": session.user_id, "post": "yes"}
    inline = {f"{name}-TOTAL_FORMS": 0 for name in ("messages", "members")}
    inline |= {f"{name}-INITIAL_FORMS": 0 for name in ("messages", "members")}
    with django_capture_on_commit_callbacks(execute=True):
        response = admin_client.post(url, fields | inline)
    assert response.status_code == 302, response.context["adminform"].form.errors
    assert poll(as_reader, session, etag).status_code == 200


def test_a_file_is_new(as_reader, session, file):
    etag = etag_of(as_reader, session)
    mark_changed([session.pk])
    assert "地図.pdf" in poll(as_reader, session, etag).json()["parts"]["files"]


def test_an_earlier_page_is_about_its_messages_only(as_owner, untitled):
    rows = write(untitled, 203)
    page = as_owner.get(untitled.get_absolute_url()).context["page"]
    earlier = as_owner.get(untitled.get_absolute_url() + page.next_url).context["range"]
    body = poll(as_owner, untitled, **earlier).json()
    assert [pk for pk, _stamp in body["messages"]] == [row.pk for row in rows[:3]]
    newest = as_owner.get(untitled.get_absolute_url()).context["range"]
    body = poll(as_owner, untitled, **newest).json()
    assert [pk for pk, _stamp in body["messages"]] == [row.pk for row in rows[3:]]


def test_a_page_that_grew_beyond_its_limit_is_told(as_owner, untitled, monkeypatch):
    monkeypatch.setattr("sessions_app.reading.OPEN_PAGE_SIZE", 3)
    rows = write(untitled, 4)
    body = poll(as_owner, untitled).json()
    assert [pk for pk, _stamp in body["messages"]] == [row.pk for row in rows[1:]]
    assert not body["complete"]


@pytest.mark.parametrize(
    "params", [{"from": "x"}, {"to": "W10"}, {"from": "WzEsMl0"}, {"ids": "1,x"}, {"last": "-1"}]
)
def test_other_ranges_are_not_found(as_owner, session, params):
    assert poll(as_owner, session, **params).status_code == 404


def test_the_messages_of_other_sessions_stay_there(as_owner, session, stranger):
    other = Message.objects.create(session=type(session).objects.create(user=stranger))
    html = poll(as_owner, session, ids=other.pk).json()["html"]
    assert f"message-{other.pk}" not in html


def test_polls_without_news_are_not_in_the_log(as_reader, session, caplog):
    etag = etag_of(as_reader, session)
    caplog.clear()
    poll(as_reader, session, etag)
    assert not [record for record in caplog.records if record.name == "camp.access"]


@pytest.mark.parametrize("change", ["edited_at", "deleted_at"])
def test_a_change_of_the_answered_message_is_one_of_the_answer(as_owner, session, change):
    first, second, third = session.messages.order_by("pk")
    session.messages.filter(pk=third.pk).update(reply_to=first)
    before = dict(poll(as_owner, session).json()["messages"])
    session.messages.filter(pk=first.pk).update(**{change: timezone.now()})
    after = dict(poll(as_owner, session).json()["messages"])
    assert before[third.pk] != after[third.pk]
    assert before[second.pk] == after[second.pk]
    html = as_owner.get(session.get_absolute_url()).content.decode()
    assert f'data-stamp="{after[third.pk]}"' in html


def test_what_is_shown_to_somebody_is_read(as_reader, session, member):
    poll(as_reader, session)
    assert not member.read_marks.exists()
    poll(as_reader, session, seen=1)
    assert member.read_marks.get().read_up_to == session.messages.latest("pk").created_at
