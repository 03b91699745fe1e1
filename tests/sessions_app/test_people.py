"""Who is let into a session, and by whom."""

import pytest
from django.contrib.auth.models import Group, Permission
from django.urls import reverse

from accounts.lifecycle import delete_accounts
from accounts.throttle import UNKNOWN_PEOPLE
from files.models import File
from sessions_app.hand_over import hand_over_session
from sessions_app.models import Member, Session
from tests.conftest import person
from tests.sessions_app.conftest import browser

pytestmark = pytest.mark.django_db


def url(name, session, *more):
    return reverse(f"sessions:{name}", args=[session.session_id, *more])


def add(client, session, **data):
    return client.post(url("members", session), {"right": "read"} | data)


def rights(session):
    """Return {user name or None: may write}."""
    return dict(session.members.values_list("user__username", "may_write"))


def errors(response):
    return " ".join(error for each in response.context["form"].errors.values() for error in each)


@pytest.fixture
def membership(session, member):
    return Member.objects.create(session=session, user=member)


@pytest.fixture
def members_file(session, member):
    """A file that the member has attached."""
    return File.objects.create(
        user=member, session=session, filename="Photo.jpg", size=1, storage_path="aa/bb/photo"
    )


class TestAdding:
    @pytest.mark.parametrize("typed", ["Member", "ＭＥＭＢＥＲ", "MEMBER@example.org", " member, "])
    def test_by_name_or_email_typed_in_full(self, as_owner, session, member, as_member, typed):
        assert add(as_owner, session, names=typed, right="write").status_code == 302
        assert rights(session) == {"member": True}
        assert as_member.get(session.get_absolute_url()).status_code == 200

    @pytest.mark.parametrize("typed", ["membe", "member@", "@", "inactive", "inactive@example.org"])
    def test_unknown_and_inactive_people_are_refused_alike(self, as_owner, session, member, typed):
        person("inactive", is_active=False)
        answer = errors(add(as_owner, session, names=f"{typed}, member"))
        assert answer == f"No active account has this user name or e-mail: {typed}"
        assert rights(session) == {}

    def test_guessing_is_limited(self, as_owner, session, member):
        names = [f"guess{number}" for number in range(UNKNOWN_PEOPLE)]
        for start in range(0, len(names), 10):
            add(as_owner, session, names=",".join(names[start : start + 10]))
        response = add(as_owner, session, names="member")
        assert response.status_code == 429
        assert rights(session) == {}

    def test_many_names_at_once_are_refused(self, as_owner, session):
        response = add(as_owner, session, names=",".join(f"n{number}" for number in range(21)))
        assert errors(response) == "At most 20 names at once."

    def test_people_with_whom_one_shares_are_offered(self, as_owner, owner, session, member):
        other = Session.objects.create(user=owner)
        Member.objects.create(session=other, user=member)
        assert add(as_owner, session, known=[member.pk]).status_code == 302
        assert rights(session) == {"member": False}

    def test_others_cannot_be_chosen_by_number(self, as_owner, session, stranger):
        add(as_owner, session, known=[stranger.pk])
        assert rights(session) == {}

    def test_a_group_adds_who_is_active_in_it_now(self, as_owner, owner, session, member):
        group = Group.objects.create(name="Kitchen")
        inactive = person("inactive", is_active=False)
        for user in (owner, member, inactive):
            user.groups.add(group)
        assert add(as_owner, session, group=group.pk).status_code == 302
        person("later").groups.add(group)
        assert rights(session) == {"member": False}

    def test_groups_of_others_are_for_organisers(self, as_owner, session, member, organiser):
        group = Group.objects.create(name="Kitchen")
        member.groups.add(group)
        add(as_owner, session, group=group.pk)
        assert rights(session) == {}
        theirs = Session.objects.create(user=organiser)
        add(browser(organiser), theirs, group=group.pk)
        assert rights(theirs) == {"member": False}

    def test_everyone_needs_the_permission(self, as_owner, owner, session, as_stranger):
        add(as_owner, session, everyone="on")
        assert as_stranger.get(session.get_absolute_url()).status_code == 404
        owner.user_permissions.add(Permission.objects.get(codename="share_with_everyone"))
        assert add(as_owner, session, everyone="on").status_code == 302
        assert as_stranger.get(session.get_absolute_url()).status_code == 200

    def test_moderators_have_the_permission(self, member):
        member.groups.add(Group.objects.get(name="Moderators"))
        assert member.has_perm("sessions_app.share_with_everyone")

    def test_twice_changes_nothing(self, as_owner, session, membership):
        Member.objects.update(may_write=True)
        add(as_owner, session, names="member, owner")
        assert rights(session) == {"member": True}

    def test_members_add_nobody(self, session, as_member, membership, stranger):
        Member.objects.update(may_write=True)
        assert add(as_member, session, names="stranger").status_code == 403
        assert "stranger" not in rights(session)


