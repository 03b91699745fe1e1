"""The trash: what is in it, what comes back, and what goes for good."""

from datetime import timedelta

import pytest
from django.contrib.messages import get_messages
from django.utils import timezone

from camp.db.keyset import PAGE_SIZE
from files.models import File
from sessions_app.models import Session
from tests.files.conftest import stored

KINDS = ["files", "sessions"]


@pytest.fixture
def trashed(keep, session):
    """A file and a session of the owner's, both in the trash, by kind."""
    file = keep("夏合宿.txt", b"hello", session=session)
    for thing in (file, session):
        thing.trash()
    return {"files": file, "sessions": session}


def page(client, of="files", **params):
    return client.get("/files/trash/", {"of": of, **params}).content.decode()


def purge(client, of, thing=None):
    return client.post("/files/trash/purge/", {"of": of, "id": thing.pk if thing else ""})


@pytest.mark.parametrize("of", KINDS)
def test_what_was_deleted_is_listed(as_owner, trashed, of):
    content = page(as_owner, of)
    assert str(trashed[of]) in content
    other = trashed["sessions" if of == "files" else "files"]
    assert str(other) not in content


def test_files_come_first(as_owner, trashed):
    assert "夏合宿.txt" in as_owner.get("/files/trash/").content.decode()


def test_it_opens_on_the_tab_that_has_something(as_owner, trashed):
    trashed["files"].restore()
    response = as_owner.get("/files/trash/")
    assert str(trashed["sessions"]) in response.content.decode()
    assert [(tab.name, count) for tab, count in response.context["tabs"]] == [
        ("files", 0),
        ("sessions", 1),
    ]
    # Which tab was asked for is said by its address.
    assert "The trash is empty" in page(as_owner, "files")


def test_the_latest_is_on_top(as_owner, keep):
    for name in ("first.txt", "second.txt"):
        keep(name).trash()
    content = page(as_owner)
    assert content.index("second.txt") < content.index("first.txt")


def test_what_is_not_deleted_is_not_listed(as_owner, file):
    assert "The trash is empty" in page(as_owner)


def test_it_comes_back_with_name_and_session(as_owner, trashed):
    file, session = trashed["files"], trashed["sessions"]
    session.restore()
    response = as_owner.post(f"/files/{file.pk}/restore/", {"next": "/files/trash/?of=files"})
    assert response.url == "/files/trash/?of=files"
    file.refresh_from_db()
    assert (file.filename, file.session, file.deleted_at) == ("夏合宿.txt", session, None)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("of", KINDS)
def test_one_goes_for_good(as_owner, trashed, of):
    question = as_owner.get("/files/trash/purge/", {"of": of, "id": trashed[of].pk})
    assert str(trashed[of]) in question.content.decode()
    response = purge(as_owner, of, trashed[of])
    assert response.url == f"/files/trash/?of={of}"
    assert [str(note) for note in get_messages(response.wsgi_request)] == [
        f"“{trashed[of]}” was deleted for good."
    ]
    assert (File.objects.count(), Session.objects.count()) == ((0, 1) if of == "files" else (1, 0))
    assert len(stored()) == (0 if of == "files" else 1)


@pytest.mark.django_db(transaction=True)
def test_all_of_a_kind_goes(as_owner, trashed, keep):
    kept = keep("kept.txt")
    keep("second.txt").trash()
    assert "2 items will be deleted." in as_owner.get("/files/trash/purge/").content.decode()
    response = purge(as_owner, "files")
    assert [str(note) for note in get_messages(response.wsgi_request)] == [
        "2 items were deleted for good."
    ]
    assert list(File.objects.all()) == [kept]
    assert list(stored()) == [kept.storage_path]
    assert Session.objects.count() == 1


@pytest.mark.parametrize("of", KINDS)
def test_what_is_not_in_the_trash_does_not_go(as_owner, file, session, of):
    thing = {"files": file, "sessions": session}[of]
    assert purge(as_owner, of, thing).status_code == 404
    purge(as_owner, of)
    assert (File.objects.count(), Session.objects.count()) == (1, 1)


@pytest.mark.parametrize("of", KINDS)
def test_nobody_elses_trash(as_stranger, trashed, of):
    assert str(trashed[of]) not in page(as_stranger, of)
    assert purge(as_stranger, of, trashed[of]).status_code == 404
    purge(as_stranger, of)
    assert (File.objects.count(), Session.objects.count()) == (1, 1)


@pytest.mark.parametrize("params", [{"of": "users"}, {"id": "x"}, {"id": "9" * 40}, {"id": "-1"}])
def test_nonsense_is_not_found(as_owner, params):
    assert as_owner.get("/files/trash/purge/", params).status_code == 404
    assert as_owner.post("/files/trash/purge/", params).status_code == 404
    if "of" in params:
        assert as_owner.get("/files/trash/", params).status_code == 404


def test_other_verbs_are_refused(as_owner):
    assert as_owner.post("/files/trash/").status_code == 405
    assert as_owner.put("/files/trash/purge/").status_code == 405


def test_strangers_log_in_first(client, db):
    for address in ("/files/trash/", "/files/trash/purge/"):
        assert client.get(address).url == f"/accounts/login/?next={address}"


@pytest.mark.parametrize("count", [3, PAGE_SIZE + 5])
def test_queries_do_not_grow(as_owner, owner, django_assert_max_num_queries, count):
    now = timezone.now()
    File.objects.bulk_create(
        File(
            user=owner,
            filename=f"{number}.txt",
            size=1,
            storage_path=f"x/{number}",
            deleted_at=now - timedelta(minutes=number),
        )
        for number in range(count)
    )
    with django_assert_max_num_queries(4):  # the counts of both tabs, and the page
        content = page(as_owner)
    assert ("after=" in content) == (count > PAGE_SIZE)
