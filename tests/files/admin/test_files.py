"""Files in the admin."""

import pytest
from django.urls import reverse

from files.library import quota
from files.models import File
from files.uploads import form
from sessions_app.models import Session
from tests.admin_pages import act, browser, changelist, counts, helper, names, page, queries, told
from tests.conftest import person
from tests.files.conftest import stage, stored

FILE = "files_file"


@pytest.fixture
def as_organiser(organiser):
    return browser(organiser)


def files(query=""):
    return changelist(FILE, query)


def download(file):
    return reverse("admin:files_file_download", args=[file.pk])


class TestList:
    def test_it_is_readable_and_links_around(self, as_organiser, keep, session):
        file = keep("写真.jpg", b"x" * 1536, session=session)
        html = as_organiser.get(files()).content.decode()
        assert "写真.jpg" in html
        assert "1.5\u00a0KiB" in html
        assert "Pictures" in html
        assert "just now" in html
        assert page("accounts_user", "change", file.user_id) in html
        assert page("sessions_app_session", "change", session.pk) in html
        # On a phone a row is a card, whose labels are those of the columns.
        assert '<td data-label="Kind" class="field-kind">' in html
        assert download(file) in as_organiser.get(page(FILE, "change", file.pk)).content.decode()

    def test_the_time_of_deletion_is_a_column_of_the_trash(self, as_organiser, file):
        assert "column-deleted_at" not in as_organiser.get(files()).content.decode()
        file.trash()
        assert "column-deleted_at" in as_organiser.get(files("?trash=yes")).content.decode()

    @pytest.mark.parametrize("text", ["report", "ＲＥＰＯＲＴ", "port_fin", "owner", "owner@ex"])
    def test_it_is_searched_by_name_and_person(self, as_organiser, keep, stranger, text):
        file = keep("Report_Final.pdf")
        keep("other.txt", user=stranger)
        assert names(as_organiser.get(files(f"?q={text}"))) == [file.pk]

    def test_it_is_filtered_by_kind_trash_person_and_session(self, as_organiser, keep, session):
        picture, text = keep("a.png"), keep("b.txt", session=session)
        picture.trash()
        assert names(as_organiser.get(files("?kind=image"))) == [picture.pk]
        assert names(as_organiser.get(files("?kind=nothing"))) == [text.pk, picture.pk]
        assert names(as_organiser.get(files("?trash=yes"))) == [picture.pk]
        assert names(as_organiser.get(files(f"?session__id__exact={session.pk}"))) == [text.pk]
        assert len(names(as_organiser.get(files(f"?user__id__exact={text.user_id}")))) == 2

    def test_it_costs_the_same_for_few_and_many_and_counts_no_table(
        self, as_organiser, keep, session
    ):
        keep(session=session)
        few = queries(as_organiser, files())
        for number in range(40):
            user = person(f"user{number}")
            other = Session.objects.create(user=user)
            File.objects.create(
                user=user, session=other, filename="x", size=1, storage_path="aa/bb/none"
            )
        many = queries(as_organiser, files())
        assert len(many) == len(few) <= 6
        assert counts(many) == []

    def test_it_is_closed_to_all_others(self, client, as_owner, file):
        assert client.get(files()).status_code == 302
        assert as_owner.get(files()).status_code == 403
        assert browser(helper("accounts.view_user")).get(files()).status_code == 403


