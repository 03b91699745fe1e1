"""Changes of several rows at once in the admin."""

import pytest
from django.contrib.admin.models import LogEntry

from files.library import quota
from files.models import File, Quota, Upload, Version
from sessions_app.models import Session
from tests.admin_pages import act, browser, helper, told

FILE, SESSION, USER = "files_file", "sessions_app_session", "accounts_user"
HAND_OVER = "hand_over_selected"


@pytest.fixture
def as_organiser(organiser):
    return browser(organiser)


def make_file(user, **fields):
    values = {"filename": "plan.txt", "size": 1000, "storage_path": "aa/bb/none"} | fields
    return File.objects.create(user=user, **values)


@pytest.fixture
def session(owner):
    return Session.objects.create(user=owner, title="Camp")


class TestTrash:
    @pytest.mark.parametrize("model", [FILE, SESSION])
    def test_rows_are_moved_there_after_a_page_with_number_and_bytes(
        self, as_organiser, owner, session, model
    ):
        file = make_file(owner, size=1_500_000, session=session)
        row = file if model == FILE else session
        response = act(as_organiser, model, "trash_selected", row)
        assert "1.4\u00a0MiB" in response.content.decode()
        row.refresh_from_db()
        assert row.deleted_at is None
        response = act(as_organiser, model, "trash_selected", row, post="Continue")
        assert "1 moved to the trash." in told(response)
        row.refresh_from_db()
        assert row.deleted_at is not None
        assert LogEntry.objects.get().get_change_message() == "Moved to the trash."

    def test_a_permission_of_its_own_is_enough_for_it_and_for_nothing_else(self, owner):
        file = make_file(owner)
        client = browser(helper("files.view_file", "files.trash_file"))
        act(client, FILE, "trash_selected", file, post="Continue")
        file.refresh_from_db()
        assert file.deleted_at is not None
        act(client, FILE, "restore_selected", file)
        file.refresh_from_db()
        assert file.deleted_at is None
        act(client, FILE, HAND_OVER, file, post="Continue", user=owner.pk)
        assert not LogEntry.objects.filter(change_message__contains="Handed").exists()

    def test_those_who_may_only_look_cannot(self, owner):
        file = make_file(owner)
        client = browser(helper("files.view_file"))
        act(client, FILE, "trash_selected", file, post="Continue")
        file.refresh_from_db()
        assert file.deleted_at is None


class TestFiles:
    def test_they_get_a_new_owner_and_leave_sessions_of_others(
        self, as_organiser, owner, member, session
    ):
        file = make_file(owner, session=session)
        response = act(as_organiser, FILE, HAND_OVER, file)
        assert "1 file, 1,000\u00a0bytes" in response.content.decode().replace("1000", "1,000")
        response = act(as_organiser, FILE, HAND_OVER, file, post="Continue", user=member.pk)
        assert "1 handed over to member." in told(response)
        file.refresh_from_db()
        assert (file.user, file.session) == (member, None)
        assert quota.bytes_used(member) == 1000
        assert quota.bytes_used(owner) == 0
        assert LogEntry.objects.get().get_change_message() == "Handed over to member."

    def test_all_or_none_fit_into_the_room_of_the_new_owner(self, as_organiser, owner, member):
        Quota.objects.create(user=member, limit=2500)
        files = [make_file(owner) for _ in range(2)]
        old = {"content_type": "text/plain", "since": files[0].created_at}
        Version.objects.create(
            file=files[0], filename="a", size=501, replaced_at=files[0].created_at, **old
        )
        response = act(as_organiser, FILE, HAND_OVER, *files, post="Continue", user=member.pk)
        assert "member has room for 2.4\u00a0KiB; the files need" in response.content.decode()
        assert set(File.objects.values_list("user", flat=True)) == {owner.pk}
        Quota.objects.update(limit=2501)
        act(as_organiser, FILE, HAND_OVER, *files, post="Continue", user=member.pk)
        assert set(File.objects.values_list("user", flat=True)) == {member.pk}

    @pytest.mark.parametrize("value", ["", "x", "9" * 20, "0"])
    def test_a_user_that_does_not_exist_is_refused(self, as_organiser, owner, value):
        file = make_file(owner)
        response = act(as_organiser, FILE, HAND_OVER, file, post="Continue", user=value)
        assert response.context["form"].errors
        file.refresh_from_db()
        assert file.user == owner

    def test_it_needs_permission_to_change_files_and_to_view_users(self, owner, member):
        file = make_file(owner)
        for number, allowed in enumerate(["files.view_file", "files.change_file"]):
            client = browser(helper("files.view_file", allowed, name=f"h{number}"))
            act(client, FILE, HAND_OVER, file, post="Continue", user=member.pk)
        file.refresh_from_db()
        assert file.user == owner


