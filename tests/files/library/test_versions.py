"""What a file held before: kept when something else takes its place, brought back, or let go."""

import errno
import threading

import pytest
from django.db import DatabaseError, connection

from files import sweep
from files.library import quota, versions
from files.library.versions import Outcome
from files.models import File, Version
from files.storage import backend, staging
from files.uploads import form
from tests.files.conftest import age, stage, stored
from tests.files.storage.test_sweep import OLD

pytestmark = pytest.mark.django_db(transaction=True)


def incoming(content=b"new", name="new.txt", **fields):
    return form.StagedUpload(stage(content), name, **fields)


def replace(file, content=b"new", name="new.txt", **fields):
    return form.replace(file=file, upload=incoming(content, name, **fields))


def held(file):
    """Return what a file holds, and what it held, the latest first."""
    file.refresh_from_db()
    earlier = [version.storage_path for version in file.versions.all()]
    return [stored()[path] for path in (file.storage_path, *earlier)]


def as_before(file):
    """Return whether a file and the storage are as a test found them."""
    return held(file) == [b"hello"] and list(stored().values()) == [b"hello"]


class TestReplacing:
    def test_the_old_bytes_become_a_version(self, file, session):
        began, old = file.created_at, file.storage_path
        file.session = session
        file.save()
        kept, outcome = replace(file)
        assert (kept, outcome) == (file, Outcome.REPLACED)
        assert held(file) == [b"new", b"hello"]
        version = file.versions.get()
        assert (version.storage_path, version.size, version.filename) == (old, 5, "notes.txt")
        assert (version.since, version.replaced_at) == (began, file.replaced_at)
        assert (file.filename, file.size, file.session) == ("notes.txt", 3, session)
        assert (file.created_at, file.since) == (began, file.replaced_at)

    @pytest.mark.parametrize(
        ("name", "other", "becomes"),
        [
            ("報告.txt", "final.txt", "報告.txt"),
            ("報告.docx", "final v2.pdf", "報告.pdf"),
            ("photo.jpeg", "IMG_1.JPG", "photo.jpeg"),
            ("notes v1.2", "notes.txt", "notes v1.2"),
            ("notes.txt", "README", "notes.txt"),
            (f"{'あ' * 251}.txt", "x.markdown", f"{'あ' * 246}.markdown"),
        ],
    )
    def test_the_name_stays_and_its_ending_tells_the_truth(self, keep, name, other, becomes):
        file, _outcome = replace(keep(name), name=other)
        file.refresh_from_db()
        assert file.filename == becomes
        assert list(File.objects.search(becomes)) == [file]

    def test_the_type_is_that_of_the_new_content(self, file):
        file, _outcome = replace(file, name="x.pdf", content_type="application/pdf")
        assert (file.content_type, file.versions.get().content_type) == (
            "application/pdf",
            "text/plain",
        )

    def test_the_same_bytes_change_nothing(self, file):
        assert replace(file, b"hello") == (file, Outcome.SAME)
        assert as_before(file)
        assert file.replaced_at is None

    def test_the_same_bytes_mend_a_file_that_lost_them(self, file):
        backend.remove(file.storage_path)
        _file, outcome = replace(file, b"hello")
        file.refresh_from_db()
        assert outcome == Outcome.REPLACED
        assert stored()[file.storage_path] == b"hello"

    def test_beyond_the_last_five_the_oldest_goes_with_its_bytes(self, file):
        for number in range(6):
            replace(file, b"%d" % number)
        assert held(file) == [b"5", b"4", b"3", b"2", b"1", b"0"]
        assert len(stored()) == 6

    @pytest.mark.parametrize(("count", "left"), [(0, []), (2, [b"1", b"0"])])
    def test_a_setting_says_how_many_are_kept(self, file, settings, count, left):
        settings.FILE_VERSIONS = count
        for number in range(3):
            replace(file, b"%d" % number)
        assert held(file) == [b"2", *left]
        assert len(stored()) == 1 + count

    def test_a_file_in_the_trash_is_left_alone(self, file, session, owner):
        File.objects.update(session=session)
        file.refresh_from_db()
        file.trash()
        new, outcome = replace(file)
        assert (outcome, new.user, new.filename, new.session) == (
            Outcome.ADDED,
            owner,
            "new.txt",
            session,
        )
        assert new != file
        assert held(file) == [b"hello"]
        assert held(new) == [b"new"]

    def test_a_file_that_is_somebody_elses_by_now_is_left_alone(self, file, stranger):
        File.objects.update(user=stranger)
        _new, outcome = replace(file)
        assert outcome == Outcome.ADDED
        assert held(file) == [b"hello"]

    def test_two_at_once_lose_nothing(self, file):
        uploads = [incoming(b"%d" % number) for number in range(4)]
        ready, problems = threading.Barrier(4), []

        def run(upload):
            try:
                ready.wait()
                form.replace(file=file, upload=upload)
            except Exception as problem:
                problems.append(problem)
            finally:
                connection.close()

        threads = [threading.Thread(target=run, args=[upload]) for upload in uploads]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert problems == []
        assert sorted(held(file)) == [b"0", b"1", b"2", b"3", b"hello"]
        assert held(file)[-1] == b"hello"

    @pytest.mark.parametrize(
        ("where", "name"),
        [
            (staging.StagedBytes, "finish"),
            (staging, "keep_all"),
            (versions, "lock_file"),
            (Version, "save"),
            (versions, "set_content"),
            (File, "save"),
            (versions, "prune"),
        ],
    )
    @pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), DatabaseError("no")])
    def test_whatever_fails_the_file_is_as_it_was(self, file, monkeypatch, where, name, error):
        def fail(*args, **kwargs):
            raise error

        upload = incoming()
        monkeypatch.setattr(where, name, fail)
        with pytest.raises(type(error)):
            form.replace(file=file, upload=upload)
        monkeypatch.undo()
        upload.staged.discard()  # as the end of a request does
        assert as_before(file)


