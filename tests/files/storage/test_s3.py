"""What only an object store has: parts, requests that fail, addresses of its own."""

import io
import threading
import urllib.request
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.exceptions import EndpointConnectionError
from django.core.management import call_command
from django.utils import timezone

from camp.storage import s3 as stores
from files import sweep
from files.models import File, Upload
from files.storage import backend, s3, staging
from files.uploads import form, resumable
from files.uploads.form import StagedUpload
from files.uploads.upload_parts import UploadPart
from tests.files.conftest import place, stage, stored

LARGE = bytes(range(256)) * 2**10 * 80  # 20 MiB: two parts

# No database matters to it: once is enough.
pytestmark = [pytest.mark.usefixtures("object_store"), pytest.mark.sqlite]


def requests_of(store, monkeypatch, name, before=None):
    """Note what a method of the client is asked for; `before` is called with that."""
    asked, real = [], getattr(store.client, name)

    def ask(**parameters):
        asked.append(parameters)
        if before:
            before(parameters)
        return real(**parameters)

    monkeypatch.setattr(store.client, name, ask)
    return asked


def unfinished(store):
    """Return the uploads in parts that are under way, or forgotten."""
    found = store.client.list_multipart_uploads(Bucket=store.bucket_name, Prefix=store.location)
    return found.get("Uploads", [])


def refuse(*args, **kwargs):
    raise EndpointConnectionError(endpoint_url="http://127.0.0.1:1")


class TestKeeping:
    def test_a_large_file_goes_up_in_parts(self, object_store, keep):
        file = keep(content=LARGE)
        about = object_store.head(file.storage_path)
        assert about["ETag"].strip('"').endswith("-2")
        assert about["Metadata"]["sha256"] == file.sha256
        assert stored() == {file.storage_path: LARGE}
        assert unfinished(object_store) == []

    def test_nothing_stays_of_a_part_that_fails(self, object_store, owner, monkeypatch):
        def fail(parameters):
            if parameters["PartNumber"] == 2:
                refuse()

        requests_of(object_store, monkeypatch, "upload_part", fail)
        with pytest.raises(stores.StoreError):
            form.store(user=owner, staged=stage(LARGE), filename="a")
        assert (stored(), File.objects.count(), unfinished(object_store)) == ({}, 0, [])

    @pytest.mark.parametrize(("call", "content"), [("PutObject", b"hello"), ("UploadPart", LARGE)])
    def test_other_bytes_than_were_sent_are_refused(self, object_store, keep, call, content):
        def damage(request, **kwargs):
            request.body = b"x" * int(request.headers["Content-Length"])

        events = object_store.client.meta.events
        events.register_last(f"before-send.s3.{call}", damage)
        try:
            with pytest.raises(stores.StoreError, match="BadDigest"):
                keep(content=content)
        finally:
            events.unregister(f"before-send.s3.{call}", damage)
        assert (stored(), File.objects.count()) == ({}, 0)

    def test_a_size_that_is_not_right_is_refused(self, object_store, keep, monkeypatch):
        monkeypatch.setattr(stores.ObjectStore, "size", lambda self, name: 1)
        with pytest.raises(stores.StoreError, match="1 bytes of 20971520 were kept"):
            keep(content=LARGE)
        monkeypatch.undo()
        assert File.objects.count() == 0

    def test_of_several_none_stays_if_one_fails(self, object_store, owner, monkeypatch):
        count = iter(range(10))

        def fail(parameters):
            if next(count) == 3:
                refuse()

        requests_of(object_store, monkeypatch, "put_object", fail)
        uploads = [StagedUpload(stage(str(n).encode()), f"{n}") for n in range(6)]
        kept, failed = form.store_all(user=owner, uploads=uploads)
        assert (kept, len(failed)) == ([], 6)
        assert (stored(), File.objects.count()) == ({}, 0)

    def test_without_the_row_the_object_goes(self, owner, monkeypatch):
        monkeypatch.setattr(File.objects, "bulk_create", refuse)
        with pytest.raises(EndpointConnectionError):
            form.store(user=owner, staged=stage(), filename="a")
        assert stored() == {}

    def test_bytes_on_their_way_stay_fresh(self, monkeypatch, keep):
        touched = []
        monkeypatch.setattr(s3, "TOUCH_EVERY", -1)
        monkeypatch.setattr(s3.os, "utime", lambda path: touched.append(path))
        keep(content=LARGE)
        assert touched


