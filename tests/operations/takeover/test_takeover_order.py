"""The order of conversations after moving in: question, answer, question, answer."""

import random
import re

import pytest
from django.test import Client

from accounts.models import User
from files.models import File
from sessions_app.models import Session
from tests import old_shapes
from tests.old_backend import PASSWORD, apply, takeover
from tests.old_shapes import EXCHANGES, SESSIONS

pytestmark = [
    pytest.mark.postgresql,
    pytest.mark.slow,
    pytest.mark.usefixtures("quick_migrate"),
]


def log_in(name):
    """Return a browser in which the person is logged in."""
    client = Client(headers={"accept-language": "en"})
    answer = client.post("/accounts/login/", {"username": name, "password": PASSWORD})
    assert answer.status_code == 302
    return client


def read(client, public):
    """Return what the messages on the page of a session say, from top to bottom."""
    page = client.get(f"/sessions/{public}/").content.decode()
    return re.findall(r"(?:question|answer|system) \d+", page[page.index('id="messages"') :])


def plain(messages):
    """Return messages as they are read, without the marks of Markdown."""
    return [content.removeprefix("# ") for content in messages]


@pytest.mark.parametrize(
    ("shape", "answers_first"), [("integer", False), ("uuid", False), ("uuid", True)]
)
def test_a_question_stands_before_its_answer(old, shape, answers_first):
    filled = old_shapes.fill(old, shape, answers_first=answers_first)
    count = 2 * EXCHANGES * SESSIONS
    report = takeover()
    assert f"{count} messages have the same time as another of their session" in report
    apply()
    hana = log_in("hana")
    for public, messages in filled.messages.items():
        assert read(hana, public) == plain(messages)
    assert "nothing to take over" in takeover()


def keys_of(seed):
    return old_shapes.new_key("uuid", random.Random(seed))


def test_messages_of_one_time_stay_in_order_if_they_read_like_a_conversation(old):
    filled = old_shapes.fill(old, "uuid")
    first, second = list(filled.messages)[:2]
    words = {"user": "question", "assistant": "answer", "system": "system"}
    orders = {
        first: [
            ("system", 90), ("user", 91), ("assistant", 92), ("user", 93), ("assistant", 94),
            ("user", 95),
        ],
        # Not in the order of insertion: sorted by who speaks.
        second: [("assistant", 94), ("user", 93), ("user", 91), ("system", 90), ("assistant", 92)],
    }  # fmt: skip
    for public, order in orders.items():
        messages = [(role, f"{words[role]} {number}") for role, number in order]
        time = "2026-01-01 00:00:00+00:00"
        old_shapes.add_messages(old, filled, keys_of(public), public, time, messages)
    apply()
    hana = log_in("hana")
    assert read(hana, first)[2 * EXCHANGES :] == [
        "system 90", "question 91", "answer 92", "question 93", "answer 94", "question 95",
    ]  # fmt: skip
    assert read(hana, second)[2 * EXCHANGES :] == [
        "system 90", "question 93", "question 91", "answer 94", "answer 92",
    ]  # fmt: skip


def test_everything_of_one_time_is_numbered_as_it_was_inserted(old):
    filled = old_shapes.fill(old, "uuid")
    keys = keys_of("uuid")
    for number in range(20):
        old_shapes.add_file(old, filled, keys, f"a/{number}.txt", 3)
    apply()
    assert [*User.objects.order_by("pk").values_list("username", flat=True)] == ["hana", "ken"]
    sessions = Session.objects.order_by("pk").values_list("session_id", flat=True)
    assert [*sessions] == list(filled.messages)
    files = File.objects.order_by("pk").values_list("filename", flat=True)
    assert [*files] == [f"{number}.txt" for number in range(20)]
