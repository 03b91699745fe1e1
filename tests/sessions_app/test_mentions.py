"""`@name` in messages."""

import re

import pytest

from accounts.models import User
from sessions_app.models import Member, Message, Session
from sessions_app.rendering.mentions import find_mentions

pytestmark = pytest.mark.django_db

NAMES = ["ann", "Ann.Lee", "山田", "山田太郎", "x_y"]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Hello @ann!", {"ann"}),
        ("@ANN, @ann.lee. @x_y", {"ann", "Ann.Lee", "x_y"}),
        ("こんにちは＠山田さん、@山田太郎です", {"山田", "山田太郎"}),
        ("**@ann** and (@ａｎｎ)", {"ann"}),
        ("@annさん", {"ann"}),
        ("@annabel, @ann.other, @ann-marie, me@ann, @nobody, @", set()),
        ("`@ann`\n\n```\n@ann\n```\n\n    @ann", set()),
        ("[@ann](https://e.example) https://e.example/@ann", set()),
    ],
)
def test_people_are_found_by_the_longest_name(text, names):
    people = [User(pk=number, username=name) for number, name in enumerate(NAMES, 1)]
    assert {user.username for user in find_mentions(text, people)} == names


def marked(client, session):
    html = client.get(session.get_absolute_url()).text
    return re.findall(r'<b class="mention( mention--own)?">(.*?)</b>', html)


def test_people_of_the_session_are_highlighted_and_oneself_stands_out(
    session, member, stranger, as_owner, as_member
):
    Member.objects.create(session=session, user=member)
    Message.objects.create(session=session, content="@Owner @member @stranger `@owner`")
    assert marked(as_owner, session) == [(" mention--own", "@Owner"), ("", "@member")]
    assert marked(as_member, session) == [("", "@Owner"), (" mention--own", "@member")]
    Member.objects.create(session=session, user=None)
    assert marked(as_owner, session)[-1] == ("", "@stranger")


def test_mentions_cost_one_query_however_many(session, as_owner, django_assert_max_num_queries):
    Message.objects.bulk_create(
        Message(session=session, content=f"@owner @x{number}") for number in range(30)
    )
    with django_assert_max_num_queries(5):
        assert len(marked(as_owner, session)) == 30


def test_much_that_could_be_a_name_costs_little(session, as_owner):
    Message.objects.create(session=session, content="@" + "@".join(["a" * 80] * 1000))
    Message.objects.create(session=session, content=" ".join(f"@{n:060}" for n in range(1000)))
    assert as_owner.get(session.get_absolute_url()).status_code == 200
    assert Session.objects.get()
