"""Every list costs as many queries for 10,000 rows as for 10, and at most six."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from files.models import File
from sessions_app.models import Message, Session

LISTS = [
    "/sessions/",
    "/sessions/?q=day",
    "/files/",
    "/files/?q=page&sort=name&kind=text",
    "/files/?sort=-size",
    "/admin/accounts/user/",
    "/admin/sessions_app/session/",
    "/admin/sessions_app/message/",
    "/admin/files/file/",
]


def keep(user, numbers):
    """Make a session, a message and a file for each number."""
    sessions = Session.objects.bulk_create(
        [Session(user=user, title=f"day {number}") for number in numbers]
    )
    Message.objects.bulk_create(
        [Message(session=sessions[0], content=f"hour {number}") for number in numbers]
    )
    File.objects.bulk_create(
        [
            File(
                user=user,
                session=sessions[0],
                filename=f"page {number}.txt",
                content_type="text/plain",
                size=number,
                storage_path=f"aa/bb/{number}",
            )
            for number in numbers
        ]
    )


def queries(client, address):
    """Return how many queries a page takes, its first visit not counted."""
    client.get(address)
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200
    return len(captured)


@pytest.mark.slow
def test_lists_cost_the_same_however_long_they_are(client, organiser):
    client.force_login(organiser)
    keep(organiser, range(10))
    few = {address: queries(client, address) for address in LISTS}
    keep(organiser, range(10, 10_000))
    many = {address: queries(client, address) for address in LISTS}
    # Fewer where a figure is kept for those who have many.
    assert not {address for address in LISTS if many[address] > few[address]}
    assert max(many.values()) <= 6