class TestSessions:
    @pytest.mark.parametrize("choice", ["move", "leave"])
    def test_the_files_go_along_or_leave_the_session(
        self, as_organiser, owner, member, session, choice
    ):
        file = make_file(owner, session=session)
        fields = {"filename": "b", "length": 5, "content_type": "text/plain"}
        Upload.objects.create(user=owner, session=session, expires_at="2100-01-01T00:00Z", **fields)
        response = act(as_organiser, SESSION, HAND_OVER, session)
        assert "1 session (1 file" in response.content.decode()
        choices = {"post": "Continue", "user": member.pk, "files": choice}
        act(as_organiser, SESSION, HAND_OVER, session, **choices)
        file.refresh_from_db()
        session.refresh_from_db()
        assert session.user == member
        expected = (member, session) if choice == "move" else (owner, None)
        assert (file.user, file.session) == expected
        assert Upload.objects.get().session is None

    def test_without_room_nothing_changes(self, as_organiser, owner, member, session):
        Quota.objects.create(user=member, limit=10)
        make_file(owner, session=session)
        choices = {"post": "Continue", "user": member.pk, "files": "move"}
        response = act(as_organiser, SESSION, HAND_OVER, session, **choices)
        assert "member has room for" in response.content.decode()
        session.refresh_from_db()
        assert session.user == owner

    def test_without_permission_for_files_they_stay(self, owner, member, session):
        file = make_file(owner, session=session)
        client = browser(
            helper(
                *("sessions_app.view_session", "sessions_app.change_session"),
                *("accounts.view_user", "files.view_file"),
            )
        )
        choices = {"post": "Continue", "user": member.pk}
        act(client, SESSION, HAND_OVER, session, files="move", **choices)
        file.refresh_from_db()
        assert file.user == owner
        act(client, SESSION, HAND_OVER, session, files="leave", **choices)
        session.refresh_from_db()
        file.refresh_from_db()
        assert (session.user, file.user, file.session) == (member, owner, None)


class TestQuota:
    def test_it_is_set_for_several_users(self, as_organiser, owner, member):
        make_file(owner, size=2048)
        people = (owner, member)
        response = act(as_organiser, USER, "set_quota", *people)
        assert "2 users, who store 2\u00a0KiB together." in response.content.decode()
        fields = {"post": "Continue", "kind": "own", "size": "10G"}
        assert "Quota of 2 users set." in told(
            act(as_organiser, USER, "set_quota", *people, **fields)
        )
        assert set(Quota.objects.values_list("limit", flat=True)) == {10 * 2**30}
        act(as_organiser, USER, "set_quota", owner, **fields | {"kind": "none"})
        assert Quota.objects.get(user=owner).limit is None
        act(as_organiser, USER, "set_quota", owner, **fields | {"kind": "default"})
        assert not Quota.objects.filter(user=owner).exists()
        assert LogEntry.objects.count() == 4

    @pytest.mark.parametrize("size", ["", "x", "-1", "10X", "9" * 30])
    def test_a_size_that_is_none_is_refused(self, as_organiser, owner, size):
        fields = {"post": "Continue", "kind": "own", "size": size}
        response = act(as_organiser, USER, "set_quota", owner, **fields)
        assert response.context["form"].errors
        assert not Quota.objects.exists()

    def test_it_needs_the_permissions_for_quotas(self, owner):
        client = browser(helper("accounts.change_user", "files.view_quota", "files.change_quota"))
        fields = {"post": "Continue", "kind": "own", "size": "1G"}
        act(client, USER, "set_quota", owner, **fields)
        assert not Quota.objects.exists()