class TestChanging:
    def test_the_owner_lets_write_and_only_read(self, as_owner, session, membership):
        for right, may_write in (("write", True), ("read", False)):
            as_owner.post(url("member_change", session, membership.pk), {"right": right})
            assert rights(session) == {"member": may_write}

    def test_everyone_may_write_only_with_the_permission(self, as_owner, session):
        everyone = Member.objects.create(session=session, user=None)
        response = as_owner.post(url("member_change", session, everyone.pk), {"right": "write"})
        assert response.status_code == 403
        assert rights(session) == {None: False}

    def test_members_of_other_sessions_are_not_found(self, as_owner, session, untitled, member):
        other = Member.objects.create(session=untitled, user=member)
        for name in ("member_change", "member_remove", "member_hand_over"):
            response = as_owner.post(url(name, session, other.pk), {"right": "write"})
            assert response.status_code == 404, name


class TestRemoving:
    @pytest.mark.parametrize(("choice", "stays"), [("keep", True), ("take_out", False)])
    def test_the_owner_decides_about_files(
        self, as_owner, as_member, session, membership, members_file, choice, stays
    ):
        address = url("member_remove", session, membership.pk)
        assert "1 file in the session was added by member" in as_owner.get(address).content.decode()
        as_owner.post(address, {"files": choice})
        members_file.refresh_from_db()
        assert (members_file.session == session) is stays
        assert as_member.get(session.get_absolute_url()).status_code == 404
        assert as_member.get(members_file.get_absolute_url()).status_code == 200

    def test_nothing_is_asked_without_files(self, as_owner, session, membership, file):
        as_owner.post(url("member_remove", session, membership.pk))
        assert rights(session) == {}
        assert session.files.get() == file

    def test_without_everyone_only_named_people_stay(self, as_owner, session, membership, stranger):
        everyone = Member.objects.create(session=session, user=None, may_write=True)
        files = {"session": session, "size": 1, "storage_path": "aa/bb/cc"}
        kept = File.objects.create(user=membership.user, filename="a", **files)
        File.objects.create(user=stranger, filename="b", **files)
        address = url("member_remove", session, everyone.pk)
        question = as_owner.get(address).content.decode()
        assert f"Stop sharing “{session.title}” with everyone?" in question
        assert "1 file in the session is of somebody who will no longer see it." in question
        response = as_owner.post(address, {"files": "take_out"}, follow=True)
        assert "Everyone was removed." in response.content.decode()
        assert session.files.get() == kept
        assert rights(session) == {"member": False}

    def test_without_everyone_nothing_is_announced(self, as_owner, session):
        everyone = Member.objects.create(session=session, user=None)
        Session.objects.update(announced_at=session.created_at)
        as_owner.post(url("member_remove", session, everyone.pk))
        assert Session.objects.get().announced_at is None

    def test_members_leave_by_themselves(self, as_member, session, membership, members_file):
        assert as_member.get(url("leave", session)).status_code == 200
        as_member.post(url("leave", session), {"files": "take_out"})
        assert rights(session) == {}
        assert not session.files.exists()

    def test_owners_cannot_leave(self, as_owner, session, membership):
        assert as_owner.post(url("leave", session)).status_code == 404


