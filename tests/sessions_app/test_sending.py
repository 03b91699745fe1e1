"""A message that is sent again is stored once."""

import re
import uuid

import pytest
from django.urls import reverse

JSON = {"accept": "application/json"}


@pytest.fixture
def send(as_owner, session):
    """A function that sends a form as the owner."""

    def post(content, submission_id, **options):
        url = reverse("sessions:message_create", args=[session.session_id])
        return as_owner.post(url, {"content": content, "submission_id": submission_id}, **options)

    return post


def test_a_script_learns_the_id_of_the_message(send, session):
    response = send("Fourth", uuid.uuid4(), headers=JSON)
    message = session.messages.latest("pk")
    assert (response.status_code, response.json()) == (201, {"id": message.pk})


def test_a_script_learns_what_is_wrong(send, session):
    response = send("  ", uuid.uuid4(), headers=JSON)
    assert (response.status_code, response.json()) == (400, {"error": "Write something first."})


@pytest.mark.parametrize("headers", [{}, JSON])
def test_a_message_sent_twice_is_stored_once(send, session, headers):
    submission_id = uuid.uuid4()
    first, second = [send("Fourth", submission_id, headers=headers) for _ in range(2)]
    assert session.messages.filter(content="Fourth").count() == 1
    assert first.status_code == second.status_code
    assert (first.content, first.headers.get("Location")) == (
        second.content,
        second.headers.get("Location"),
    )


def test_another_text_in_a_form_that_a_browser_shows_again_is_not_lost(send, session):
    submission_id = uuid.uuid4()
    send("Fourth", submission_id)
    send("Fifth", submission_id)
    assert [each.content for each in session.messages.order_by("pk")][3:] == ["Fourth", "Fifth"]


@pytest.mark.parametrize("submission_id", ["", "x"])
def test_a_form_without_an_id_is_stored_each_time(send, session, submission_id):
    send("Fourth", submission_id)
    send("Fourth", submission_id)
    assert session.messages.filter(content="Fourth").count() == 2


def test_the_id_of_somebody_else_stops_nobody(send, session, stranger):
    submission_id = uuid.uuid4()
    session.messages.create(author=stranger, content="Fourth", submission_id=submission_id)
    assert send("Fourth", submission_id, headers=JSON).status_code == 201
    assert session.messages.filter(content="Fourth").count() == 2


def test_the_page_gives_each_form_an_id(as_owner, session):
    pages = [as_owner.get(session.get_absolute_url()).content.decode() for _ in range(2)]
    first, second = [
        re.search(r'name="submission_id"\s+value="([^"]+)"', page)[1] for page in pages
    ]
    assert uuid.UUID(first) != uuid.UUID(second)
