"""What is new in a session since somebody looked."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from sessions_app.models import Member, Message, ReadMark, Session

SEPARATOR = 'role="separator"'


@pytest.fixture
def shared(session, member):
    """A session that a member may write in."""
    Member.objects.create(session=session, user=member, may_write=True)
    return session


@pytest.fixture
def long(shared, owner):
    """The session with 500 messages, a second apart."""
    start = timezone.now() - timedelta(hours=1)
    rows = [Message(session=shared, author=owner, content=f"m{number}") for number in range(500)]
    Message.objects.bulk_create(rows)
    for number, row in enumerate(rows):
        row.created_at = start + timedelta(seconds=number)
    Message.objects.bulk_update(rows, ["created_at"])
    shared.messages.filter(pk__lt=rows[0].pk).delete()
    return shared


def unread(client, session):
    """Return the number of unread messages in the list."""
    page = client.get("/sessions/").context["page"]
    return next(row.unread_count for row in page if row.id == session.pk)


def test_opening_the_page_marks_what_it_shows(shared, as_member):
    assert unread(as_member, shared) == 3
    as_member.get(shared.get_absolute_url())
    assert unread(as_member, shared) == 0


def test_a_line_stands_before_the_first_unread_message(shared, as_member, as_owner, member):
    url = shared.get_absolute_url()
    as_member.get(url)
    assert SEPARATOR not in as_member.get(url).content.decode()
    as_member.post(f"{url}messages/", {"content": "Fourth"})
    as_owner.post(f"{url}messages/", {"content": "Fifth"})
    as_owner.post(f"{url}messages/", {"content": "Sixth"})
    html = as_member.get(url).content.decode()
    assert html.count(SEPARATOR) == 1
    assert html.index("Fourth") < html.index(SEPARATOR) < html.index("Fifth")


def test_own_messages_are_never_unread(shared, as_member, as_owner):
    url = f"{shared.get_absolute_url()}messages/"
    as_member.post(url, {"content": "Mine"})
    assert unread(as_member, shared) == 3
    assert unread(as_owner, shared) == 1


def test_deleted_messages_are_not_unread(shared, as_member):
    shared.messages.get(content="Third").trash()
    assert unread(as_member, shared) == 2


def test_an_own_session_has_news_once_somebody_is_added(session, as_owner, member, owner):
    Message.objects.create(session=session, role="assistant", content="Before")
    as_owner.get(session.get_absolute_url())
    assert not ReadMark.objects.exists()
    Member.objects.create(session=session, user=member, may_write=True)
    assert unread(as_owner, session) == 0
    Message.objects.create(session=session, author=member, content="After")
    assert unread(as_owner, session) == 1
    assert SEPARATOR in as_owner.get(session.get_absolute_url()).content.decode()


def test_an_earlier_page_does_not_mark_later_messages(long, as_member):
    url = long.get_absolute_url()
    earlier = as_member.get(url).context["page"].next_url
    ReadMark.objects.all().delete()
    as_member.get(url + earlier)
    assert unread(as_member, long) == 99 + 1
    latest = ReadMark.objects.get().read_up_to
    assert long.messages.filter(created_at__gt=latest).count() == 200


def test_a_link_leads_to_news_that_begin_on_an_earlier_page(long, as_member, member):
    seen = long.messages.order_by("created_at")[99]
    ReadMark.objects.create(session=long, user=member, read_up_to=seen.created_at)
    url = long.get_absolute_url()
    address = as_member.get(url).context["unread_url"]
    shown = as_member.get(url + address).context["shown"]
    assert [shown[0].content, shown[-1].content] == ["m100", "m299"]


def test_what_an_open_page_has_shown_is_read(shared, as_member, as_owner):
    url = shared.get_absolute_url()
    as_member.get(url)
    as_owner.post(f"{url}messages/", {"content": "Fourth"})
    last = shared.messages.latest("pk").pk
    as_member.get(f"{url}changes/", {"last": last})
    assert unread(as_member, shared) == 1
    as_member.get(f"{url}changes/", {"last": last, "seen": 1})
    assert unread(as_member, shared) == 0


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("head", {}),
        ("get", {"sec-purpose": "prefetch;prerender"}),
        ("get", {"purpose": "prefetch"}),
    ],
)
def test_what_nobody_looks_at_stays_unread(shared, as_member, method, headers):
    getattr(as_member, method)(shared.get_absolute_url(), headers=headers)
    assert unread(as_member, shared) == 3


def test_a_page_without_news_writes_nothing(shared, session, as_member, as_owner):
    url = shared.get_absolute_url()
    as_member.get(url)
    with CaptureQueriesContext(connection) as queries:
        as_member.get(url)
    assert not [each for each in queries if not each["sql"].startswith("SELECT")]
    alone = Session.objects.create(user=shared.user, title="Alone")
    with CaptureQueriesContext(connection) as queries:
        as_owner.get(alone.get_absolute_url())
    assert len(queries) == 4
