"""Sessions that organisers put on top of everyone's home page."""

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from sessions_app.models import Member, Session
from tests.conftest import person
from tests.sessions_app.conftest import browser

HOME = "/"
HEADING = '<h2 id="announcements">'


@pytest.fixture
def announcer(owner):
    """The owner, who may announce."""
    owner.user_permissions.add(Permission.objects.get(codename="share_with_everyone"))
    return owner


@pytest.fixture
def url(session):
    return reverse("sessions:announce", args=[session.session_id])


def announcements(client):
    """Return the part of the home page with announcements, or ""."""
    return client.get(HOME).content.decode().partition(HEADING)[2].partition("</section>")[0]


@pytest.fixture
def announced(as_owner, announcer, session, url):
    """The session, announced through its page."""
    assert "will be able to read it" in as_owner.get(url).content.decode()
    assert as_owner.post(url).status_code == 302
    session.refresh_from_db()
    return session


def test_it_stands_on_top_until_it_is_read(announced, as_member, django_assert_max_num_queries):
    with django_assert_max_num_queries(4):
        assert "Summer camp" in announcements(as_member)
    assert "Announcement" in as_member.get(announced.get_absolute_url()).content.decode()
    assert announcements(as_member) == ""
    home = as_member.get(HOME).content.decode()
    assert home.count("Summer camp") == 1  # among the recent sessions


def test_who_joins_later_sees_it_and_its_announcer_does_not(announced, as_owner):
    as_owner.get(announced.get_absolute_url())
    assert announcements(as_owner) == ""
    assert "Summer camp" in announcements(browser(person("newcomer")))


def test_one_without_messages_can_be_read(announced, as_member):
    announced.messages.all().delete()
    as_member.get(announced.get_absolute_url())
    assert announcements(as_member) == ""


def test_a_withdrawn_announcement_goes_and_an_announced_one_returns(
    announced, as_owner, as_member, url
):
    as_member.get(announced.get_absolute_url())
    assert (
        as_owner.post(reverse("sessions:withdraw", args=[announced.session_id])).status_code == 302
    )
    assert announcements(browser(person("newcomer"))) == ""
    assert as_member.get(announced.get_absolute_url()).status_code == 200
    as_owner.post(url)
    assert "Summer camp" in announcements(as_member)


def test_it_needs_the_permission(as_owner, as_member, session, member, url):
    for client in (as_owner, as_member):
        expected = 403 if client is as_owner else 404
        assert client.get(url).status_code == expected
        assert client.post(url).status_code == expected
    assert Session.objects.get().announced_at is None


def test_only_the_owner_opens_a_session_to_everyone(as_member, session, member, url):
    member.user_permissions.add(Permission.objects.get(codename="share_with_everyone"))
    Member.objects.create(session=session, user=member)
    assert "Its owner has to share it" in as_member.get(url).content.decode()
    assert as_member.post(url).status_code == 403
    Member.objects.create(session=session, user=None)
    assert as_member.post(url).status_code == 302


def test_what_everyone_no_longer_sees_is_no_announcement(announced, as_member):
    Member.objects.filter(user=None).delete()
    assert announcements(as_member) == ""
