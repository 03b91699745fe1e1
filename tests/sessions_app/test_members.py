"""What members of a session see, and what they may do."""

import pytest

from sessions_app.models import Member, Session

pytestmark = pytest.mark.django_db


def test_a_member_sees_the_session_of_somebody_else(session, member, as_member):
    Member.objects.create(session=session, user=member)
    assert as_member.get(session.get_absolute_url()).status_code == 200
    assert list(Session.objects.shared_with(member)) == [session]


def test_everyone_sees_a_session_for_everyone(session, as_member):
    Member.objects.create(session=session, user=None, may_write=True)
    assert as_member.get(session.get_absolute_url()).status_code == 200


def test_only_members_who_may_write_add_messages(session, member, as_member):
    membership = Member.objects.create(session=session, user=member)
    url = f"{session.get_absolute_url()}messages/"
    assert as_member.post(url, {"content": "Hello"}).status_code == 403
    Member.objects.filter(pk=membership.pk).update(may_write=True)
    assert as_member.post(url, {"content": "Hello"}).status_code == 302
    assert session.messages.get(content="Hello").author == member


def test_a_session_in_the_trash_is_hidden_from_its_members(session, member, as_member):
    Member.objects.create(session=session, user=member)
    session.trash()
    assert as_member.get(session.get_absolute_url()).status_code == 404


def test_every_message_counts_as_a_change(session, as_owner):
    as_owner.post(f"{session.get_absolute_url()}messages/", {"content": "Hello"})
    assert Session.objects.get().revision == 1