class TestPage:
    def test_it_saves_name_owner_and_session(self, as_organiser, file, stranger, foreign_session):
        quota.bytes_used(file.user)
        data = {"filename": "Ａ/か\u3099い\u202egpj.exe", "user": stranger.pk}
        response = as_organiser.post(
            page(FILE, "change", file.pk), data | {"session": foreign_session.pk}
        )
        assert response.status_code == 302
        file.refresh_from_db()
        assert file.filename == "がいgpj.exe"
        assert (file.user, file.session) == (stranger, foreign_session)

    def test_sums_follow_a_file_to_its_new_owner(self, as_organiser, file, owner, stranger):
        assert (quota.bytes_used(owner), quota.bytes_used(stranger)) == (5, 0)
        data = {"filename": "notes.txt", "user": stranger.pk, "session": ""}
        as_organiser.post(page(FILE, "change", file.pk), data)
        assert (quota.bytes_used(owner), quota.bytes_used(stranger)) == (0, 5)

    def test_a_session_of_somebody_else_is_refused(self, as_organiser, file, foreign_session):
        data = {"filename": "a", "user": file.user_id, "session": foreign_session.pk}
        response = as_organiser.post(page(FILE, "change", file.pk), data)
        assert "session" in response.context["adminform"].form.errors

    def test_what_describes_the_bytes_cannot_be_changed(self, as_organiser, file):
        before = File.objects.values("size", "sha256", "storage_path", "content_type").get()
        forged = {
            "size": "1",
            "sha256": "x",
            "storage_path": "../../x",
            "content_type": "text/html",
        }
        data = {"filename": "a.txt", "user": file.user_id, "session": ""}
        as_organiser.post(page(FILE, "change", file.pk), data | forged)
        assert File.objects.values(*forged).get() == before

    def test_it_lists_what_the_file_held_before(self, as_organiser, file, owner):
        held = file.sha256
        form.replace(file=file, upload=form.StagedUpload(stage(b"other"), "b.txt"))
        assert held in as_organiser.get(page(FILE, "change", file.pk)).content.decode()
        people = as_organiser.get(changelist("accounts_user")).content.decode()
        assert "10\u00a0bytes" in people

    def test_files_come_through_the_upload_alone(self, as_organiser):
        assert as_organiser.get(reverse(f"admin:{FILE}_add")).status_code == 403


class TestDownload:
    def test_it_sends_the_bytes_under_their_name(self, as_organiser, keep):
        file = keep("東京 map.txt", b"north\n" * 1000)
        response = as_organiser.get(download(file))
        assert b"".join(response.streaming_content) == b"north\n" * 1000
        assert "attachment" in response["Content-Disposition"]
        assert "%E6%9D%B1%E4%BA%AC" in response["Content-Disposition"]
        assert response["X-Content-Type-Options"] == "nosniff"

    def test_the_trash_can_be_looked_into(self, as_organiser, file):
        file.trash()
        assert as_organiser.get(download(file)).status_code == 200

    def test_it_needs_the_permission(self, client, as_owner, file):
        assert client.get(download(file)).status_code == 302
        assert as_owner.get(download(file)).status_code == 403
        assert browser(helper("accounts.view_user")).get(download(file)).status_code == 403
        looker = browser(helper("files.view_file", name="looker"))
        assert looker.get(download(file)).status_code == 200

    def test_who_may_not_look_does_not_learn_what_is_there(self, db):
        client = browser(helper("accounts.view_user"))
        assert client.get(reverse("admin:files_file_download", args=[999])).status_code == 403

    @pytest.mark.parametrize("key", ["999", "x", "1_2F", "99999999999999999999"])
    def test_a_file_that_is_not_there_is_not_found(self, as_organiser, key):
        assert as_organiser.get(f"/admin/files/file/{key}/download/").status_code == 404

    def test_missing_bytes_are_told(self, as_organiser, file):
        File.objects.update(storage_path="aa/bb/00000000-0000-0000-0000-000000000000")
        assert as_organiser.get(download(file)).status_code == 404

    def test_it_is_no_way_to_change_anything(self, as_organiser, file):
        assert as_organiser.post(download(file)).status_code == 405


class TestDeletion:
    def test_those_of_a_deleted_user_go_with_their_bytes(
        self, as_organiser, keep, owner, stranger, django_capture_on_commit_callbacks
    ):
        keep("a.txt")
        keep("b.txt").trash()
        other = keep("c.txt", user=stranger)
        with django_capture_on_commit_callbacks(execute=True):
            as_organiser.post(page("accounts_user", "delete", owner.pk), {"post": "yes"})
        assert set(stored()) == {other.storage_path}

    def test_a_file_comes_back_from_the_trash(self, as_organiser, file, owner):
        file.trash()
        assert "1 restored." in told(act(as_organiser, FILE, "restore_selected", file))
        assert list(File.objects.visible_to(owner)) == [file]
