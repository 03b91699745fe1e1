"""Messages answer others, and show the beginning of what they answer."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from sessions_app.models import Member, Message, Session
from tests.sessions_app.test_detail import write

pytestmark = pytest.mark.django_db


def post(client, session, **fields):
    return client.post(f"{session.get_absolute_url()}messages/", {"content": "Answer", **fields})


def quotes(client, address):
    html = client.get(address).content.decode()
    found = re.findall(r'class="message__quote">(.*?)</p>', html, re.DOTALL)
    return [re.sub(r"<svg.*?</svg>", "", each, flags=re.DOTALL) for each in found]


def test_the_form_shows_what_one_answers_and_the_message_keeps_it(session, member, as_member):
    Member.objects.create(session=session, user=member, may_write=True)
    first = session.messages.get(content="First")
    Message.objects.filter(pk=first.pk).update(content="# What is *this*?\n\nMore")
    page = session.get_absolute_url()
    link = f"{page}?reply={first.pk}"
    assert f'href="{link}#id_content"' in as_member.get(page).content.decode()
    html = as_member.get(link).content.decode()
    assert f'name="reply_to" value="{first.pk}"' in html
    assert "data-compose-first" in html
    post(as_member, session, reply_to=first.pk)
    assert session.messages.latest("id").reply_to == first
    (quote,) = quotes(as_member, page)
    assert ">owner</b>" in quote
    assert ">What is this?</span>" in quote
    assert f'href="#message-{first.pk}"' in quote


def test_the_answer_to_a_deleted_message_says_so(session, owner, as_owner):
    first = session.messages.get(content="First")
    Message.objects.create(session=session, author=owner, content="x", reply_to=first)
    first.trash()
    (quote,) = quotes(as_owner, session.get_absolute_url())
    assert "Deleted message" in quote
    assert "First" not in quote
    assert "reply_to" not in as_owner.get(f"{session.get_absolute_url()}?reply={first.pk}").text


def test_only_messages_of_the_same_session_can_be_answered(session, as_owner, stranger):
    other = Session.objects.create(user=stranger)
    foreign = Message.objects.create(session=other, author=stranger, content="Secret")
    for wrong in (foreign.pk, "x", "9" * 30, "-1"):
        response = post(as_owner, session, reply_to=wrong)
        assert "The message that you answer is gone." in response.text
        assert "Answer</textarea>" in response.text
        html = as_owner.get(session.get_absolute_url(), {"reply": wrong}).text
        assert "Secret" not in html
        assert 'name="reply_to"' not in html
    assert session.messages.count() == 3


def test_quotes_of_other_pages_have_a_permanent_link_and_cost_one_query(untitled, owner, as_owner):
    rows = write(untitled, 210)
    for index in (0, 205):
        message = Message.objects.create(
            session=untitled, author=owner, content="x", reply_to=rows[index]
        )
    page = untitled.get_absolute_url()
    with CaptureQueriesContext(connection) as queries:
        far, near = quotes(as_owner, page)
    assert len(queries) <= 5
    link = f"{page}messages/{rows[0].pk}/"
    assert f'href="{link}"' in far
    assert f'href="#message-{rows[205].pk}"' in near
    response = as_owner.get(link, follow=True)
    assert response.redirect_chain[-1][0].endswith(f"#message-{rows[0].pk}")
    assert f'id="message-{rows[0].pk}"' in response.text
    assert as_owner.get(f"{page}messages/{message.pk + 1}/").status_code == 404
