"""`manage.py doctor --files`: what it finds, what it mends, and what it leaves alone."""

import io
import json
import os
import uuid
from datetime import timedelta

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from camp.cache.manager import cache_manager
from camp.operations import stored_bytes
from camp.operations.console import Progress
from camp.operations.diagnostics import file_check
from files import sweep
from files.library import quota
from files.models import File, Upload, Version
from files.serving import thumbnails
from files.storage import backend
from files.uploads import form, resumable
from tests.files.conftest import age, lose, place, stage, stored
from tests.files.storage.test_sweep import OLD, orphan, part

pytestmark = pytest.mark.django_db

WELL = {
    "files.missing": "ok",
    "files.checksums": "ok",
    "files.sizes": "ok",
    "files.orphans": "ok",
    "files.uploads": "ok",
    "files.thumbnails": "ok",
    "files.sums": "ok",
}


@pytest.fixture(autouse=True)
def no_backups(settings, tmp_path):
    settings.BACKUP_FOLDER = tmp_path / "backups"
    settings.BACKUP_FOLDER.mkdir()
    return settings.BACKUP_FOLDER


def doctor(*arguments):
    """Run the command; returns what it printed, and its exit code."""
    out = io.StringIO()
    try:
        call_command("doctor", "--files", *arguments, stdout=out, no_color=True)
    except SystemExit as stopped:
        return out.getvalue(), stopped.code
    return out.getvalue(), 0


def found(*arguments):
    """Return the findings by their id, and the exit code."""
    printed, code = doctor("--json", *arguments)
    told = json.loads(printed)["findings"]
    return {each["id"]: each for each in told}, code


def levels(*arguments):
    """Return what differs from a place that is well, and the exit code."""
    told, code = found(*arguments)
    return {id: each["level"] for id, each in told.items() if each["level"] != WELL.get(id)}, code


def everything():
    """Return all rows and all bytes that a fix could change."""
    rows = [list(model.objects.order_by("pk").values()) for model in (File, Upload)]
    return rows, stored()


@pytest.fixture
def unchanged():
    """What is there may not be changed by the test."""

    def remember():
        before.append(everything())

    before = []
    yield remember
    assert everything() == before[0]


def change(file, **values):
    File.objects.filter(pk=file.pk).update(**values)


