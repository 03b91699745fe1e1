"""The page of a session."""

import re
from datetime import timedelta
from itertools import chain

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from files.models import File
from sessions_app.models import Message, Session


def contents(response):
    return [message.content for message in response.context["shown"]]


def write(session, count):
    """Write `count` messages "m0"…, one a second, the last one now."""
    rows = Message.objects.bulk_create(
        Message(session=session, author_id=session.user_id, content=f"m{number}")
        for number in range(count)
    )
    for number, row in enumerate(rows):
        row.created_at = timezone.now() - timedelta(seconds=count - number)
    Message.objects.bulk_update(rows, ["created_at"])
    return rows


def test_messages_stand_in_the_order_of_writing(as_owner, session):
    response = as_owner.get(session.get_absolute_url())
    assert contents(response) == ["First", "Second", "Third"]
    html = response.content.decode()
    assert html.index("First") < html.index("Second") < html.index("Third")
    for word in ("You", "Assistant", "Summer camp", 'name="content"', "Export as JSON"):
        assert word in html


def test_only_own_messages_can_be_changed(as_owner, session):
    html = as_owner.get(session.get_absolute_url()).content.decode()
    links = re.findall(r"/messages/(\d+)/(edit|delete)/", html)
    # An owner may delete any.
    own = [
        (str(message.pk), "edit" if message.role == "user" else "delete")
        for message in session.messages.all()
    ]
    menu = [("0", "edit"), ("0", "delete")]  # row-menu.js fills in the number
    assert sorted(links) == sorted([*menu, *own])


def test_a_message_can_be_deleted_from_its_edit_page(as_owner, session):
    message = session.messages.filter(role="user").first()
    page = f"{session.get_absolute_url()}messages/{message.pk}"
    assert f'href="{page}/delete/"' in as_owner.get(f"{page}/edit/").content.decode()


def test_messages_are_rendered_as_markdown(as_owner, session):
    Message.objects.create(session=session, content="**bold** <b>raw</b>\n\n# Big")
    html = as_owner.get(session.get_absolute_url()).content.decode()
    assert "<strong>bold</strong> &lt;b&gt;raw&lt;/b&gt;" in html
    assert "<h3>Big</h3>" in html
    assert html.count("<h1>") == 1


def test_an_edited_message_says_so(as_owner, session):
    url = session.get_absolute_url()
    assert "edited" not in as_owner.get(url).content.decode()
    session.messages.filter(content="First").update(edited_at=timezone.now())
    assert "edited <time" in as_owner.get(url).content.decode()


def test_an_empty_session_invites_to_write(as_owner, untitled):
    html = as_owner.get(untitled.get_absolute_url()).content.decode()
    assert "Nothing has been written here yet." in html
    assert "Untitled session" in html


def test_attached_files_are_shown_and_deleted_ones_are_not(as_owner, session, file, owner):
    File.objects.create(
        user=owner, session=session, filename="gone", size=1, deleted_at=timezone.now()
    )
    html = as_owner.get(session.get_absolute_url()).content.decode()
    assert "地図.pdf" in html
    assert "gone" not in html


def test_a_role_of_an_old_database_is_shown_as_it_is(as_owner, session):
    Message.objects.create(session=session, role='tool" x="', content="Result")
    html = as_owner.get(session.get_absolute_url()).content.decode()
    assert "Result" in html
    assert 'tool" x="' not in html


def test_the_page_shows_the_latest_200_and_leads_to_the_earlier_ones(as_owner, untitled):
    write(untitled, 450)
    url = untitled.get_absolute_url()
    pages, link = [], url
    while link:
        response = as_owner.get(link)
        pages.append(contents(response))
        link = response.context["page"].next_url and url + response.context["page"].next_url
    assert [len(page) for page in pages] == [200, 200, 50]
    assert list(chain(*reversed(pages))) == [f"m{number}" for number in range(450)]


def test_earlier_pages_lead_back_and_have_no_place_to_write(as_owner, untitled):
    write(untitled, 201)
    url = untitled.get_absolute_url()
    latest = as_owner.get(url)
    assert "Earlier messages" in latest.content.decode()
    earlier = as_owner.get(url + latest.context["page"].next_url)
    assert contents(earlier) == ["m0"]
    html = earlier.content.decode()
    assert 'name="content"' not in html
    assert "Newest messages" in html
    later = as_owner.get(url + earlier.context["page"].previous_url)
    assert contents(later) == contents(latest)
    assert 'name="content"' in later.content.decode()


def test_few_and_many_messages_cost_the_same_queries(as_owner, untitled, owner):
    counts = []
    for number in (2, 300):
        write(untitled, number)
        File.objects.bulk_create(
            File(user=owner, session=untitled, filename="f", size=1, storage_path=f"{number}-{i}")
            for i in range(number)
        )
        with CaptureQueriesContext(connection) as queries:
            assert as_owner.get(untitled.get_absolute_url()).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 4


def test_huge_sessions_are_shown_as_written_where_markdown_would_take_long(as_owner, untitled):
    Message.objects.bulk_create(
        Message(session=untitled, content=f"**{number}** " + "x" * 99_000) for number in range(8)
    )
    html = as_owner.get(untitled.get_absolute_url()).content.decode()
    assert '<pre tabindex="0">**0** ' in html
    assert "<strong>7</strong>" in html


def test_a_nasty_title_is_only_text(as_owner, owner):
    session = Session.objects.create(user=owner, title='</title><script>alert("x")</script>')
    html = as_owner.get(session.get_absolute_url()).content.decode()
    assert "<script>alert" not in html


@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_page_opens_in_both_languages(as_owner, session, language):
    session.messages.update(edited_at=timezone.now())
    response = as_owner.get(session.get_absolute_url(), headers={"accept-language": language})
    assert response.status_code == 200
