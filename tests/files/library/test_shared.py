"""Files of a session for the people in it."""

import io
import zipfile

import pytest
from django.urls import reverse
from django.utils import timezone

from files.models import File, Upload
from files.uploads import resumable
from sessions_app.members import remove_member
from sessions_app.models import Member, Session
from tests.files.conftest import browser, part
from tests.files.serving.test_previews import picture

pytestmark = pytest.mark.django_db


@pytest.fixture
def as_member(member):
    return browser(member)


@pytest.fixture
def membership(session, member):
    return Member.objects.create(session=session, user=member, may_write=True)


@pytest.fixture
def shared(keep, session):
    """A file of the owner in the session."""
    return keep("plan.txt", b"Plan", session=session)


@pytest.fixture
def attached(keep, session, member, membership):
    """A file that the member has attached."""
    return keep("photo.txt", b"Photo", user=member, session=session)


def page(client, file):
    return client.get(file.get_absolute_url())


def listed(response):
    """Return the IDs of the files on a page of the library."""
    return [row.id for row in response.context["page"]]


def text(response):
    return response.content.decode()


def test_members_read_files_and_see_whose_they_are(as_member, membership, shared):
    assert text(page(as_member, shared)).count("owner") >= 1
    assert "/rename/" not in text(page(as_member, shared))
    assert b"".join(as_member.get(f"/files/{shared.pk}/download/")) == b"Plan"


@pytest.mark.parametrize("query", ["session={session}", "id={mine}&id={theirs}"])
def test_zips_have_the_files_of_all(as_member, session, shared, attached, query):
    query = query.format(session=session.session_id, mine=attached.pk, theirs=shared.pk)
    content = b"".join(as_member.get(f"/files/zip/?{query}"))
    assert sorted(zipfile.ZipFile(io.BytesIO(content)).namelist()) == ["photo.txt", "plan.txt"]


def test_a_selection_of_others_files_is_only_downloaded(as_member, membership, shared):
    data = {"owner": "shared", "all": "1"}
    response = as_member.post("/files/selection/", data | {"action": "zip"})
    assert zipfile.ZipFile(io.BytesIO(b"".join(response))).namelist() == ["plan.txt"]
    for action in ("delete", "move", "share"):
        answer = as_member.post("/files/selection/", data | {"action": action, "sure": "1"})
        assert answer.status_code == 404, action
    for action in ("delete", "move", "share"):
        data = {"id": shared.pk, "action": action, "sure": "1", "to": ""}
        as_member.post("/files/selection/", data)
    shared.refresh_from_db()
    assert (shared.deleted_at, shared.session_id is None) == (None, False)


def test_a_selection_in_a_session_leaves_others_files_out(as_member, session, shared, attached):
    data = {"action": "delete", "session": session.session_id}
    answer = as_member.post("/files/selection/", data | {"id": [shared.pk, attached.pk]})
    assert "Delete 1 file?" in text(answer)
    assert "Files of others are left out." in text(answer)
    answer = as_member.post("/files/selection/", data | {"id": shared.pk}, follow=True)
    assert "only with files of your own" in text(answer)


def test_members_step_through_the_pictures_of_a_session(
    as_member, keep, session, owner, membership
):
    users = (owner, membership.user)
    files = [keep("a.png", picture(), session=session, user=user) for user in users]
    pictures = page(as_member, files[0]).context["pictures"]
    assert {pictures.before, pictures.after} == {files[1], None}


class TestTheLibrary:
    def test_shared_with_me_has_the_files_of_others(
        self, as_member, as_owner, keep, shared, attached, foreign_session, stranger
    ):
        keep("secret.txt", user=stranger, session=foreign_session)
        for client, seen, own in ((as_member, shared, attached), (as_owner, attached, shared)):
            response = client.get("/files/?owner=shared")
            assert listed(response) == [seen.pk]
            assert listed(client.get("/files/")) == [own.pk]
        assert "owner" in text(as_member.get("/files/?owner=shared"))

    def test_it_is_searched_and_sorted(self, as_member, keep, session, membership, shared):
        other = keep("another.txt", b"1", session=session)
        listing = as_member.get("/files/?owner=shared&sort=name")
        assert listed(listing) == [other.pk, shared.pk]
        found = as_member.get("/files/?owner=shared&q=plan&kind=text")
        assert listed(found) == [shared.pk]

    def test_the_files_of_a_session_are_those_of_all(self, as_member, session, shared, attached):
        response = as_member.get(f"/files/?session={session.session_id}")
        assert set(listed(response)) == {shared.pk, attached.pk}

    def test_everyone_sees_files_of_a_session_for_everyone(self, session, shared, stranger):
        Member.objects.create(session=session, user=None)
        assert listed(browser(stranger).get("/files/?owner=shared")) == [shared.pk]


