"""Bytes without rows, rows without bytes, and a sweep that is not made."""

import os
import uuid
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from camp.db import bigram_index
from camp.operations.diagnostics import files
from camp.web.findings import ERROR, OK, WARNING
from files.models import File
from files.storage import backend
from tests.files.conftest import age, place

pytestmark = pytest.mark.django_db


def found():
    """Return the level of each finding by the last part of its id."""
    return {each.id.partition(".")[2]: each.level for each in files.check_files()}


@pytest.fixture
def bytes_at():
    """A function that puts bytes of an age into the storage; returns their path."""

    def put(days):
        name = str(uuid.uuid4())
        path = f"{name[:2]}/{name[2:4]}/{name}"
        place(path)
        age(path, days * 86_400)
        return path

    return put


def row(user, path, **fields):
    return File.objects.create(user=user, filename="a", size=1, storage_path=path, **fields)


def test_nothing_is_wrong_with_an_empty_place():
    assert found() == {"search": OK, "missing": OK, "orphans": OK, "swept": OK}


def test_files_with_their_bytes_are_fine(owner, bytes_at):
    row(owner, bytes_at(5))
    assert set(found().values()) == {OK}


def test_a_file_without_bytes(owner):
    row(owner, "aa/bb/none")
    assert found()["missing"] == ERROR


def test_what_did_not_come_along_is_in_the_old_folder(owner, bytes_at):
    row(owner, "uploads/a.txt")
    row(owner, bytes_at(5))
    told = next(each for each in files.check_files() if each.id == "files.missing")
    assert "takeover --uploads FOLDER" in told.fix
    assert "restore" not in told.fix + told.detail


def test_bytes_without_a_file_that_no_sweep_took(bytes_at):
    bytes_at(0)
    assert found()["orphans"] == OK
    told = next(each for each in files.check_files() if each.id == "files.orphans")
    assert "1 stored file without a row is too young to judge" in told.title
    bytes_at(5)
    assert found()["orphans"] == WARNING


def test_a_storage_of_another_database(bytes_at, monkeypatch):
    monkeypatch.setattr(files, "FEW_ORPHANS", 1)
    bytes_at(5), bytes_at(5)
    told = next(each for each in files.check_files() if each.id == "files.orphans")
    assert "another database" in told.detail
    assert told.fix.endswith("sweep --dry-run")


def test_a_trash_that_is_not_emptied(owner, bytes_at, settings):
    long_ago = timezone.now() - timedelta(days=settings.TRASH_DAYS + 5)
    row(owner, bytes_at(50), deleted_at=long_ago)
    assert found()["swept"] == WARNING


def test_a_deletion_that_nobody_went_on_with(owner):
    type(owner).objects.update(deletion_started_at=timezone.now() - timedelta(days=1))
    assert found()["swept"] == OK
    type(owner).objects.update(deletion_started_at=timezone.now() - timedelta(days=5))
    assert found()["swept"] == WARNING


def test_an_upload_that_nobody_went_on_with(settings):
    settings.UPLOAD_STAGING.mkdir(parents=True)
    part = settings.UPLOAD_STAGING / "x.part"
    part.touch()
    os.utime(part, (0, 0))
    assert found()["swept"] == WARNING


@pytest.mark.parametrize("key", bigram_index.INDEXES)
def test_an_index_for_the_search_that_is_missing_and_made_by_migrate(owner, key):
    bigram_index.remove(connection, key)
    assert found()["search"] == ERROR
    call_command("migrate", verbosity=0)
    assert found()["search"] == OK
    File.objects.create(user=owner, filename="合宿.txt", size=1, storage_path="p")
    assert File.objects.search("合宿", owner).exists()


def test_a_large_storage_of_young_files_is_not_listed_to_its_end(keep, monkeypatch):
    for _ in range(20):
        keep()
    seen = []
    modified_at = backend.modified_at
    monkeypatch.setattr(files, "SECONDS", 0)
    monkeypatch.setattr(backend, "modified_at", lambda entry: seen.append(1) or modified_at(entry))
    assert found()["orphans"] == OK
    assert seen == []
