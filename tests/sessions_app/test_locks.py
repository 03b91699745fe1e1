"""Requests that change a session at the same time: one after the other, and none in a deadlock."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.auth import get_user_model
from django.db import connection

from files.models import File
from sessions_app import members
from sessions_app.models import Member, Message, Session
from tests.conftest import PASSWORD, person
from tests.files.conftest import part
from tests.sessions_app.conftest import browser

pytestmark = pytest.mark.django_db(transaction=True)

PAUSE = 0.3  # seconds in which a request that does not wait is over
ROUNDS = 4


class People:
    """The owner and two writers of a session, each with a file in it and a browser."""

    def __init__(self):
        self.users = [person(name) for name in ("owner", "second", "third")]
        self.clients = [browser(user) for user in self.users]
        self.session = Session.objects.create(user=self.users[0], title="Summer camp")
        Member.objects.bulk_create(
            Member(session=self.session, user=user, may_write=True) for user in self.users[1:]
        )
        self.files = [
            File.objects.create(user=user, session=self.session, filename="a", size=1)
            for user in self.users
        ]
        self.url = self.session.get_absolute_url()

    def member_url(self, who, verb):
        member = Member.objects.filter(session=self.session, user=self.users[who]).first()
        return f"{self.url}members/{member.pk if member else 0}/{verb}/"

    def hand_over(self, who, to, files="move"):
        url = self.member_url(to, "hand-over")
        return self.clients[who].post(url, {"files": files}).status_code

    def remove(self, who, whom):
        data = {"files": "take_out"}
        return self.clients[who].post(self.member_url(whom, "remove"), data).status_code

    def leave(self, who):
        data = {"files": "take_out"}
        return self.clients[who].post(f"{self.url}members/leave/", data).status_code

    def write(self, who):
        return self.clients[who].post(f"{self.url}messages/", {"content": "Hello"}).status_code

    def attach(self, who):
        data = {"session": self.session.session_id, "files": self.files[who].pk}
        return self.clients[who].post("/files/attach/", data).status_code

    def detach(self, who):
        return self.clients[who].post(f"/files/{self.files[who].pk}/detach/").status_code

    def rename_file(self, who):
        url = f"/files/{self.files[who].pk}/rename/"
        return self.clients[who].post(url, {"filename": "b"}).status_code

    def upload(self, who):
        data = {"session": self.session.session_id, "files": part()}
        return self.clients[who].post("/files/upload/", data).status_code

    def delete_account(self, who):
        data = {"password": PASSWORD}
        return self.clients[who].post("/accounts/delete/", data).status_code

    def deactivate(self, who):
        get_user_model().objects.filter(pk=self.users[who].pk).update(is_active=False)
        return 302


@pytest.fixture
def people(db):
    return People()


def in_thread(work, *args):
    """Call a function, and close the connection of its thread."""
    try:
        return work(*args)
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("second", "status", "owner"),
    [
        (lambda people, _url: people.hand_over(0, 2), 403, 1),
        (lambda people, url: people.clients[0].post(url, {"files": "keep"}).status_code, 403, 1),
        (lambda people, _url: people.leave(1), 404, 1),
        (lambda people, _url: people.delete_account(0), 302, 1),
        (lambda people, _url: people.delete_account(1), 302, None),
        (lambda people, _url: people.attach(2), 302, 1),
        (lambda people, _url: people.deactivate(1), 302, 1),
    ],
    ids=["handed over", "removed", "left", "owner deleted", "new owner deleted", "attached",
         "deactivated"],
)  # fmt: skip
def test_what_comes_during_a_hand_over_waits(people, monkeypatch, second, status, owner):
    """While the session is handed over to the second person."""
    is_in_middle, is_second_over = threading.Event(), threading.Event()

    def pause(*args, original=members.hand_over_session, **options):
        original(*args, **options)
        is_in_middle.set()
        assert not is_second_over.wait(PAUSE)

    url = people.member_url(1, "remove")
    monkeypatch.setattr(members, "hand_over_session", pause)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(in_thread, people.hand_over, 0, 1)
        assert is_in_middle.wait(10)
        monkeypatch.undo()
        other = pool.submit(in_thread, second, people, url)
        other.add_done_callback(lambda _result: is_second_over.set())
        assert (first.result(), other.result()) == (302, status)
    found = Session.objects.filter(pk=people.session.pk).first()
    assert (found and found.user) == (None if owner is None else people.users[owner])
    if found:
        keys = list(found.members.values_list("user", flat=True))
        assert found.user_id not in keys
        assert len(keys) == len(set(keys))


@pytest.mark.parametrize("change", ["delete_account", "deactivate"])
def test_nobody_gets_a_session_whose_account_has_just_ended(people, monkeypatch, change):
    def too_late(*args, original=members.lock_rows):
        monkeypatch.undo()
        with ThreadPoolExecutor(1) as pool:
            pool.submit(in_thread, getattr(people, change), 1).result()
        return original(*args)

    if connection.vendor == "sqlite":
        pytest.skip("Nothing can come between: it has one writer at a time.")
    people.files[1].delete()  # or the open pages of the locked session would have to be told
    monkeypatch.setattr(members, "lock_rows", too_late)
    assert people.hand_over(0, 1) == 200
    assert Session.objects.get().user == people.users[0]


def test_many_changes_at_once_end_without_a_deadlock(people):
    def use(who):
        """Do what a member does."""
        verbs = (people.write, people.detach, people.attach, people.rename_file, people.upload)
        return [verb(who) for _number in range(ROUNDS) for verb in verbs]

    def hand_over(who):
        """Give the session to the next one, if it is one's own."""
        return [people.hand_over(who, (who + 1) % 3, "leave") for _number in range(2 * ROUNDS)]

    with ThreadPoolExecutor(6) as pool:
        results = pool.map(in_thread, [use] * 3 + [hand_over] * 3, [*range(3)] * 2)
        found = [status for each in results for status in each]
    assert {status for status in found if status >= 500} == set()
    session = Session.objects.get()
    assert {session.user, *(member.user for member in session.members.all())} == {*people.users}
    assert session.members.count() == 2
    assert Message.objects.count() == 3 * ROUNDS
    assert File.objects.count() == 3 + 3 * ROUNDS