class TestResumable:
    @pytest.fixture
    def upload(self, owner):
        """An upload whose bytes are all here, and no more was done."""
        upload = resumable.create(user=owner, length=5, filename="a")
        UploadPart(upload.pk).path.write_bytes(b"hello")
        Upload.objects.filter(pk=upload.pk).update(offset=5)
        upload.refresh_from_db()
        return upload

    def test_a_store_that_fails_keeps_the_bytes_here(self, object_store, upload, monkeypatch):
        monkeypatch.setattr(object_store.client, "put_object", refuse)
        with pytest.raises(stores.StoreError):
            resumable.finish(upload)
        assert UploadPart(upload.pk).path.read_bytes() == b"hello"
        monkeypatch.undo()
        upload.refresh_from_db()
        assert backend.size(resumable.finish(upload).storage_path) == 5
        assert not UploadPart(upload.pk).path.exists()

    def test_a_crash_behind_the_upload_is_mended(self, object_store, upload, monkeypatch):
        monkeypatch.setattr(resumable, "save_file", refuse)
        with pytest.raises(EndpointConnectionError):
            resumable.finish(upload)
        monkeypatch.undo()
        upload.refresh_from_db()
        file = resumable.finish(upload)
        assert stored() == {file.storage_path: b"hello"}
        assert File.objects.get() == file

    def test_a_store_that_does_not_answer_loses_no_upload(self, object_store, upload, monkeypatch):
        monkeypatch.setattr(resumable, "save_file", refuse)
        with pytest.raises(EndpointConnectionError):
            resumable.finish(upload)
        monkeypatch.setattr(object_store.client, "head_object", refuse)
        upload.refresh_from_db()
        with pytest.raises(stores.StoreError):
            resumable.finish(upload)

    def test_it_goes_up_once(self, object_store, upload, monkeypatch):
        """Whoever asks again meanwhile waits, instead of sending all of it again."""
        begun, go_on = threading.Event(), threading.Event()

        def wait(parameters):
            begun.set()
            go_on.wait(10)

        asked = requests_of(object_store, monkeypatch, "put_object", wait)
        path, outcomes = UploadPart(upload.pk).path, []

        def move():
            try:
                staging.move_in(path, "ab/cd/x")
                outcomes.append("moved")
            except FileNotFoundError:
                outcomes.append("gone")

        threads = [threading.Thread(target=move) for _ in range(2)]
        for thread in threads:
            thread.start()
        assert begun.wait(10)
        go_on.set()
        for thread in threads:
            thread.join(10)
        assert (sorted(outcomes), len(asked)) == (["gone", "moved"], 1)


class TestReading:
    def test_only_what_was_asked_for_is_fetched(self, object_store, as_owner, keep, monkeypatch):
        file = keep(content=LARGE)
        asked = requests_of(object_store, monkeypatch, "get_object")
        address = f"/files/{file.pk}/download/"
        response = as_owner.get(address, headers={"range": "bytes=10-19,-5"})
        body = response.getvalue()
        assert LARGE[10:20] in body
        assert LARGE[-5:] in body
        assert [each["Range"] for each in asked] == ["bytes=10-19", "bytes=20971515-20971519"]

    def test_nothing_is_fetched_for_the_headers(self, object_store, as_owner, file, monkeypatch):
        monkeypatch.setattr(object_store.client, "get_object", refuse)
        assert as_owner.head(f"/files/{file.pk}/download/").status_code == 200
        etag = {"if-none-match": f'"{file.sha256}"'}
        assert as_owner.get(f"/files/{file.pk}/download/", headers=etag).status_code == 304

    def test_it_goes_on_after_a_cut(self, object_store, keep, monkeypatch):
        file = keep(content=LARGE)
        with backend.open(file.storage_path) as reader:
            assert reader.read(1000) == LARGE[:1000]
            body = reader.file._body
            monkeypatch.setattr(type(body), "read", cut_once(body.read))
            assert reader.read() == LARGE[1000:]

    def test_what_does_not_come_at_all_is_told(self, object_store, file, monkeypatch):
        with backend.open(file.storage_path) as reader:
            monkeypatch.setattr(object_store.client, "get_object", refuse)
            with pytest.raises(stores.StoreError) as told:
                reader.read()
        assert told.value.why == stores.UNREACHABLE

    def test_a_store_that_does_not_answer_is_told(self, object_store, as_owner, file, monkeypatch):
        monkeypatch.setattr(object_store.client, "head_object", refuse)
        assert as_owner.get(f"/files/{file.pk}/download/").status_code == 503


