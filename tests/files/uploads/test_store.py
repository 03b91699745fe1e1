"""Storing uploads: bytes and rows."""

import errno
import hashlib

import pytest
from django.contrib.auth import get_user_model
from django.db import DatabaseError, IntegrityError, OperationalError, connection, transaction

from files.library import quota
from files.models import File
from files.storage import staging
from files.uploads import form
from files.views.selection import move_to_session
from tests.files.conftest import stage, stored


def upload(name="a.txt", content=b"hello"):
    return form.StagedUpload(stage(content), name)


def test_a_stored_file_has_its_bytes_and_its_row(owner, session):
    before = session.updated_at
    file = form.store(
        user=owner,
        staged=stage("中身".encode()),
        filename="../資料.PDF",
        content_type="Application/PDF; x=1",
        session=session,
    )
    file.refresh_from_db()
    session.refresh_from_db()
    assert stored() == {file.storage_path: "中身".encode()}
    assert (file.user, file.session, file.filename) == (owner, session, "資料.PDF")
    assert (file.size, file.content_type) == (6, "application/pdf")
    assert file.sha256 == hashlib.sha256("中身".encode()).hexdigest()
    assert list(File.objects.search("資料.pdf")) == [file]
    assert session.updated_at > before


def test_several_are_stored_at_once(owner):
    uploads = [upload(f"{number}.txt", str(number).encode()) for number in range(5)]
    files, failed = form.store_all(user=owner, uploads=uploads)
    assert failed == []
    assert [file.filename for file in files] == [f"{number}.txt" for number in range(5)]
    assert {file.storage_path: file.filename[:1].encode() for file in files} == stored()
    assert all(file.pk for file in files)


def test_nothing_at_all_is_fine(owner):
    assert form.store_all(user=owner, uploads=[]) == ([], [])


def test_without_a_row_the_bytes_go(owner, monkeypatch):
    def refuse(*args, **kwargs):
        raise DatabaseError("no")

    monkeypatch.setattr(File.objects, "bulk_create", refuse)
    with pytest.raises(DatabaseError):
        form.store(user=owner, staged=stage(), filename="a")
    assert stored() == {}


@pytest.mark.django_db(transaction=True)
def test_without_its_user_a_file_is_not_kept(owner):
    get_user_model().objects.filter(pk=owner.pk).delete()
    with pytest.raises(IntegrityError):
        form.store(user=owner, staged=stage(), filename="a")
    assert stored() == {}


@pytest.mark.django_db(transaction=True)
def test_bytes_stay_where_the_commit_may_have_worked(owner, monkeypatch):
    commit = connection.connection.__class__.commit

    def lost():
        with connection.wrap_database_errors:
            commit(connection.connection)
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(connection, "commit", lost)
    with pytest.raises(OperationalError):
        form.store(user=owner, staged=stage(), filename="a")
    monkeypatch.undo()
    assert list(stored()) == [File.objects.get().storage_path]


def test_one_that_the_disk_refuses_does_not_stop_the_others(owner, monkeypatch):
    good, bad = upload("good.txt"), upload("bad.txt", b"bad")

    def broken():
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(bad.staged, "finish", broken)
    files, failed = form.store_all(user=owner, uploads=[bad, good])
    assert [file.filename for file in files] == ["good.txt"]
    assert [part.name for part, _error in failed] == ["bad.txt"]
    assert list(stored().values()) == [b"hello"]


def test_a_single_one_that_the_disk_refuses_raises(owner, monkeypatch):
    def full(several):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(staging, "keep_all", full)
    with pytest.raises(OSError, match="No space"):
        form.store(user=owner, staged=stage(), filename="a")
    assert stored() == {}
    assert not File.objects.exists()


def test_files_move_into_a_session_and_out(owner, session, keep):
    keep()
    before = session.updated_at
    assert move_to_session(owner, File.objects.all(), session) == 1
    session.refresh_from_db()
    assert File.objects.get().session == session
    assert session.updated_at > before
    assert move_to_session(owner, File.objects.all(), None) == 1
    assert File.objects.get().session is None


def test_the_sum_follows_every_change(owner, keep):
    assert quota.bytes_used(owner) == 0
    file = keep(content=b"12345")
    assert quota.bytes_used(owner) == 5
    file.trash()
    assert quota.bytes_used(owner) == 5
    file.delete()
    assert quota.bytes_used(owner) == 0


@pytest.mark.django_db(transaction=True)
def test_a_sum_from_before_the_commit_is_not_kept(owner, keep):
    file = keep(content=b"12345")
    with transaction.atomic():
        file.delete()
        # Another request computes the old sum meanwhile.
        quota.cache_manager.set_sync(quota.usage_cache_key(owner.pk), 5)
    assert quota.bytes_used(owner) == 0


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("trashed", [False, True])
def test_deleting_a_user_removes_rows_and_bytes(owner, stranger, keep, trashed):
    file = keep()
    theirs = keep(user=stranger)
    if trashed:
        file.trash()
    owner.delete()
    assert list(stored()) == [theirs.storage_path]
    assert File.objects.get() == theirs


@pytest.mark.django_db(transaction=True)
def test_bytes_stay_if_the_deletion_is_taken_back(keep):
    file = keep()

    def change_of_mind():
        with transaction.atomic():
            File.objects.all().delete()
            raise KeyError

    with pytest.raises(KeyError):
        change_of_mind()
    assert list(stored()) == [file.storage_path]
