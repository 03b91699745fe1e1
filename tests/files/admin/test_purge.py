"""Deletion in the admin: to the trash first, then for good."""

import pytest
from django.contrib.admin.models import CHANGE, DELETION, LogEntry
from django.utils import timezone

from files.models import File
from sessions_app.models import Message, Session
from tests.admin_pages import act, browser, changelist, helper, page, told
from tests.files.conftest import stored

FILE, SESSION = "files_file", "sessions_app_session"
NBSP = "\u00a0"


@pytest.fixture
def as_organiser(organiser):
    return browser(organiser)


@pytest.fixture
def session(session):
    """A session with three messages."""
    Message.objects.bulk_create(Message(session=session, content="x") for _ in range(3))
    return session


def history():
    """Return (action, sentence) of each entry of the history, the oldest first."""
    return [
        (entry.action_flag, entry.get_change_message()) for entry in LogEntry.objects.order_by("pk")
    ]


@pytest.mark.parametrize("model", [FILE, SESSION])
def test_delete_moves_a_row_to_the_trash(as_organiser, file, session, model):
    row = {FILE: file, SESSION: session}[model]
    html = as_organiser.get(page(model, "delete", row.pk)).content.decode()
    assert "Move to the trash?" in html
    assert "They can be restored for 30 days." in html
    response = as_organiser.post(page(model, "delete", row.pk), {"post": "yes"}, follow=True)
    assert "was moved to the trash" in told(response)
    row.refresh_from_db()
    assert row.deleted_at
    assert set(stored()) == {file.storage_path}
    assert history() == [(CHANGE, "Moved to the trash.")]


def test_a_file_in_the_trash_is_deleted_for_good_on_a_page_of_its_own(
    as_organiser, keep, django_capture_on_commit_callbacks
):
    file, other = keep("a.txt"), keep("b.txt")
    file.trash()
    response = as_organiser.get(page(FILE, "delete", file.pk))
    assert response["Location"] == page(FILE, "purge", file.pk)
    html = as_organiser.get(response["Location"]).content.decode()
    assert f'value="Delete 1 file (5{NBSP}bytes) for good"' in html
    with django_capture_on_commit_callbacks(execute=True):
        response = as_organiser.post(page(FILE, "purge", file.pk), {"post": "yes"}, follow=True)
    assert "1 item was deleted for good." in told(response)
    assert set(stored()) == {other.storage_path}
    assert history() == [(DELETION, "Deleted for good.")]


def test_several_are_named_by_number_and_bytes_and_the_others_stay(
    as_organiser, keep, django_capture_on_commit_callbacks
):
    several, other = [keep(f"{n}.txt") for n in range(3)], keep("kept.txt")
    File.objects.exclude(pk=other.pk).update(deleted_at=timezone.now())
    response = act(as_organiser, FILE, "purge_selected", *several, other)
    assert f"Delete 3 files (15{NBSP}bytes) for good" in response.content.decode()
    assert "1 is not in the trash. Move it there first." in told(response)
    assert len(stored()) == 4
    with django_capture_on_commit_callbacks(execute=True):
        response = act(as_organiser, FILE, "purge_selected", *several, other, post="yes")
    assert "3 items were deleted for good." in told(response)
    assert set(stored()) == {other.storage_path}


def test_a_session_goes_with_its_messages_and_not_with_its_files(as_organiser, session, file):
    File.objects.update(session=session)
    session.trash()
    html = as_organiser.get(page(SESSION, "purge", session.pk)).content.decode()
    assert "Delete 1 session (3 messages) for good" in html
    assert "The files of a session stay in the library." in html
    as_organiser.post(page(SESSION, "purge", session.pk), {"post": "yes"})
    assert not Session.objects.exists()
    assert not Message.objects.exists()
    assert File.objects.get().session is None


@pytest.mark.parametrize("model", [FILE, SESSION])
def test_what_is_not_in_the_trash_is_not_deleted_for_good(as_organiser, file, session, model):
    row = {FILE: file, SESSION: session}[model]
    response = as_organiser.post(page(model, "purge", row.pk), {"post": "yes"})
    assert response["Location"] == page(model, "delete", row.pk)
    act(as_organiser, model, "purge_selected", row, post="yes")
    act(as_organiser, model, "delete_selected", row, post="yes")
    row.refresh_from_db()
    assert row.deleted_at is None


def test_a_list_offers_what_its_rows_can_have(as_organiser, file):
    wanted = {
        "": {"trash_selected", "restore_selected", "purge_selected"},
        "?trash=no": {"trash_selected"},
        "?trash=yes": {"restore_selected", "purge_selected"},
    }
    File.objects.update(deleted_at=timezone.now())
    for query, names in wanted.items():
        form = as_organiser.get(changelist(FILE, query)).context.get("action_form")
        offered = {name for name, _label in form.fields["action"].choices} if form else set()
        if form:
            assert names == offered & set().union(*wanted.values()), query
            assert "delete_selected" not in offered


def test_it_needs_the_permission_also_for_the_messages(file, session):
    client = browser(helper("files.view_file", "files.change_file"))
    assert client.get(page(FILE, "delete", file.pk)).status_code == 403
    file.trash()
    assert client.post(page(FILE, "purge", file.pk), {"post": "yes"}).status_code == 403
    act(client, FILE, "purge_selected", file, post="yes")
    assert File.objects.exists()
    session.trash()
    rights = ["sessions_app.view_session", "sessions_app.delete_session"]
    client = browser(helper(*rights, name="other"))
    html = client.get(page(SESSION, "purge", session.pk)).content.decode()
    assert "You lack the permission to delete: message." in html
    assert 'for good"' not in html
    assert client.post(page(SESSION, "purge", session.pk), {"post": "yes"}).status_code == 403
    assert Session.objects.exists()


def test_what_does_not_exist_is_said_so(as_organiser, client, db):
    for what in ("delete", "purge"):
        response = as_organiser.get(page(FILE, what, 99), follow=True)
        assert "doesn’t exist" in told(response)
        assert client.get(page(FILE, what, 99)).status_code == 302