def cut_once(read):
    """Return a `read` of bodies that fails the first time."""
    cuts = iter([True])

    def cut(body, amount=None):
        if next(cuts, False):
            raise stores.HTTPError("cut off")
        return real(body, amount)

    real = type(read.__self__).read
    return cut


class TestPresigned:
    @pytest.fixture(autouse=True)
    def on(self, settings):
        settings.S3_PRESIGNED_DOWNLOADS = 60

    def test_the_browser_gets_it_from_the_store(self, as_owner, keep):
        file = keep("資料.html", b"<script>", content_type="text/html")
        response = as_owner.get(f"/files/{file.pk}/download/")
        assert response.status_code == 302
        assert response.headers["Cache-Control"] == "private, no-store"
        assert parse_qs(urlsplit(response.url).query)["X-Amz-Expires"] == ["60"]
        with urllib.request.urlopen(response.url) as fetched:
            assert fetched.read() == b"<script>"
            disposition = fetched.headers["Content-Disposition"]
            assert disposition.startswith("attachment; filename=\"file.html\"; filename*=UTF-8''")

    def test_browsers_may_reach_it_elsewhere(self, settings, as_owner, file):
        options = settings.STORAGES["default"]["OPTIONS"]
        options |= {"public_endpoint_url": "https://files.example.org"}
        settings.STORAGES = {
            **settings.STORAGES,
            "default": {**settings.STORAGES["default"], "OPTIONS": options},
        }
        url = as_owner.get(f"/files/{file.pk}/download/").url
        assert url.startswith("https://files.example.org/camp/")

    def test_nobody_elses(self, as_stranger, client, file):
        assert as_stranger.get(f"/files/{file.pk}/download/").status_code == 404
        assert "login" in client.get(f"/files/{file.pk}/download/").url

    def test_missing_bytes_lead_nowhere(self, object_store, as_owner, file):
        object_store.delete(file.storage_path)
        assert as_owner.get(f"/files/{file.pk}/download/").status_code == 404

    def test_what_pages_show_comes_from_here(self, as_owner, keep):
        file = keep("a.mp3", b"ID3", content_type="audio/mpeg")
        assert as_owner.get(f"/files/{file.pk}/inline/").getvalue() == b"ID3"
        assert as_owner.head(f"/files/{file.pk}/download/").status_code == 200


def test_samples_go_there_too(db):
    call_command("demo", "--users", "2", "--sessions", "1", "--files", "20", stdout=io.StringIO())
    found = {path: len(content) for path, content in stored().items()}
    assert found == dict(File.objects.values_list("storage_path", "size"))


class TestSweep:
    def test_forgotten_parts_go(self, object_store):
        target = object_store.target("ab/cd/x")
        object_store.client.create_multipart_upload(**target)
        assert object_store.stop_uploads(timezone.now() - timedelta(hours=1)) == 0
        assert len(unfinished(object_store)) == 1
        assert object_store.stop_uploads(timezone.now() + timedelta(hours=1)) == 1
        assert unfinished(object_store) == []

    def test_an_object_whose_upload_may_still_go_on_stays(self, object_store, db):
        """Its row comes with those of all files of a form; one of them may take hours."""
        staged = stage(b"first of a form")
        staged.finish()
        path = staging.keep(staged)
        day, most = timedelta(days=1), backend.LONGEST_UPLOAD + sweep.MIN_AGE
        object_store.ages[path] = day.total_seconds()
        assert sweep.sweep().orphans == 0
        assert backend.exists(path)
        object_store.ages[path] = most.total_seconds() + 60
        assert sweep.sweep().orphans == 1
        assert not backend.exists(path)

    def test_what_lies_elsewhere_in_the_bucket_stays(self, object_store, db):
        outside = {"Bucket": object_store.bucket_name, "Key": "elsewhere"}
        object_store.client.put_object(**outside, Body=b"x")
        place("notes.txt")
        sweep.sweep(older_than=-backend.LONGEST_UPLOAD - timedelta(1))
        assert object_store.client.head_object(**outside)
        assert stored() == {"notes.txt": b"x"}

    def test_a_store_that_does_not_answer_is_told(self, object_store, db, monkeypatch):
        monkeypatch.setattr(stores.ObjectStore, "listed", lambda *args: refuse())
        with pytest.raises(EndpointConnectionError):
            sweep.sweep()