def picture(path):
    """Keep a thumbnail of that storage path, two hours old."""
    target = thumbnails.path_of(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(b"webp")
    age(target, OLD)
    return target


class TestTelling:
    def test_all_is_well_where_nothing_is(self):
        assert levels() == ({}, 0)

    def test_one_line_each_and_how_much_was_read(self, keep):
        keep(content=b"x" * 2048)
        keep("in the trash").trash()
        printed, code = doctor()
        lines = printed.splitlines()
        assert lines[0].startswith("Reading the files: 2 KiB, 0:00, ")
        assert lines[1:] == [
            "✓ All files have their bytes (2)",
            "✓ All checksums are right (2 files, 2 KiB read)",
            "✓ All sizes are right",
            "✓ All stored bytes belong to a file",
            "✓ No upload has expired",
            "✓ No thumbnail is without a file",
            "✓ The cached sums of used space agree with the rows (0 cached). "
            "Quotas use the rows, never a cached sum.",
            "No problems found.",
        ]
        assert code == 0

    def test_a_sample_reads_so_many(self, keep):
        for number in range(5):
            keep(str(number), b"0123456789")
        told, code = found("--sample", "2")
        title = told["files.checksums"]["title"]
        assert title == "The checksums are right (2 of 5 files, 20 bytes read)"
        assert code == 0

    @pytest.mark.parametrize("number", ["0", "-1", "x"])
    def test_a_sample_of_nothing_is_refused(self, number):
        with pytest.raises(CommandError, match="--sample"):
            doctor(f"--sample={number}")

    @pytest.mark.parametrize("arguments", [["--fix"], ["--sample", "3"]])
    def test_its_options_are_for_it_alone(self, arguments):
        with pytest.raises(CommandError, match=f"{arguments[0]} needs --files."):
            call_command("doctor", *arguments)

    @pytest.mark.django_db(transaction=True)  # the database is looked into by another thread
    def test_a_database_that_is_not_in_order_is_all_that_is_told(self):
        name = MigrationRecorder.Migration.objects.filter(app="files").latest("pk").name
        MigrationRecorder(connection).record_unapplied("files", name)
        try:
            told, code = found()
        finally:
            MigrationRecorder(connection).record_applied("files", name)
        assert (list(told), code) == (["database.migrations"], 1)

    def test_a_failure_is_a_fault(self, monkeypatch):
        def broken(*arguments):
            raise OSError(5, "Input/output error")

        monkeypatch.setattr(backend, "list_paths", broken)
        told, code = found()
        assert "Input/output error" in told["files"]["title"]
        assert code == 1


class TestContents:
    @pytest.mark.parametrize("fix", [[], ["--fix"]])
    def test_files_without_bytes_are_named_and_stay(self, keep, unchanged, fix):
        lost, _whole = keep(), keep()
        lose(lost.storage_path)
        unchanged()
        told, code = found(*fix)
        assert told["files.missing"]["title"] == "1 file has no bytes"
        assert f"By id: {lost.pk}. There is no backup" in told["files.missing"]["detail"]
        assert code == 1

    def test_a_backup_is_offered(self, keep, no_backups):
        (no_backups / "backup_20261124_142233.tar").touch()
        lose(keep().storage_path)
        told = found()[0]["files.missing"]
        assert told["fix"].endswith("backup_20261124_142233.tar --missing")
        assert "restores nothing else" in told["detail"]

    def test_the_old_folder_is_offered_first(self, keep, no_backups):
        (no_backups / "backup_20261124_142233.tar").touch()
        lost, behind = keep(), keep()
        lose(lost.storage_path)
        change(behind, storage_path="uploads/a.txt")
        told = found()[0]["files.missing"]
        assert "takeover --uploads FOLDER" in told["fix"]
        assert "1 of them was not imported" in told["detail"]
        assert "--missing" in told["detail"]

    @pytest.mark.parametrize("path", ["/etc/passwd", "../../x", "ab", "a\\b", "ab/cd/" + "x" * 300])
    def test_rows_of_an_old_database_may_name_anything(self, file, path):
        (settings.LOCAL_STORAGE_PATH / "ab").mkdir(exist_ok=True)
        change(file, storage_path=path)
        assert found("--fix")[0]["files.missing"]["level"] == "error"

    def test_twenty_are_named_at_most(self, monkeypatch, keep):
        monkeypatch.setattr(file_check, "MAX_IDS", 2)
        monkeypatch.setattr(stored_bytes, "BATCH", 2)
        files = [keep(str(number)) for number in range(5)]
        for file in files:
            lose(file.storage_path)
        told = found()[0]["files.missing"]
        assert told["title"] == "5 files have no bytes"
        assert f"By id: {files[0].pk}, {files[1].pk} and so on." in told["detail"]

    @pytest.mark.parametrize("content", [b"HELLO", b"hell", b"", b"hello and more"])
    @pytest.mark.parametrize("fix", [[], ["--fix"]])
    def test_other_bytes_than_came_are_never_mended(self, keep, unchanged, content, fix):
        place(keep(content=b"hello").storage_path, content)
        unchanged()
        assert levels(*fix) == ({"files.checksums": "error"}, 1)

    def test_a_wrong_size_of_whole_bytes_is_corrected(self, owner, file):
        change(file, size=3)
        quota.bytes_used(owner)
        told, code = found()
        assert told["files.sizes"]["fix"].endswith("manage.py doctor --files --fix")
        assert (told["files.sizes"]["level"], code) == ("warning", 0)
        file.refresh_from_db()
        assert file.size == 3
        assert found("--fix")[0]["files.sizes"]["title"] == "The size of 1 file was corrected"
        file.refresh_from_db()
        assert file.size == quota.bytes_used(owner) == 5
        assert levels() == ({}, 0)

    @pytest.mark.parametrize("fix", [[], ["--fix"]])
    def test_without_a_checksum_nothing_tells_which_size_is_right(self, file, unchanged, fix):
        change(file, size=3, sha256="")
        unchanged()
        told, code = found(*fix)
        assert "another size" in told["files.sizes"]["title"]
        assert (told["files.sizes"]["level"], code) == ("error", 1)

    @pytest.mark.parametrize("arguments", [[], ["--sample", "1"]])
    def test_missing_checksums_are_filled_in(self, keep, arguments):
        files = [keep(str(number), b"x" * number) for number in range(3)]
        File.objects.update(sha256="", user=None)
        told, code = found(*arguments)
        assert told["files.unhashed"]["title"] == "3 files have no checksum yet"
        assert (told["files.unhashed"]["level"], code) == ("warning", 0)
        assert not File.objects.exclude(sha256="").exists()
        told = found("--fix", *arguments)[0]
        assert told["files.unhashed"]["title"] == "The checksums of 3 files were added"
        for file in files:
            assert File.objects.get(pk=file.pk).sha256 == file.sha256
        assert levels() == ({}, 0)

    def test_a_file_that_cannot_be_read(self, monkeypatch, keep, unchanged):
        file = keep()
        unchanged()

        def refuse(path):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(backend, "open", refuse)
        told, code = found("--fix")
        assert told["files.unreadable"]["title"] == "1 file cannot be read (Permission denied)"
        assert told["files.unreadable"]["detail"] == f"By id: {file.pk}."
        assert code == 1

    @pytest.mark.folder  # an object store is asked in threads, which see another database
    def test_a_file_that_goes_meanwhile_is_no_fault(self, monkeypatch, keep):
        keep()
        gone, look_up = keep(), backend.size

        def size(path):
            if path == gone.storage_path:
                File.objects.filter(pk=gone.pk).delete()
            return look_up(path)

        monkeypatch.setattr(backend, "size", size)
        assert levels() == ({}, 0)

    def test_a_size_that_is_changed_meanwhile_stays(self, monkeypatch, file):
        change(file, size=3)

        def update(self, *arguments):
            change(file, size=4)
            return correct(self, *arguments)

        correct = file_check.ContentCheck._correct
        monkeypatch.setattr(file_check.ContentCheck, "_correct", update)
        assert levels("--fix")[0] == {"files.sizes": "warning"}
        assert File.objects.get().size == 4


class TestLeftovers:
    def leave(self, owner):
        """Leave one of each kind behind, all of them old."""
        orphan()
        part()
        upload = resumable.create(user=owner, length=5, filename="a")
        Upload.objects.filter(pk=upload.pk).update(expires_at=timezone.now() - timedelta(days=1))
        picture(str(uuid.uuid4()))

    def test_nothing_goes_without_fix(self, owner, keep, unchanged):
        keep()
        self.leave(owner)
        unchanged()
        kinds = ("files.orphans", "files.uploads", "files.thumbnails")
        assert levels() == (dict.fromkeys(kinds, "warning"), 0)
        assert "2 expired uploads" in doctor()[0]

    def test_with_fix_they_go_and_all_else_stays(self, owner, keep):
        before = keep(), keep("in the trash")
        before[1].trash()
        File.objects.filter(pk=before[1].pk).update(deleted_at=timezone.now() - timedelta(days=99))
        kept = [picture(file.storage_path) for file in before]
        for file in before:
            age(file.storage_path, OLD)
        young = orphan(60)
        going_on = resumable.create(user=owner, length=5, filename="a")
        rows, there = everything()
        self.leave(owner)
        assert levels("--fix") == ({}, 0)
        assert everything() == (rows, there)
        assert Upload.objects.get() == going_on
        assert backend.exists(young)
        assert all(path.exists() for path in kept)

    def test_what_was_removed_is_told(self, owner):
        self.leave(owner)
        lines = doctor("--fix")[0].splitlines()
        assert lines[-5:] == [
            "✓ Removed: 1 stored file without an owner",
            "✓ Removed: 2 expired uploads",
            "✓ Removed: 1 thumbnail without a file",
            lines[-2],
            "No problems found.",
        ]

    @pytest.mark.parametrize("fix", [[], ["--fix"]])
    def test_the_storage_of_another_database_is_refused(self, monkeypatch, keep, unchanged, fix):
        monkeypatch.setattr(sweep, "FEW_ORPHANS", 3)
        age(keep().storage_path, OLD)
        for _ in range(4):
            orphan()
        part()
        picture("ab/cd/x")
        unchanged()
        told, code = found(*fix)
        assert "(4 of 5)" in told["files.orphans"]["title"]
        assert told["files.orphans"]["level"] == "error"
        assert "files.thumbnails" not in told
        assert code == 1

    @pytest.mark.folder
    def test_what_cannot_be_removed_is_a_fault(self, monkeypatch, owner):
        self.leave(owner)

        def refuse(*args, **kwargs):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(os, "remove", refuse)
        monkeypatch.setattr(os, "unlink", refuse)
        told, code = found("--fix")
        assert code == 1
        for kind in ("orphans", "uploads", "thumbnails"):
            assert told[f"files.{kind}"]["level"] == "error"
            assert "could not be removed" in told[f"files.{kind}"]["title"]

    def test_young_thumbnails_stay(self):
        path = picture("ab/cd/x")
        age(path, 60)
        assert levels("--fix") == ({}, 0)
        assert path.exists()


class TestSums:
    def test_a_wrong_sum_is_forgotten(self, owner, file):
        assert quota.bytes_used(owner) == 5
        cache_manager.set_sync(quota.usage_cache_key(owner.pk), 999)
        assert levels() == ({"files.sums": "warning"}, 0)
        assert quota.bytes_used(owner) == 999
        assert levels("--fix") == ({}, 0)
        assert quota.bytes_used(owner) == 5
        assert levels() == ({}, 0)

    def test_quotas_do_not_go_by_it(self, owner, file):
        cache_manager.set_sync(quota.usage_cache_key(owner.pk), 999)
        assert quota.bytes_used_and_reserved(owner.pk) == 5

    def test_the_sum_of_somebody_without_files(self, owner):
        cache_manager.set_sync(quota.usage_cache_key(owner.pk), 1)
        assert levels() == ({"files.sums": "warning"}, 0)


def test_queries_grow_with_batches_only(monkeypatch, owner, django_assert_num_queries):
    monkeypatch.setattr(stored_bytes, "BATCH", 10)
    row = {"user": owner, "size": 1, "sha256": "0" * 64, "filename": "a"}
    File.objects.bulk_create(File(storage_path=f"aa/bb/{n}", **row) for n in range(100))
    # The sums, the batches, each looked at again, and the versions, of which there are none.
    with django_assert_num_queries(2 + 11 + 10 + 1):
        check = file_check.ContentCheck(False, None)
        check.bytes_to_read()
        check.run(Progress(None))


class TestVersions:
    """The earlier versions of files are looked at as the files are."""

    @pytest.fixture
    def version(self, keep):
        file = keep(content=b"first")
        form.replace(file=file, upload=form.StagedUpload(stage(b"second"), "b.txt"))
        return file.versions.get()

    def test_all_is_well(self, version):
        assert levels() == ({}, 0)
        assert "2 files" in found()[0]["files.checksums"]["title"]
        quota.bytes_used(version.file.user)
        assert levels() == ({}, 0)

    def test_one_without_bytes_is_found_by_its_file(self, version):
        lose(version.storage_path)
        told, code = found()
        assert (told["files.missing"]["level"], code) == ("error", 1)
        assert (
            f"By id: {version.file_id} (version {version.pk})." in told["files.missing"]["detail"]
        )

    def test_one_that_was_damaged_is_found(self, version):
        place(version.storage_path, b"First")
        assert levels() == ({"files.checksums": "error"}, 1)
        assert levels("--sample", "2")[0] == {"files.checksums": "error"}

    def test_a_wrong_size_is_mended(self, version):
        Version.objects.update(size=99)
        assert levels()[0] == {"files.sizes": "warning"}
        assert levels("--fix") == ({}, 0)
        assert Version.objects.get().size == 5
