"""What members of a session see, and what they may do."""

import re

import pytest

from accounts.models import User
from sessions_app.models import Member, Message, Session

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


def author_names(client, session, **options):
    html = client.get(session.get_absolute_url(), **options).content.decode()
    return re.findall(r'class="message__role"[^>]*>(.*?)</h3>', html)


def test_messages_show_who_wrote_them(session, member, as_member, as_owner):
    Member.objects.create(session=session, user=member)
    Message.objects.create(session=session, author=member, content="Mine")
    Message.objects.create(session=session, content="Of a deleted account")
    assert author_names(as_owner, session) == [
        *("You", "Assistant", "You", "member", "A former member"),
    ]
    assert author_names(as_member, session, headers={"accept-language": "ja"}) == [
        *("owner", "アシスタント", "owner", "あなた", "元のメンバー"),
    ]


def test_a_name_is_only_text(session, member, as_owner):
    User.objects.filter(pk=member.pk).update(username="<b>&")
    Message.objects.create(session=session, author=member, content="x")
    assert author_names(as_owner, session)[-1] == "&lt;b&gt;&amp;"


def test_one_changes_ones_own_messages_only_and_while_one_may_write(session, member, as_member):
    membership = Member.objects.create(session=session, user=member, may_write=True)
    own = Message.objects.create(session=session, author=member, content="Mine")
    foreign = session.messages.first()

    def answers():
        page = as_member.get(session.get_absolute_url()).content.decode()
        base = f"{session.get_absolute_url()}messages/"
        links = [f'href="{base}{one.pk}/edit/"' in page for one in (own, foreign)]
        urls = [f"{base}{one.pk}/{verb}/" for one in (own, foreign) for verb in ("edit", "delete")]
        return links, [as_member.get(url).status_code for url in urls]

    assert answers() == ([True, False], [200, 200, 403, 403])
    Member.objects.filter(pk=membership.pk).update(may_write=False)
    assert answers() == ([False, False], [403, 403, 403, 403])
