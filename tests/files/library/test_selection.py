"""Doing one thing with many files."""

import io
import zipfile

import pytest
from django.contrib.messages import get_messages

from files.models import File
from tests.files.conftest import stored

URL = "/files/selection/"


def act(client, action, *files, **data):
    """Send the form of the selection; returns the answer."""
    return client.post(URL, {"action": action, "id": [file.pk for file in files], **data})


def told(response):
    return [str(message) for message in get_messages(response.wsgi_request)]


def names(queryset):
    return sorted(queryset.values_list("filename", flat=True))


@pytest.fixture
def three(keep):
    return [keep(name, b"x" * 1000) for name in ("a.txt", "b.txt", "c.png")]


def test_a_question_tells_how_many_and_how_large(as_owner, three):
    page = act(as_owner, "delete", *three[:2]).content.decode()
    assert "Delete 2 files?" in page
    assert "Total size: 2\u00a0KiB." in page
    assert File.objects.filter(deleted_at=None).count() == 3


@pytest.mark.parametrize("trashed", [False, True])
def test_a_question_names_the_first_files(as_owner, keep, trashed):
    files = [keep(f"{number:02}.txt") for number in range(12)]
    for file in files if trashed else ():
        file.trash()
    data = {"trashed": "1"} if trashed else {}
    action = "purge" if trashed else "delete"
    page = act(as_owner, action, *files, **data).content.decode()
    assert "<bdi>00.txt</bdi>" in page
    assert "<bdi>09.txt</bdi>" in page
    assert "10.txt" not in page
    assert "and 2 more" in page
    assert (
        "more" not in act(as_owner, action, *files[:3], **data).content.decode().split("<main")[1]
    )


def test_many_are_deleted_and_brought_back_at_once(as_owner, owner, three):
    response = act(as_owner, "delete", *three[:2], sure="1", next="/files/?sort=name")
    assert response.url == "/files/?sort=name"
    assert told(response) == ["2 files were deleted."]
    assert names(File.objects.trashed_by(owner)) == ["a.txt", "b.txt"]
    [message] = get_messages(response.wsgi_request)
    undo = message.extra_tags.removeprefix("undo:")
    response = as_owner.post(undo)
    assert response.url == "/files/?sort=name"
    assert names(File.objects.visible_to(owner)) == ["a.txt", "b.txt", "c.png"]


def test_undo_leaves_what_was_deleted_at_another_time(as_owner, owner, three):
    three[2].trash()
    response = act(as_owner, "delete", *three[:2], sure="1")
    [message] = get_messages(response.wsgi_request)
    as_owner.post(message.extra_tags.removeprefix("undo:"))
    assert names(File.objects.trashed_by(owner)) == ["c.png"]


def test_all_that_match_are_meant(as_owner, owner, three, session):
    response = act(as_owner, "delete", all="1", q=".txt")
    assert "Delete 2 files?" in response.content.decode()
    act(as_owner, "delete", all="1", q=".txt", sure="1")
    assert names(File.objects.visible_to(owner)) == ["c.png"]


def test_all_of_a_session_are_meant(as_owner, owner, keep, session):
    keep("in.txt", session=session)
    keep("out.txt")
    act(as_owner, "delete", all="1", session=session.session_id, sure="1")
    assert names(File.objects.visible_to(owner)) == ["out.txt"]


def test_files_move_to_a_session_and_out_of_it(as_owner, three, session):
    question = act(as_owner, "move", *three).content.decode()
    assert "Move 3 files to a session" in question
    assert "Summer camp" in question
    response = act(as_owner, "move", *three, sure="1", to=session.session_id)
    assert told(response) == ["3 files were added to the session."]
    assert session.files.count() == 3
    assert told(act(as_owner, "move", three[0], sure="1", to=""))[-1] == (
        "1 file was removed from its session."
    )
    assert session.files.count() == 2


def test_they_do_not_move_to_somebody_elses_session(as_owner, three, foreign_session):
    response = act(as_owner, "move", *three, sure="1", to=foreign_session.session_id)
    assert response.status_code == 404
    assert foreign_session.files.count() == 0


def test_a_zip_comes_at_once(as_owner, three):
    response = act(as_owner, "zip", *three[:2])
    archive = zipfile.ZipFile(io.BytesIO(response.getvalue()))
    assert archive.namelist() == ["a.txt", "b.txt"]


def test_too_many_for_a_zip_are_refused(as_owner, three, monkeypatch):
    monkeypatch.setattr("files.views.selection.MAX_FILES", 2)
    assert act(as_owner, "zip", *three).status_code == 413


@pytest.mark.django_db(transaction=True)
def test_from_the_trash_they_come_back_or_go_for_good(as_owner, owner, three):
    for file in three:
        file.trash()
    assert told(act(as_owner, "restore", three[0], trashed="1")) == ["1 file was restored."]
    question = act(as_owner, "purge", all="1", trashed="1").content.decode()
    assert "Delete 2 files for good?" in question
    assert ">Delete for good</button>" in question.replace("\n", "")
    assert told(act(as_owner, "purge", all="1", trashed="1", sure="1"))[-1] == (
        "2 items were deleted for good."
    )
    assert names(File.objects.all()) == ["a.txt"]
    assert list(stored()) == [three[0].storage_path]


@pytest.mark.parametrize("action", ["restore", "purge", "rename", ""])
def test_the_library_knows_no_such_action(as_owner, three, action):
    assert act(as_owner, action, *three, sure="1").status_code == 404
    assert File.objects.filter(deleted_at=None).count() == 3


def test_nobody_elses_files_are_touched(as_stranger, three):
    for action in ("delete", "move", "zip"):
        response = act(as_stranger, action, *three, sure="1")
        assert told(response)[-1] == "Choose at least one file."
    act(as_stranger, "delete", all="1", sure="1")
    assert File.objects.filter(deleted_at=None).count() == 3


@pytest.mark.parametrize("key", ["x", "-1", "1.0", "٣", "9" * 30])
def test_nonsense_is_not_found(as_owner, file, key):
    assert as_owner.post(URL, {"action": "delete", "id": key}).status_code == 404


@pytest.mark.parametrize("moment", ["", "x", "2026-01-01T00:00:00", "2026-99-01T00:00:00Z"])
def test_undo_needs_a_moment(as_owner, moment):
    assert as_owner.post(f"/files/undo/?deleted={moment}").status_code == 404


def test_strangers_log_in_first(client, db):
    for address in (URL, "/files/undo/"):
        assert client.post(address).url == f"/accounts/login/?next={address}"


def test_other_verbs_are_refused(as_owner):
    assert as_owner.get(URL).status_code == 405
    assert as_owner.get("/files/undo/").status_code == 405


@pytest.mark.parametrize("count", [2, 40])
def test_queries_do_not_grow(as_owner, keep, django_assert_max_num_queries, count):
    files = [keep(f"{number}.txt") for number in range(count)]
    with django_assert_max_num_queries(6):
        act(as_owner, "delete", *files, sure="1")
