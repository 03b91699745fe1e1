"""Deleting what has a great many dependents: in small transactions, and resumed after a crash."""

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.lifecycle import delete_marked
from accounts.models import FormerLogEntry, User
from camp.web import background, batch_deletion
from files.models import File
from files.storage import backend
from sessions_app.models import Message, Session
from tests.admin_pages import act, browser, changelist, names, page, told
from tests.conftest import PASSWORD, person

pytestmark = pytest.mark.django_db(transaction=True)

BATCH = 10


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    monkeypatch.setattr(batch_deletion, "BATCH_SIZE", BATCH)
    monkeypatch.setattr(batch_deletion, "INLINE", BATCH)


@pytest.fixture
def interrupted(monkeypatch):
    """Have the process end before anything is deleted in the background."""
    monkeypatch.setattr(background, "run_steps", lambda name, steps: None)


def fill(user, files=25, messages=25):
    """Give a user a session with messages and files with their bytes."""
    session = Session.objects.create(user=user, title="Day 1")
    Message.objects.bulk_create(Message(session=session, content="x") for _ in range(messages))
    paths = [backend.new_path() for _ in range(files)]
    for path in paths:
        default_storage.save(path, ContentFile(b"x"))
    File.objects.bulk_create(
        File(user=user, session=session, filename="a.txt", size=1, storage_path=path)
        for path in paths
    )
    return session, paths


def delete_own(user):
    return browser(user).post("/accounts/delete/", {"password": PASSWORD}, follow=True)


def is_empty(paths):
    gone = not any(backend.exists(path) for path in paths)
    return gone and not any(model.objects.exists() for model in (File, Message, Session))


def test_a_large_account_goes_with_everything(owner, member):
    _session, paths = fill(owner)
    assert "Your account is closed." in told(delete_own(owner))
    assert list(User.objects.all()) == [member]
    assert is_empty(paths)


def test_no_statement_deletes_more_than_a_batch_and_each_is_committed(owner):
    fill(owner, files=45, messages=45)
    deleted = []

    def watch(execute, sql, params, many, context):
        result = execute(sql, params, many, context)
        if sql.startswith(('DELETE FROM "sample_files"', 'DELETE FROM "sample_messages"')):
            deleted.append(context["cursor"].rowcount)
        return result

    with connection.execute_wrapper(watch), CaptureQueriesContext(connection) as queries:
        delete_own(owner)
    assert sum(deleted) == 90
    assert max(deleted) <= BATCH
    assert sum(query["sql"] == "COMMIT" for query in queries) > 90 / BATCH


def test_a_crash_leaves_an_account_that_nobody_can_use_and_the_sweep_finishes(
    owner, organiser, interrupted, capsys
):
    _session, paths = fill(owner)
    client = browser(owner)
    delete_own(owner)
    steps = delete_marked(owner.pk)
    next(steps)
    next(steps)
    assert client.get("/files/").status_code == 302
    owner.refresh_from_db()
    assert not owner.is_active
    as_organiser = browser(organiser)
    html = as_organiser.get(page("accounts_user", "change", owner.pk)).content.decode()
    assert "Being deleted since" in html
    assert "0 users reactivated." in told(act(as_organiser, "accounts_user", "reactivate", owner))
    call_command("sweep")
    assert "interrupted deletions 1" in capsys.readouterr().out
    assert is_empty(paths)
    assert list(User.objects.all()) == [organiser]


def test_a_crash_is_mended_by_deleting_again(owner, organiser, interrupted, monkeypatch):
    _session, paths = fill(owner)
    client, address = browser(organiser), page("accounts_user", "delete", owner.pk)
    response = client.post(address, {"post": "yes"}, follow=True)
    assert "is being deleted in the background" in told(response)
    assert User.objects.filter(pk=owner.pk).exists()
    monkeypatch.undo()
    client.post(address, {"post": "yes"})
    assert is_empty(paths)
    assert list(User.objects.all()) == [organiser]


def test_many_accounts_with_little_count_as_a_large_one(organiser):
    people = [person(f"user{number}") for number in range(3)]
    for user in people:
        fill(user, files=2, messages=4)
    response = act(browser(organiser), "accounts_user", "delete_selected", *people, post="yes")
    assert "in the background" in told(response)
    assert not Message.objects.exists()
    assert list(User.objects.all()) == [organiser]


def test_log_entries_are_preserved_once(owner, organiser, member):
    User.objects.filter(pk=owner.pk).update(is_staff=True, is_superuser=True)
    fill(owner)
    act(browser(owner), "accounts_user", "deactivate", member)
    delete_own(owner)
    assert [entry.former_pk for entry in FormerLogEntry.objects.all()] == [owner.pk]


@pytest.mark.parametrize("where", ["trash", "admin", "sweep"])
def test_a_session_with_many_messages_disappears_at_once(
    owner, organiser, interrupted, where, capsys
):
    session, paths = fill(owner)
    Session.objects.update(deleted_at="2020-01-01T00:00Z")
    if where == "trash":
        browser(owner).post("/files/trash/purge/", {"of": "sessions"})
    elif where == "admin":
        act(browser(organiser), "sessions_app_session", "purge_selected", session, post="yes")
    else:
        call_command("sweep")
    if where == "sweep":
        assert "sessions 1 and messages 0, interrupted deletions 0" in capsys.readouterr().out
        assert not Message.objects.exists()
    else:
        assert Message.objects.count() == 25
    assert "Day 1" not in browser(owner).get("/files/trash/?of=sessions").content.decode()
    address = f"/sessions/{session.session_id}/restore/"
    assert browser(owner).post(address).status_code == 404
    assert names(browser(organiser).get(changelist("sessions_app_session"))) == []
    call_command("sweep")
    assert not Session.objects.exists()
    assert not Message.objects.exists()
    assert File.objects.filter(session=None).count() == len(paths)
    assert all(backend.exists(path) for path in paths)


@pytest.mark.parametrize("rule", ["", "ON DELETE RESTRICT", "ON DELETE CASCADE"])
def test_what_a_foreign_table_refers_to_stays_whole(owner, rule):
    fill(owner)
    held = File.objects.last()
    with connection.cursor() as cursor:
        column = f"thing bigint REFERENCES sample_files (id) {rule}"
        cursor.execute(f"CREATE TABLE invoices (number integer PRIMARY KEY, {column})")
        cursor.execute("INSERT INTO invoices VALUES (1, %s)", [held.pk])
    try:
        html = delete_own(owner).content.decode()
        if "CASCADE" in rule:
            assert not File.objects.exists()
        else:
            assert "The table invoices" in html
            assert File.objects.count() == Message.objects.count() == 25
            owner.refresh_from_db()
            assert owner.is_active
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE invoices")


@pytest.mark.slow
def test_thousands_of_files_go_in_batches_of_some_hundred(owner, monkeypatch, settings):
    monkeypatch.undo()
    monkeypatch.setattr(batch_deletion, "FAST", 1000)  # however slow this machine is
    monkeypatch.setattr(batch_deletion, "SLOW", 1000)
    session = Session.objects.create(user=owner)
    File.objects.bulk_create(
        File(user=owner, session=session, filename="x", size=1, storage_path=f"aa/bb/{number}")
        for number in range(3000)
    )
    Message.objects.bulk_create(Message(session=session, content="x") for _ in range(3000))
    User.objects.update(is_active=False, deletion_started_at=timezone.now())
    steps = sum(1 for _step in delete_marked(owner.pk))
    # Of 20, 40, 80, 160, 320 and then 500 rows: 10 for the files and 10 for the messages.
    assert 20 <= steps <= 24
    assert not User.objects.exists()
