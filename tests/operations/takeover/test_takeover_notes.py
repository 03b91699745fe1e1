"""What else the old backend knew: titles, metadata, last log-ins. It stays readable."""

import json
import random

import pytest
from django.utils.timezone import datetime

from accounts.models import User
from files.models import File
from sessions_app.models import Message, Session
from tests import old_shapes
from tests.old_backend import apply, takeover
from tests.old_shapes import ABOUT, SHAPES
from tests.operations.takeover.test_takeover_order import log_in

pytestmark = [
    pytest.mark.postgresql,
    pytest.mark.slow,
    pytest.mark.usefixtures("quick_migrate"),
]

LAST_LOGIN = datetime.fromisoformat("2025-03-04 05:06:07+00:00")
ESCAPED = "&lt;b&gt;旅&lt;/b&gt;"


def keys_of(shape):
    return old_shapes.new_key(shape, random.Random(13))


def page_of(client, public):
    return client.get(f"/sessions/{public}/").content.decode()


@pytest.mark.parametrize("shape", SHAPES)
def test_sessions_get_titles_and_accounts_keep_their_last_log_in(old, shape):
    filled = old_shapes.fill(old, shape)
    changed = old.query(f"SELECT updated_at FROM {filled.tables['session']} ORDER BY session_id")
    assert "Sessions without a title get one" in takeover()
    apply()
    assert {*User.objects.values_list("last_login", flat=True)} == {LAST_LOGIN}
    titles = [*Session.objects.order_by("session_id").values_list("title", flat=True)]
    assert titles == ["question 0", "計画 1", "question 0", "計画 3"]
    page = log_in("hana").get("/sessions/?q=計画").content.decode()
    assert "計画 1" in page
    assert "question 0" not in page
    assert old.query("SELECT updated_at FROM sample_sessions ORDER BY session_id") == changed
    assert "nothing to take over" in takeover()


TITLES = [  # (metadata, first message, title)
    ({"title": "  two\n words "}, "x", "two words"),
    ({"title": "語" * 300}, "x", "語" * 254 + "…"),
    ({"title": "", "name": "1. Plan"}, "x", "1. Plan"),
    ({"title": {"a": 1}}, "## *A* [link](https://example.org)\n\nmore", "A link"),
    (["title"], "long " * 40, "long " * 15 + "long…"),
    (None, "\u00a0\n", ""),
    ({"title": "\u200b\u200b"}, "seen", "seen"),
]


def test_a_title_comes_from_the_metadata_or_the_first_message(old):
    filled = old_shapes.fill(old, "uuid")
    key, time = keys_of("uuid"), "2025-01-01 00:00:00+00:00"
    for number, (about, message, _title) in enumerate(TITLES):
        public = f"title-{number}"
        filled.sessions[public] = key()
        session = {"id": filled.sessions[public], "session_id": public}
        session |= {"metadata": json.dumps(about), "user_id": filled.users["ken"]}
        old.insert("sample_sessions", session)
        messages = [("system", "rules"), ("user", message)]
        old_shapes.add_messages(old, filled, key, public, time, messages)
    apply()
    found = dict(Session.objects.values_list("session_id", "title"))
    for number, (_about, _message, title) in enumerate(TITLES):
        assert found[f"title-{number}"] == title


def test_metadata_can_be_read_on_every_page(old):
    shape = "singular"
    filled = old_shapes.fill(old, shape)
    old_shapes.add_file(old, filled, keys_of(shape), "a.txt", 1)
    about = json.dumps(ABOUT)
    old.run(f"ALTER TABLE {filled.tables['message']} ADD COLUMN metadata TEXT")
    old.run(f"UPDATE {filled.tables['message']} SET metadata = '{about}'")
    old.run(f"UPDATE {filled.tables['file']} SET metadata = '{about}'")
    apply()
    hana = log_in("hana")
    with_note, without = page_of(hana, "old-session-1"), page_of(hana, "old-session-0")
    messages = Message.objects.filter(session__session_id="old-session-0").count()
    assert without.count('<details class="old-metadata">') == messages
    assert with_note.count('<details class="old-metadata">') == messages + 1
    assert "&quot;location&quot;: &quot;Tokyo&quot;" in with_note
    assert ESCAPED in with_note
    assert "<b>旅" not in with_note
    file = File.objects.get()
    assert ESCAPED in hana.get(f"/files/{file.pk}/").content.decode()
    User.objects.filter(username="hana").update(is_staff=True, is_superuser=True)
    session = Session.objects.get(session_id="old-session-1")
    for path in (
        f"sessions_app/session/{session.pk}",
        f"sessions_app/message/{session.messages.first().pk}",
        f"files/file/{file.pk}",
    ):
        answer = hana.get(f"/admin/{path}/change/")
        assert answer.status_code == 200
        assert ESCAPED in answer.content.decode()
    # Nobody else sees it.
    assert log_in("ken").get("/sessions/old-session-1/").status_code == 404


def test_what_is_no_note_is_not_shown(old):
    old_shapes.fill(old, "uuid")
    for number, text in enumerate(["null", "{}", "[]", '""']):
        old.run(
            f"UPDATE sample_sessions SET metadata = '{text}' "
            f"WHERE session_id = 'old-session-{number}'"
        )
    apply()
    hana = log_in("hana")
    for number in range(4):
        assert "old-metadata" not in page_of(hana, f"old-session-{number}")
