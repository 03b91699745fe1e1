"""The pages that give a file another content, and the earlier ones back."""

from datetime import timedelta

import pytest
from django.contrib.messages import get_messages
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from files.library import shares, versions
from files.models import File, Share, Version
from files.storage import staging
from files.uploads import form
from tests.files.conftest import browser, part, stage, stored


def notes(response):
    return [str(message) for message in get_messages(response.wsgi_request)]


def address(file):
    return f"/files/{file.pk}/replace/"


@pytest.fixture
def version(file):
    """The content that a file of the owner held before."""
    upload = form.StagedUpload(stage(b"newer"), "newer.txt")
    form.replace(file=file, upload=upload)
    return file.versions.get()


def at(version, act):
    return f"/files/{version.file_id}/versions/{version.pk}/{act}/"


class TestReplace:
    def test_the_form_is_shown(self, as_owner, file):
        html = as_owner.get(address(file)).content.decode()
        assert f'action="{address(file)}"' in html
        assert "the latest 5 versions are kept" in html
        # A file that is refused half-way must not keep the token from being read.
        assert html.index("csrfmiddlewaretoken", html.index("data-upload")) < html.index(
            'type="file"'
        )

    def test_it_says_where_none_is_kept(self, as_owner, file, settings):
        settings.FILE_VERSIONS = 0
        assert "will be lost" in as_owner.get(address(file)).content.decode()

    def test_a_file_gets_its_new_content(self, as_owner, file):
        response = as_owner.post(address(file), {"files": part("b.txt", b"second")})
        assert (response.status_code, response.url) == (302, f"/files/{file.pk}/")
        assert notes(response) == ["“notes.txt” has its new content."]
        got = as_owner.get(f"/files/{file.pk}/download/")
        assert (got.getvalue(), File.objects.count()) == (b"second", 1)

    def test_the_same_content_changes_nothing(self, as_owner, file):
        response = as_owner.post(address(file), {"files": part("b.txt", b"hello")})
        assert notes(response) == ["“notes.txt” already has this content. Nothing was changed."]
        assert not Version.objects.exists()

    def test_the_token_is_asked_for(self, owner, file):
        client = browser(owner, enforce_csrf_checks=True)
        assert client.post(address(file), {"files": part()}).status_code == 403
        assert list(stored().values()) == [b"hello"]

    @pytest.mark.parametrize("sent", [{}, {"files": [part("a"), part("b")]}, {"other": part()}])
    def test_it_takes_one_file(self, as_owner, file, sent):
        response = as_owner.post(address(file), sent)
        assert response.status_code == 400
        assert "Choose one file." in response.content.decode()
        assert list(stored().values()) == [b"hello"]

    def test_what_is_too_large_is_refused(self, as_owner, file, settings):
        settings.MAX_UPLOAD_SIZE = 4
        response = as_owner.post(address(file), {"files": part()})
        assert response.status_code == 413
        assert "Nothing was changed." in response.content.decode()

    def test_what_is_over_the_quota_is_refused(self, as_owner, file, settings):
        # The old bytes stay, so there must be room for both.
        settings.USER_QUOTA = 9
        response = as_owner.post(address(file), {"files": part(content=b"hallo")})
        assert response.status_code == 507
        assert list(stored().values()) == [b"hello"]

    def test_a_disk_that_is_full_changes_nothing(self, as_owner, file, monkeypatch):
        def full(several):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(staging, "keep_all", full)
        response = as_owner.post(address(file), {"files": part(content=b"hallo")})
        assert response.status_code == 507
        assert list(stored().values()) == [b"hello"]

    def test_one_that_goes_to_the_trash_meanwhile_is_left_alone(self, as_owner, file, monkeypatch):
        finish = staging.StagedBytes.finish

        def slow(staged):
            File.objects.get(pk=file.pk).trash()
            finish(staged)

        monkeypatch.setattr(staging.StagedBytes, "finish", slow)
        response = as_owner.post(address(file), {"files": part("b.txt", b"second")})
        new = File.objects.get(deleted_at=None)
        assert response.url == new.get_absolute_url()
        assert notes(response) == ["The file had been deleted, so “b.txt” was stored as a new one."]

    def test_strangers_log_in_first(self, client, file):
        assert client.post(address(file), {"files": part()}).url.startswith("/accounts/login/")

    @pytest.mark.parametrize("method", ["get", "post"])
    def test_somebody_elses_is_not_found(self, as_stranger, file, method):
        assert getattr(as_stranger, method)(address(file)).status_code == 404

    @pytest.mark.parametrize("method", ["get", "post"])
    def test_one_in_the_trash_is_not_found(self, as_owner, file, method):
        file.trash()
        assert getattr(as_owner, method)(address(file)).status_code == 404

    def test_other_verbs_are_refused(self, as_owner, file):
        assert as_owner.put(address(file)).status_code == 405


