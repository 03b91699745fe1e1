"""People's lists do not read the rows of others, which SQLite has no statistics about.

On PostgreSQL the plans of small tables say nothing; see bench/lists.py.
"""

from itertools import product
from urllib.parse import urlencode

import pytest
from django.utils import timezone

from files.library import listing
from files.models import File
from sessions_app.models import Member, Message, Session
from tests.sqlite_steps import Steps

pytestmark = pytest.mark.sqlite

MANY, FEW = 6000, 20
MOST_STEPS = 5 * MANY  # a row that is read and left out takes five at least
FILTERS = [
    ("q", ["", "note", "qqqq", "n"]),
    ("kind", ["", "text", "archive"]),
    ("size", ["", "1M"]),
    ("date", ["", "7"]),
    ("owner", ["", "shared"]),
    ("sort", ["-date", "name", "size"]),
]
NAMES, VALUES = zip(*FILTERS, strict=True)
URLS = [
    *(f"/files/?{urlencode(dict(zip(NAMES, one, strict=True)))}" for one in product(*VALUES)),
    *("/files/trash/", "/sessions/", "/sessions/?q=note", "/sessions/?show=shared&q=note", "/"),
]


def make_rows(user, count):
    """Make sessions of a user, each with a message and a file; returns the sessions."""
    sessions = Session.objects.bulk_create(
        Session(user=user, title=f"note {number}") for number in range(count)
    )
    Message.objects.bulk_create(Message(session=one, content="note") for one in sessions)
    File.objects.bulk_create(
        File(user=user, session=one, filename="note.txt", content_type="text/plain", size=2**20,
            storage_path=f"{user.pk}/{one.pk}", deleted_at=None if one.pk % 9 else timezone.now())
        for one in sessions
    )  # fmt: skip
    return sessions


def test_a_list_reads_only_what_its_reader_sees(as_owner, owner, stranger, monkeypatch):
    monkeypatch.setattr(listing, "NEARBY", 50)  # files of everyone that "shared" looks through
    shared = make_rows(stranger, MANY)[:FEW]
    make_rows(owner, FEW)
    Member.objects.bulk_create(Member(session=one, user=owner) for one in shared)
    costly = {}
    for url in URLS:
        with Steps() as steps:
            assert as_owner.get(url).status_code == 200
        costly |= {(url, sql): count for count, sql in steps.seen if count > MOST_STEPS}
    assert not costly
