"""The sweep: what nobody can reach goes, everything else stays."""

import os
from datetime import timedelta
from io import StringIO

import pytest
from django.contrib.sessions.models import Session as LogIn
from django.core.management import CommandError, call_command
from django.utils import timezone

from files.models import File
from files.storage import backend, staging
from sessions_app.models import Session
from tests.files.conftest import age, place, stage, stored

pytestmark = pytest.mark.django_db(transaction=True)

OLD = 3700  # seconds: a little more than the hour


def orphan(seconds=OLD):
    """Keep bytes without a row; returns their storage path."""
    staged = stage(b"orphan")
    staged.finish()
    path = staging.keep(staged)
    age(path, seconds)
    return path


def part(seconds=OLD):
    """Leave bytes in staging, as a killed server does."""
    staged = stage(b"part")
    staged.finish()
    age(staged.path, seconds)
    return staged


def sweep(*arguments):
    out = StringIO()
    call_command("sweep", *arguments, stdout=out)
    return out.getvalue()


def removed(staged=0, orphans=0, files=0, sessions=0, messages=0, log_ins=0, verb="Removed"):
    return (
        f"{verb}: unfinished uploads {staged}, bytes without a file {orphans}, "
        f"from the trash files {files}, sessions {sessions} and messages {messages}, "
        f"interrupted deletions 0, expired log-ins {log_ins}.\n"
    )


def test_there_may_be_nothing():
    assert sweep() == removed()


def test_old_orphans_and_parts_go(keep):
    file = keep()
    age(file.storage_path, OLD)
    orphan()
    part()
    assert sweep() == removed(staged=1, orphans=1)
    assert list(stored()) == [file.storage_path]


def test_young_ones_stay():
    orphan(60)
    part(60)
    assert sweep() == removed()
    assert len(stored()) == 2


def test_bytes_are_as_old_as_their_place_not_as_their_upload():
    """A form that took two hours: the row of its first file is only being committed."""
    staged = stage()
    staged.finish()
    age(staged.path, 7200)
    path = staging.keep(staged)
    assert sweep() == removed()
    assert backend.exists(path)


def test_a_dry_run_removes_nothing(keep):
    keep().trash()
    File.objects.update(deleted_at=timezone.now() - timedelta(days=31))
    orphan()
    part()
    assert sweep("--dry-run") == removed(1, 1, 1, verb="Would remove")
    assert len(stored()) == 3
    assert File.objects.count() == 1


def test_the_trash_is_emptied_after_its_days(settings, owner, keep):
    settings.TRASH_DAYS = 7
    session = Session.objects.create(user=owner)
    old, recent, attached = keep("old"), keep("recent"), keep("attached", session=session)
    for row, days in ((old, 8), (recent, 6), (session, 8)):
        row.deleted_at = timezone.now() - timedelta(days=days)
        row.save(update_fields=["deleted_at"])
    assert sweep() == removed(files=1, sessions=1)
    assert set(stored()) == {recent.storage_path, attached.storage_path}
    attached.refresh_from_db()
    assert attached.session is None


def test_it_works_in_batches(monkeypatch, keep):
    monkeypatch.setattr("files.sweep.BATCH_SIZE", 2)
    kept = {keep(str(number)).storage_path for number in range(3)}
    for path in kept:
        age(path, OLD)
    for number in range(5):
        orphan()
        keep(f"t{number}").trash()
    File.objects.exclude(deleted_at=None).update(deleted_at=timezone.now() - timedelta(days=31))
    assert sweep() == removed(orphans=5, files=5)
    assert set(stored()) == kept


def test_what_is_not_its_own_stays():
    strange = ["README", "ab/cd/notes.txt", "uploads/2024/report.pdf", ".staging/.keep",
               "ab/0b9f4d1e-1111-4111-8111-111111111111"]  # fmt: skip
    for name in strange:
        place(name)
        age(name, OLD)
    assert sweep() == removed()
    assert set(stored()) == set(strange)


def test_the_storage_of_another_database_is_left_alone(monkeypatch, keep):
    monkeypatch.setattr("files.sweep.FEW_ORPHANS", 3)
    file = keep()
    age(file.storage_path, OLD)
    for _ in range(4):
        orphan()
    part()
    with pytest.raises(CommandError, match=r"4 stored files are unknown .* and 1 are known"):
        sweep()
    assert len(stored()) == 6
    assert sweep("--force") == removed(staged=1, orphans=4)
    assert list(stored()) == [file.storage_path]


def test_one_restored_meanwhile_stays(keep):
    file = keep()
    file.trash()
    File.objects.update(deleted_at=timezone.now() - timedelta(days=31))
    file.restore()
    assert sweep() == removed()
    assert File.objects.get() == file


@pytest.mark.folder
def test_a_file_that_cannot_be_removed_does_not_stop_it(monkeypatch, caplog):
    orphan()
    part()

    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "remove", refuse)
    monkeypatch.setattr(os, "unlink", refuse)
    sweep()
    assert caplog.text.count("Permission denied") == 2


def test_expired_log_ins_go(client, owner):
    client.force_login(owner)
    LogIn.objects.create(session_key="old", expire_date=timezone.now() - timedelta(seconds=1))
    assert sweep("--dry-run") == removed(log_ins=1, verb="Would remove")
    assert sweep() == removed(log_ins=1)
    assert LogIn.objects.get().session_key == client.session.session_key
