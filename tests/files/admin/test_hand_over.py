"""A session or a file that gets another owner on its admin page."""

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse

from files.library import quota
from files.models import File, Quota, Upload
from tests.admin_pages import NO_MEMBERS, browser, helper, page, told
from tests.files.conftest import stored

FILE, SESSION = "files_file", "sessions_app_session"
QUESTION = "There are files in this session (1 file, 5\u00a0bytes). What becomes of them?"


@pytest.fixture
def as_organiser(organiser):
    return browser(organiser)


@pytest.fixture
def file(keep, session):
    return keep("a.txt", session=session)


def hand_over(client, session, user, **fields):
    data = {"title": session.title, "user": user.pk} | NO_MEMBERS | fields
    return client.post(page(SESSION, "change", session.pk), data, follow=True)


def test_the_files_are_asked_about_and_nothing_is_saved_before(
    as_organiser, session, file, owner, member
):
    html = hand_over(as_organiser, session, member).content.decode()
    assert QUESTION in html
    assert html.count('type="radio"') == 2
    session.refresh_from_db()
    assert session.user == owner
    # Without another owner there is no question.
    assert 'type="radio"' not in hand_over(as_organiser, session, owner).content.decode()


def test_they_go_along_with_both_sums(as_organiser, session, file, owner, member):
    assert (quota.bytes_used(owner), quota.bytes_used(member)) == (5, 0)
    hand_over(as_organiser, session, member, files="move")
    session.refresh_from_db()
    file.refresh_from_db()
    assert session.user == file.user == member
    assert file.session == session
    assert (quota.bytes_used(owner), quota.bytes_used(member)) == (0, 5)
    assert browser(member).get(f"/files/{file.pk}/").status_code == 200


@pytest.mark.parametrize(
    ("language", "line"),
    [
        ("en", "Handed over to member. The files of the session went along."),
        ("ja", "member に引き継ぎました。 セッションのファイルも引き継ぎました。"),
    ],
)
@pytest.mark.parametrize("acting", ["en", "ja"])
def test_the_history_is_in_the_language_of_its_reader(
    as_organiser, session, file, member, acting, language, line
):
    as_organiser.cookies["django_language"] = acting
    hand_over(as_organiser, session, member, files="move")
    as_organiser.cookies["django_language"] = language
    for url in (page(SESSION, "history", session.pk), reverse("admin:admin_logentry_changelist")):
        assert line in as_organiser.get(url).content.decode()


def test_they_stay_and_leave_the_session(as_organiser, session, file, owner, member):
    upload = Upload.objects.create(
        user=owner, session=session, filename="b", length=1, expires_at="2099-01-01T00:00Z"
    )
    hand_over(as_organiser, session, member, files="leave")
    for row in (file, session, upload):
        row.refresh_from_db()
    assert (file.user, file.session, session.user) == (owner, None, member)
    assert (upload.user, upload.session) == (owner, None)
    assert set(stored()) == {file.storage_path}


@pytest.mark.parametrize("model", [SESSION, FILE])
def test_without_room_at_the_new_owner_nothing_is_changed(
    as_organiser, session, file, owner, member, model
):
    Quota.objects.create(user=member, limit=3)
    if model == SESSION:
        response = hand_over(as_organiser, session, member, title="New", files="move")
    else:
        data = {"filename": "new.txt", "user": member.pk, "session": ""}
        response = as_organiser.post(page(FILE, "change", file.pk), data, follow=True)
    assert "member has room for 3\u00a0bytes; the files need 5\u00a0bytes." in told(response)
    for row in (session, file):
        row.refresh_from_db()
    assert session.user == file.user == owner
    assert (session.title, file.filename) == ("Summer camp", "a.txt")
    assert not LogEntry.objects.exists()


def test_who_may_not_change_files_can_only_leave_them(session, file, owner, member):
    rights = ["sessions_app.view_session", "sessions_app.change_session", "accounts.view_user"]
    client = browser(helper(*rights))
    assert hand_over(client, session, member).content.decode().count('type="radio"') == 1
    hand_over(client, session, member, files="move")
    session.refresh_from_db()
    assert session.user == owner
    hand_over(client, session, member, files="leave")
    file.refresh_from_db()
    assert (file.user, file.session) == (owner, None)


def test_files_without_an_owner_get_the_one_of_their_session(as_organiser, session, file, member):
    File.objects.update(user=None)
    type(session).objects.update(user=None)
    hand_over(as_organiser, session, member, files="move")
    file.refresh_from_db()
    assert file.user == member