class TestHandingOver:
    @pytest.mark.parametrize("files", ["stay", "move", "leave"])
    def test_the_old_owner_stays_and_says_what_becomes_of_files(
        self, as_owner, owner, member, session, membership, members_file, file, files
    ):
        address = url("member_hand_over", session, membership.pk)
        assert as_owner.get(address).status_code == 200
        assert as_owner.post(address, {"files": files}).status_code == 302
        session.refresh_from_db()
        file.refresh_from_db()
        assert session.user == member
        assert rights(session) == {"owner": True}
        assert file.user == (member if files == "move" else owner)
        assert (file.session == session) is (files != "leave")
        assert members_file in session.files.filter(user=member)

    def test_an_organiser_hands_over_only_what_the_owner_had(
        self, session, member, membership, members_file, file, stranger
    ):
        hand_over_session(session, stranger, files="move")
        assert set(session.files.values_list("user", "filename")) == {
            (stranger.pk, file.filename),
            (member.pk, members_file.filename),
        }

    def test_only_people_in_it_become_owners(self, as_owner, session):
        everyone = Member.objects.create(session=session, user=None)
        response = as_owner.post(url("member_hand_over", session, everyone.pk), {"files": "stay"})
        assert response.status_code == 404


@pytest.mark.parametrize(
    ("name", "is_of_one"),
    [("members", False), ("member_change", True), ("member_remove", True),
     ("member_hand_over", True)],
)  # fmt: skip
def test_people_are_changed_by_the_owner_only(
    session, membership, as_member, as_stranger, name, is_of_one
):
    address = url(name, session, *[membership.pk] * is_of_one)
    data = {"right": "write", "files": "stay", "names": "stranger"}
    assert as_member.post(address, data).status_code == 403
    assert as_stranger.post(address, data).status_code == 404
    assert rights(session) == {"member": False}


def test_readers_see_the_people_and_nothing_that_they_cannot_do(session, membership, as_member):
    page = as_member.get(session.get_absolute_url()).content.decode()
    assert "owner" in page
    assert 'id="compose"' not in page
    assert "/rename/" not in page
    people = as_member.get(url("members", session)).content.decode()
    assert "Leave the session" in people
    assert "Add people" not in people


def test_the_page_of_a_session_reads_its_people_at_once(
    session, as_owner, django_assert_num_queries
):
    with django_assert_num_queries(4):
        as_owner.get(session.get_absolute_url())
    for number in range(3):
        Member.objects.create(session=session, user=person(f"p{number}"))
    with django_assert_num_queries(5):
        as_owner.get(session.get_absolute_url())


class TestDeleting:
    def test_who_deletes_the_account_reads_what_others_lose(self, as_owner, session, membership):
        page = as_owner.get("/accounts/delete/").content.decode()
        assert "1 of your sessions is shared with others" in page
        assert url("members", session) in page
        assert "a former member" in page

    def test_without_members_nothing_is_said(self, as_owner, session):
        assert "shared with others" not in as_owner.get("/accounts/delete/").content.decode()

    def test_the_trash_says_that_others_are_in_it(self, as_owner, session, membership):
        answer = as_owner.post(url("delete", session), follow=True).content.decode()
        assert "The others in it no longer see it either." in answer
        for query, told in (
            (f"?of=sessions&id={session.pk}", "Others are in this session; they lose it too."),
            ("?of=sessions", "Others are in 1 of these sessions; they lose it too."),
        ):
            assert told in as_owner.get(f"/files/trash/purge/{query}").content.decode()

    def test_messages_of_a_deleted_account_stay(self, session, member, membership, members_file):
        message = session.messages.create(author=member, content="Hello")
        delete_accounts([member])
        message.refresh_from_db()
        assert (message.author, message.content) == (None, "Hello")
        assert not session.files.exists()
        assert rights(session) == {}
