"""The list and the home page show own sessions and those of others in one order."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from sessions_app import lists
from sessions_app.models import Member, Message, ReadMark, Session

URL = "/sessions/"
HOME = "/"


def titles(response):
    return [session.title for session in response.context["page"]]


def make_session(user, title, hours_ago, *members):
    """Make a session of `user` that changed so long ago, with members (None: everyone)."""
    session = Session.objects.create(user=user, title=title)
    changed = timezone.now() - timedelta(hours=hours_ago)
    Session.objects.filter(pk=session.pk).update(updated_at=changed)
    for member in members:
        Member.objects.create(session=session, user=member)
    return session


@pytest.fixture
def mixed(owner, member, stranger):
    """Sessions of three people: "own 0", "other 1", "own 2"… by their age."""
    for number in range(0, 6, 2):
        make_session(member, f"own {number}", number)
        make_session(owner, f"other {number + 1}", number + 1, None if number else member)
    make_session(stranger, "hidden", 0)
    make_session(owner, "thrown away", 0, member).trash()


def test_own_and_shared_sessions_stand_in_one_order(as_member, mixed, member):
    response = as_member.get(URL)
    assert titles(response) == ["own 0", "other 1", "own 2", "other 3", "own 4", "other 5"]
    assert "by <bdi>owner</bdi>" in response.content.decode()
    home = as_member.get(HOME).content.decode()
    order = [home.index(title) for title in titles(response)[:5]]
    assert order == sorted(order)
    assert "other 5" not in home


@pytest.mark.parametrize(("show", "word"), [("mine", "own"), ("shared", "other")])
def test_the_filters_show_one_kind(as_member, mixed, show, word):
    response = as_member.get(URL, {"show": show})
    assert {title.split()[0] for title in titles(response)} == {word}
    html = response.content.decode()
    assert f'href="?show={show}" aria-current="page"' in " ".join(html.split())
    assert f'name="show" value="{show}"' in html


def test_who_shares_nothing_sees_no_filters(as_owner, session):
    assert "Shared with me" not in as_owner.get(URL).content.decode()


def test_pages_go_over_both_parts_and_back(as_member, owner, member):
    for number in range(60):
        make_session(owner, f"s{2 * number}", 2 * number, member)
        make_session(member, f"s{2 * number + 1}", 2 * number + 1)
    first = as_member.get(URL)
    second = as_member.get(URL + first.context["page"].next_url)
    third = as_member.get(URL + second.context["page"].next_url)
    seen = titles(first) + titles(second) + titles(third)
    assert seen == [f"s{number}" for number in range(120)]
    back = as_member.get(URL + third.context["page"].previous_url)
    assert titles(back) == titles(second)


@pytest.mark.parametrize("nearby", [1, 55])
def test_a_search_goes_over_pages_of_shared_sessions(as_member, owner, member, monkeypatch, nearby):
    monkeypatch.setattr(lists, "NEARBY", nearby)
    for number in range(60):
        make_session(owner, f"word {number}", number, member)
    first = as_member.get(URL, {"q": "word"})
    second = as_member.get(URL + first.context["page"].next_url)
    assert titles(first) + titles(second) == [f"word {number}" for number in range(60)]


def test_the_search_finds_what_others_wrote(as_member, mixed, owner, monkeypatch):
    session = Session.objects.get(title="other 3")
    Message.objects.create(session=session, author=owner, content="東京タワー")
    hidden = Session.objects.get(title="hidden")
    Message.objects.create(session=hidden, content="東京")
    monkeypatch.setattr(lists, "NEARBY", 1)
    assert titles(as_member.get(URL, {"q": "東京"})) == ["other 3"]
    assert titles(as_member.get(URL, {"q": "東京", "show": "mine"})) == []


@pytest.mark.parametrize(("url", "most"), [(URL, 3), (f"{URL}?q=s", 4), (HOME, 4)])
def test_many_shared_sessions_cost_no_more_queries(as_member, owner, member, url, most):
    counts = []
    for number in (1, 30):
        for _ in range(number):
            make_session(owner, "s", 1, member)
        with CaptureQueriesContext(connection) as queries:
            as_member.get(url)
        counts.append(len(queries))
    assert counts[0] == counts[1] <= most


def test_unread_messages_of_others_are_counted(as_member, as_owner, session, owner, member):
    def news(client):
        return [row.unread_count for row in client.get(URL).context["page"]]

    assert news(as_owner) == [0]
    Member.objects.create(session=session, user=member)
    assert news(as_member) == [3]
    assert "3 new" in as_member.get(HOME).content.decode()
    Message.objects.create(session=session, author=member, content="Fourth")
    assert news(as_owner) == [1]
    third = session.messages.get(content="Third")
    ReadMark.objects.create(session=session, user=member, read_up_to=third.created_at)
    assert news(as_member) == [0]


def test_the_count_of_unread_messages_ends_at_99(as_member, session, owner, member):
    Member.objects.create(session=session, user=member)
    Message.objects.bulk_create(Message(session=session, author=owner) for _ in range(200))
    assert "99+ new" in as_member.get(URL).content.decode()


def test_the_name_of_an_owner_is_only_text(as_member, stranger, member):
    type(stranger).objects.filter(pk=stranger.pk).update(username="<b>x")
    make_session(stranger, "theirs", 0, member)
    assert "<bdi>&lt;b&gt;x</bdi>" in as_member.get(URL).content.decode()
    assert "<bdi>&lt;b&gt;x</bdi>" in as_member.get(HOME).content.decode()