class TestRestoring:
    def test_what_a_file_holds_becomes_a_version(self, file):
        replace(file, b"two")
        replace(file, b"three")
        first = file.versions.last()
        versions.restore(first)
        assert held(file) == [b"hello", b"three", b"two"]
        assert len(stored()) == 3
        assert file.since == file.versions.first().replaced_at

    def test_it_brings_the_type_and_the_ending_back(self, file):
        replace(file, name="x.pdf")
        file.refresh_from_db()
        file.filename = "Renamed.pdf"
        file.save()
        versions.restore(file.versions.get())
        file.refresh_from_db()
        assert (file.filename, file.content_type) == ("Renamed.txt", "text/plain")

    def test_a_second_click_does_not_undo_the_first(self, file):
        replace(file)
        version = file.versions.get()
        versions.restore(version)
        with pytest.raises(Version.DoesNotExist):
            versions.restore(version)
        assert held(file) == [b"hello", b"new"]

    def test_what_fails_leaves_all_as_it_was(self, file, monkeypatch):
        replace(file)
        monkeypatch.setattr(File, "save", lambda *args, **kwargs: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            versions.restore(file.versions.get())
        monkeypatch.undo()
        assert held(file) == [b"new", b"hello"]


class TestRoom:
    def test_versions_take_up_room(self, file, owner, stranger):
        replace(file, b"1234567")
        assert quota.bytes_used(owner) == quota.bytes_used_and_reserved(owner.pk) == 12
        assert quota.bytes_used(stranger) == quota.bytes_used_and_reserved(stranger.pk) == 0

    def test_to_delete_one_frees_room(self, file, owner):
        replace(file, b"1234567")
        assert quota.bytes_used(owner) == 12
        versions.remove(file.versions.get())
        assert quota.bytes_used(owner) == 7
        assert held(file) == [b"1234567"]


class TestGoing:
    def test_the_trash_keeps_them(self, file):
        replace(file)
        file.trash()
        sweep.sweep()
        file.restore()
        assert held(file) == [b"new", b"hello"]

    def test_the_sweep_knows_old_ones(self, file):
        replace(file)
        for path in stored():
            age(path, OLD)
        assert sweep.sweep() == sweep.SweepResult()
        assert held(file) == [b"new", b"hello"]

    def test_they_go_with_their_file(self, file, owner):
        replace(file)
        file.trash()
        assert sweep.purge(File.objects.trashed_by(owner)) == 1
        assert stored() == {}
        assert quota.bytes_used(owner) == 0

    def test_they_go_with_their_owner(self, file, owner):
        replace(file)
        owner.delete()
        assert stored() == {}