class TestAttaching:
    @pytest.fixture
    def ways(self, session, keep, member):
        """Ways to attach a file of the member to the session."""
        own = keep("own.txt", user=member)
        name = session.session_id
        return {
            "form": lambda client: client.post(
                "/files/upload/", {"session": name, "files": part()}
            ),
            "library": lambda client: client.post(
                "/files/attach/", {"session": name, "files": own.pk}
            ),
            "selection": lambda client: client.post(
                "/files/selection/", {"id": own.pk, "action": "move", "to": name, "sure": "1"}
            ),
        }

    @pytest.mark.parametrize("way", ["form", "library", "selection"])
    def test_who_may_write_attaches_own_files(self, session, as_member, membership, ways, way):
        assert ways[way](as_member).status_code == 302
        assert session.files.get().user == membership.user

    @pytest.mark.parametrize("way", ["form", "library", "selection"])
    def test_who_may_only_read_does_not(self, session, as_member, membership, ways, way):
        Member.objects.update(may_write=False)
        assert ways[way](as_member).status_code == 403
        assert not session.files.exists()

    def test_others_files_cannot_be_attached(self, as_member, membership, shared, member):
        own = Session.objects.create(user=member)
        data = {"session": own.session_id, "files": shared.pk}
        assert as_member.post("/files/attach/", data).status_code == 404

    def test_an_upload_that_ends_after_a_removal_is_not_in_the_session(
        self, session, membership, member
    ):
        upload = resumable.create(user=member, session=session, filename="a.txt", length=1)
        Member.objects.filter(pk=membership.pk).update(may_write=False)
        upload = Upload.objects.get(pk=upload.pk)
        resumable.receive(upload, io.BytesIO(b"x"), offset=0)
        assert upload.file.session is None


class TestDetaching:
    def test_owners_of_the_session_take_out_what_others_attached(self, as_owner, attached):
        assert as_owner.post(f"/files/{attached.pk}/detach/").status_code == 302
        attached.refresh_from_db()
        assert (attached.session, attached.deleted_at) == (None, None)

    def test_members_take_out_only_their_own(self, as_member, shared, attached):
        assert as_member.post(f"/files/{shared.pk}/detach/").status_code == 403
        assert as_member.post(f"/files/{attached.pk}/detach/").status_code == 302

    def test_a_kept_file_stays_seen_and_its_owner_no_longer_sees_the_session(
        self, as_owner, as_member, session, membership, attached
    ):
        remove_member(membership, keep_files=True)
        assert page(as_owner, attached).status_code == 200
        for response in (page(as_member, attached), as_member.get("/files/")):
            assert response.status_code == 200
            assert session.title not in text(response)
        assert as_member.post(f"/files/{attached.pk}/detach/").status_code == 302
        attached.refresh_from_db()
        assert attached.session is None


def test_every_change_of_a_file_counts_as_a_change_of_its_session(
    as_owner, session, keep, django_capture_on_commit_callbacks
):
    file = keep("a.txt", session=session)
    one, name = f"/files/{file.pk}", session.session_id
    select = {"id": file.pk, "sure": "1"}
    steps = [
        (f"{one}/rename/", {"filename": "b.txt"}),
        (f"{one}/replace/", {"files": part(content=b"new")}),
        (f"{one}/delete/", {}),
        (f"{one}/restore/", {}),
        (f"{one}/detach/", {}),
        ("/files/attach/", {"session": name, "files": file.pk}),
        ("/files/selection/", select | {"action": "move", "to": ""}),
        ("/files/selection/", select | {"action": "move", "to": name}),
        ("/files/selection/", select | {"action": "delete"}),
        ("/files/selection/", select | {"action": "restore", "trashed": "1"}),
        ("/files/upload/", {"session": name, "files": part()}),
    ]
    for address, data in steps:
        before = Session.objects.get(pk=session.pk).revision
        with django_capture_on_commit_callbacks(execute=True):
            as_owner.post(address, data)
        assert Session.objects.get(pk=session.pk).revision > before, (address, data)
    before = Session.objects.get(pk=session.pk).revision
    with django_capture_on_commit_callbacks(execute=True):
        File.objects.get(pk=file.pk).delete()
    assert Session.objects.get(pk=session.pk).revision > before


@pytest.mark.parametrize("owner_of_session_is_member", [False, True])
def test_lists_ask_no_more_for_more_files(
    as_member, keep, owner, member, owner_of_session_is_member, django_assert_max_num_queries
):
    for number in range(3):
        user = member if owner_of_session_is_member else owner
        session = Session.objects.create(user=user)
        other = owner if user == member else member
        Member.objects.create(session=session, user=other, may_write=True)
        keep(f"{number}.txt", user=owner, session=session)
    with django_assert_max_num_queries(6):
        assert len(as_member.get("/files/?owner=shared").context["page"]) == 3


def test_the_archive_of_a_session_in_the_trash_is_gone(as_member, session, membership, shared):
    Session.objects.update(deleted_at=timezone.now())
    address = f"{reverse('files:zip')}?session={session.session_id}"
    assert as_member.get(address).status_code == 404
    assert page(as_member, shared).status_code == 404
