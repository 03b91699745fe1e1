"""Sessions as Markdown and as JSON."""

import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from files.models import File
from sessions_app.models import Message, Session

pytestmark = pytest.mark.machine

MOMENT = datetime(2026, 11, 23, 20, 5, 1, 234567, tzinfo=UTC)


@pytest.fixture
def dated(session, file):
    """The session with a file, all of it at one moment."""
    Session.objects.update(created_at=MOMENT, updated_at=MOMENT)
    Message.objects.update(created_at=MOMENT)
    File.objects.update(created_at=MOMENT)
    session.messages.filter(content="Third").update(edited_at=MOMENT)
    return session


def fetch(browser, session, name, **options):
    response = browser.get(reverse(f"sessions:{name}", args=[session.session_id]), **options)
    assert response.streaming
    return response, b"".join(response.streaming_content).decode()


def test_markdown_holds_everything_in_order(as_owner, dated):
    response, text = fetch(as_owner, dated, "export_markdown")
    assert response.headers["Content-Type"] == "text/markdown; charset=utf-8"
    assert response.headers["Content-Disposition"] == 'attachment; filename="Summer camp.md"'
    assert text == (
        "# Summer camp\n\n"
        "- Started: 2026-11-24 05:05 +09:00\n"
        "- Last change: 2026-11-24 05:05 +09:00\n\n"
        "## You · 2026-11-24 05:05 +09:00\n\nFirst\n\n"
        "## Assistant · 2026-11-24 05:05 +09:00\n\nSecond\n\n"
        "## You · 2026-11-24 05:05 +09:00 · edited 2026-11-24 05:05 +09:00\n\nThird\n\n"
        "## Files\n\n"
        "- 地図.pdf (1,234 bytes, application/pdf)\n"
    )


def test_markdown_shows_times_in_the_zone_of_the_reader(as_owner, dated):
    from sessions_app.export import markdown

    text = "".join(markdown(dated, dated.user, ZoneInfo("America/New_York")))
    assert "2026-11-23 15:05 -05:00" in text


def test_markdown_keeps_content_verbatim(as_owner, session):
    content = "  <b>&amp;</b>\n\n```\n# code\n```\n\t東京 🏕️  "
    Message.objects.create(session=session, content=content)
    assert f"\n\n{content}\n" in fetch(as_owner, session, "export_markdown")[1]


def test_json_has_its_documented_form(as_owner, dated):
    response, text = fetch(as_owner, dated, "export_json")
    instant = "2026-11-23T20:05:01.234567Z"
    common = {"created_at": instant, "edited_at": None, "reply_to": None}
    first, second, third = dated.messages.order_by("id").values_list("pk", flat=True)
    assert response.headers["Content-Type"] == "application/json; charset=utf-8"
    assert response.headers["Content-Disposition"] == 'attachment; filename="Summer camp.json"'
    assert json.loads(text) == {
        "format": "camp-session",
        "version": 2,
        "session_id": dated.session_id,
        "title": "Summer camp",
        "created_at": instant,
        "updated_at": instant,
        "messages": [
            {**common, "id": first, "role": "user", "author": "owner", "content": "First"},
            {**common, "id": second, "role": "assistant", "author": None, "content": "Second"},
            {
                **common,
                "id": third,
                "role": "user",
                "author": "owner",
                "content": "Third",
                "edited_at": instant,
            },
        ],
        "files": [
            {
                "filename": "地図.pdf",
                "size": 1234,
                "content_type": "application/pdf",
                "folder": "",
                "sha256": "ab" * 32,
                "created_at": instant,
            }
        ],
    }


def test_both_name_the_authors_and_what_was_answered(as_owner, dated, member):
    first, second, _third = dated.messages.order_by("id")
    for author, answered in ((member, first), (None, second)):
        Message.objects.create(session=dated, author=author, content="Ah", reply_to=answered)
    second.trash()
    text = fetch(as_owner, dated, "export_markdown")[1]
    assert "\n## owner · 2026" in text
    assert "\n## member · 2026" in text
    assert "\n> answers owner: First\n\nAh\n" in text
    assert "\n## A former member · 2026" in text
    assert "\n> answers a deleted message\n\nAh\n" in text
    data = json.loads(fetch(as_owner, dated, "export_json")[1])
    assert [(each["author"], each["reply_to"]) for each in data["messages"]] == [
        *(("owner", None), ("owner", None), ("member", first.pk), (None, None)),
    ]


def test_json_keeps_any_text(as_owner, session):
    content = '"\\ \n\t\x01\u2028 東京 🏕️ </script>'
    Message.objects.create(session=session, content=content)
    data = json.loads(fetch(as_owner, session, "export_json")[1])
    assert data["messages"][-1]["content"] == content


def test_an_empty_session_exports(as_owner, untitled):
    data = json.loads(fetch(as_owner, untitled, "export_json")[1])
    assert (data["title"], data["messages"], data["files"]) == ("", [], [])
    response, text = fetch(as_owner, untitled, "export_markdown")
    assert text.startswith("# Untitled session\n")
    assert "Files" not in text
    assert "Untitled session.md" in response.headers["Content-Disposition"]


def test_deleted_files_are_left_out(as_owner, dated):
    File.objects.update(deleted_at=timezone.now())
    assert json.loads(fetch(as_owner, dated, "export_json")[1])["files"] == []
    assert "Files" not in fetch(as_owner, dated, "export_markdown")[1]


@pytest.mark.parametrize(
    ("title", "disposition"),
    [
        (
            "合宿",
            "attachment; filename=\"file.md\"; filename*=UTF-8''%E5%90%88%E5%AE%BF.md",
        ),
        ("a/b:c?", 'attachment; filename="a_b_c_.md"'),
        ("CON", 'attachment; filename="_CON.md"'),
        ('say "hi"', 'attachment; filename="say _hi_.md"'),
    ],
)
def test_the_file_is_named_after_the_title(as_owner, owner, title, disposition):
    session = Session.objects.create(user=owner, title=title)
    response, _ = fetch(as_owner, session, "export_markdown")
    assert response.headers["Content-Disposition"] == disposition


def test_a_long_title_makes_a_name_that_file_systems_take(as_owner, owner):
    session = Session.objects.create(user=owner, title="東" * 255)
    response, _ = fetch(as_owner, session, "export_json")
    assert response.headers["Content-Disposition"].count("%E6%9D%B1") == 79


def test_a_line_break_in_an_old_title_breaks_nothing(as_owner, owner):
    session = Session.objects.create(user=owner, title="a\r\nX-Evil: 1")
    response, text = fetch(as_owner, session, "export_markdown")
    assert "X-Evil" not in response.headers
    assert text.startswith("# a X-Evil: 1\n\n")


@pytest.mark.parametrize("name", ["export_markdown", "export_json"])
def test_few_and_many_messages_cost_the_same_queries(as_owner, untitled, name):
    counts = []
    for number in (2, 1200):
        Message.objects.bulk_create(Message(session=untitled, content="x") for _ in range(number))
        with CaptureQueriesContext(connection) as queries:
            text = fetch(as_owner, untitled, name)[1]
        counts.append(len(queries))
    assert text.count("\n\nx\n" if name == "export_markdown" else '"x"') == 1202
    assert counts[0] == counts[1] <= 6