class TestPage:
    def test_there_is_nothing_to_see_at_first(self, as_owner, file):
        html = as_owner.get(f"/files/{file.pk}/").content.decode()
        assert "Earlier versions" not in html
        assert address(file) in html

    def test_versions_are_listed(self, as_owner, version):
        html = as_owner.get(f"/files/{version.file_id}/").content.decode()
        assert "Earlier versions" in html
        assert version.sha256[:12] in html
        for act in ("download", "restore", "delete"):
            assert at(version, act) in html

    def test_it_costs_the_same_for_one_and_for_many(self, as_owner, version):
        def count():
            with CaptureQueriesContext(
                connection,
            ) as found:
                as_owner.get(f"/files/{version.file_id}/")
            return len(found)

        one = count()
        for number in range(3):
            upload = form.StagedUpload(stage(b"%d" % number), "x.txt")
            form.replace(file=version.file, upload=upload)
        assert count() == one

    def test_the_picture_of_another_content_has_another_address(self, as_owner, keep):
        file = keep("a.png")
        before = as_owner.get("/files/").content.decode()
        form.replace(file=file, upload=form.StagedUpload(stage(b"x"), "b.png"))
        plain = f'"/files/{file.pk}/thumbnail/"'
        assert plain in before
        assert plain not in as_owner.get("/files/").content.decode()


class TestDownload:
    def test_the_bytes_are_those_of_then(self, as_owner, version):
        response = as_owner.get(at(version, "download"))
        assert response.getvalue() == b"hello"
        assert response.headers["Content-Disposition"] == 'attachment; filename="notes.txt"'
        assert response.headers["ETag"] == f'"{version.sha256}"'

    def test_a_part_may_be_had(self, as_owner, version):
        response = as_owner.get(at(version, "download"), headers={"range": "bytes=1-2"})
        assert (response.status_code, response.getvalue()) == (206, b"el")

    def test_the_file_tells_since_when_it_holds_something_else(self, as_owner, version):
        File.objects.update(created_at="2020-01-01T00:00:00Z")
        url = f"/files/{version.file_id}/download/"
        since = {"if-modified-since": "Wed, 01 Jan 2020 00:00:00 GMT"}
        assert as_owner.get(url, headers=since).status_code == 200

    def test_a_link_leads_to_the_new_content(self, as_owner, client, version, owner):
        share = Share.objects.create(user=owner, expires_at=timezone.now() + timedelta(days=1))
        share.files.add(version.file)
        url = reverse("share_download", args=[shares.token_of(share), version.file_id])
        assert client.get(url).getvalue() == b"newer"


class TestRestore:
    def test_the_earlier_content_is_back(self, as_owner, version):
        response = as_owner.post(at(version, "restore"))
        assert response.url == f"/files/{version.file_id}/"
        assert as_owner.get(f"/files/{version.file_id}/download/").getvalue() == b"hello"
        assert Version.objects.get().size == 5

    def test_a_second_click_finds_it_gone(self, as_owner, version):
        as_owner.post(at(version, "restore"))
        assert as_owner.post(at(version, "restore")).status_code == 404


class TestDelete:
    def test_it_asks_first(self, as_owner, version):
        assert (
            "Delete this version for good?" in as_owner.get(at(version, "delete")).content.decode()
        )
        assert Version.objects.exists()

    @pytest.mark.django_db(transaction=True)
    def test_it_goes_with_its_bytes(self, as_owner, version):
        response = as_owner.post(at(version, "delete"))
        assert notes(response) == ["The version was deleted for good."]
        assert list(stored().values()) == [b"newer"]


ACTS = [("get", "download"), ("post", "restore"), ("get", "delete"), ("post", "delete")]


@pytest.mark.parametrize(("method", "act"), ACTS)
class TestAccess:
    def test_strangers_log_in_first(self, client, version, method, act):
        assert getattr(client, method)(at(version, act)).url.startswith("/accounts/login/")

    def test_somebody_elses_is_not_found(self, as_stranger, version, method, act):
        assert getattr(as_stranger, method)(at(version, act)).status_code == 404

    def test_that_of_another_file_is_not_found(self, as_owner, version, keep, method, act):
        version.file_id = keep().pk
        assert getattr(as_owner, method)(at(version, act)).status_code == 404

    @pytest.mark.parametrize("pk", ["999999", "9" * 30])
    def test_one_that_is_not_there_is_not_found(self, as_owner, version, pk, method, act):
        for url in (
            f"/files/{version.file_id}/versions/{pk}/{act}/",
            f"/files/{pk}/versions/{version.pk}/{act}/",
        ):
            assert getattr(as_owner, method)(url).status_code == 404

    def test_that_of_a_file_in_the_trash_is_not_found(self, as_owner, version, method, act):
        version.file.trash()
        assert getattr(as_owner, method)(at(version, act)).status_code == 404


@pytest.mark.parametrize("act", ["restore", "delete"])
def test_one_that_goes_meanwhile_is_not_found(as_owner, version, monkeypatch, act):
    monkeypatch.setattr(versions, "lock_file", lambda pk, user_id: None)
    assert as_owner.post(at(version, act)).status_code == 404


@pytest.mark.parametrize(("method", "act"), [("post", "download"), ("get", "restore")])
def test_other_verbs_are_refused(as_owner, version, method, act):
    assert getattr(as_owner, method)(at(version, act)).status_code == 405
