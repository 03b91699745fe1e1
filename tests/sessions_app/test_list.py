"""The list of sessions: own ones, newest change first, found by what they hold."""

from datetime import timedelta
from html import unescape
from itertools import chain

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from files.models import File
from sessions_app.models import Message, Session

URL = "/sessions/"


def titles(response):
    return [session.title for session in response.context["page"]]


def make_sessions(user, count):
    """Make `count` sessions "s0"…, the last one changed last, each with a message and a file."""
    start = timezone.now() - timedelta(days=1)
    rows = Session.objects.bulk_create(
        Session(user=user, title=f"s{number}") for number in range(count)
    )
    for number, row in enumerate(rows):
        row.updated_at = start + timedelta(seconds=number)
    Session.objects.bulk_update(rows, ["updated_at"])
    Message.objects.bulk_create(Message(session=row, content="東京") for row in rows)
    File.objects.bulk_create(
        File(user=user, session=row, filename="f", size=1, storage_path=f"p{row.pk}")
        for row in rows
    )
    return rows


def test_own_sessions_stand_newest_change_first(as_owner, owner, stranger):
    for title in ("one", "two", "three"):
        Session.objects.create(user=owner, title=title)
    Session.objects.create(user=stranger, title="not mine")
    Session.objects.create(user=owner, title="gone", deleted_at=timezone.now())
    Session.objects.get(title="one").touch()
    response = as_owner.get(URL)
    assert titles(response) == ["one", "three", "two"]
    assert "not mine" not in response.content.decode()


def test_rows_show_title_numbers_and_time(as_owner, session, file, owner):
    File.objects.create(
        user=owner, session=session, filename="x", size=1, deleted_at=timezone.now()
    )
    html = " ".join(as_owner.get(URL).content.decode().split())
    assert session.get_absolute_url() in html
    assert "Summer camp" in html
    assert "3 messages" in html
    assert "1 file" in html
    assert "just now" in html


def test_each_session_has_its_own_numbers(as_owner, owner, file):
    first, second, _empty = (Session.objects.create(user=owner, title=t) for t in "abc")
    for session, deleted_at in (
        (first, None),
        (second, None),
        (second, None),
        (second, timezone.now()),
    ):
        Message.objects.create(session=session, content="x", deleted_at=deleted_at)
    File.objects.filter(pk=file.pk).update(session=second)
    rows = as_owner.get(URL).context["page"].rows
    numbers = {row.title: (row.message_count, row.file_count, row.unread_count) for row in rows}
    assert [numbers[title] for title in "abc"] == [(1, 0, 0), (2, 1, 0), (0, 0, 0)]


def test_an_untitled_session_has_a_name_to_click(as_owner, untitled):
    assert "Untitled session" in as_owner.get(URL).content.decode()


def test_a_nasty_title_is_only_text(as_owner, owner):
    Session.objects.create(user=owner, title="<script>alert(1)</script>")
    html = as_owner.get(URL, {"q": "<script>"}).content.decode()
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert(1)" in html


def test_the_empty_list_leads_to_a_first_session(as_owner):
    html = as_owner.get(URL).content.decode()
    assert "No sessions yet" in html
    assert 'type="search"' not in html


def test_a_search_without_result_says_so_and_keeps_the_words(as_owner, session):
    html = unescape(as_owner.get(URL, {"q": '大阪 "x"'}).content.decode())
    assert "Nothing found" in html
    assert 'value="大阪 "x""' in html


@pytest.mark.parametrize("query", ["東京", "ＣＡＭＰ", "camp 東京", " \u3000東京 "])
def test_titles_and_messages_are_searched(as_owner, session, owner, stranger, query):
    Message.objects.create(session=session, content="明日は東京タワーへ")
    Session.objects.create(user=owner, title="other")
    foreign = Session.objects.create(user=stranger, title="camp")
    Message.objects.create(session=foreign, content="東京")
    assert titles(as_owner.get(URL, {"q": query})) == ["Summer camp"]


@pytest.mark.parametrize("query", ["", "   ", "\u3000"])
def test_a_blank_search_shows_all(as_owner, session, query):
    assert titles(as_owner.get(URL, {"q": query})) == ["Summer camp"]


@pytest.mark.parametrize(
    "query",
    [
        "\x00",
        "%",
        "_",
        "\\",
        "'",
        "a " * 50_000,
        "あ" * 100_000,
        "ﷺ" * 300,
        " ".join("abcdefghij" * 10),
    ],
)
def test_no_search_is_an_error(as_owner, session, query):
    response = as_owner.get(URL, {"q": query})
    assert response.status_code == 200


def test_deleted_messages_are_not_found(as_owner, session):
    session.messages.filter(content="Third").delete()
    assert titles(as_owner.get(URL, {"q": "third"})) == []


def test_pages_hold_50_and_a_search_goes_on_over_them(as_owner, owner):
    make_sessions(owner, 120)
    Session.objects.create(user=owner, title="unfound")
    seen, url = [], f"{URL}?q=東京"
    while url:
        response = as_owner.get(url)
        seen.append(titles(response))
        following = response.context["page"].next_url
        assert (
            not following
            or f'href="{following.replace("&", "&amp;")}"' in response.content.decode()
        )
        url = following and URL + following
    assert [len(page) for page in seen] == [50, 50, 20]
    assert list(chain(*seen)) == [f"s{number}" for number in range(119, -1, -1)]


def test_a_page_whose_rows_went_leads_back_to_the_list(as_owner, owner):
    make_sessions(owner, 60)
    following = as_owner.get(URL, {"q": "s"}).context["page"].next_url
    Session.objects.filter(title__in=[f"s{number}" for number in range(10)]).delete()
    response = as_owner.get(URL + following)
    assert response.status_code == 302
    assert response.headers["Location"] == f"{URL}?q=s"


def test_a_made_up_page_is_not_found(as_owner, session):
    assert as_owner.get(URL, {"after": "nonsense"}).status_code == 404


@pytest.mark.parametrize("query", ["", "?q=東京"])
def test_few_and_many_sessions_cost_the_same_queries(as_owner, owner, query):
    counts = []
    for number in (2, 200):
        make_sessions(owner, number)
        with CaptureQueriesContext(connection) as queries:
            assert as_owner.get(URL + query).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 2
