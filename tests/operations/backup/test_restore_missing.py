"""`manage.py restore ARCHIVE --missing`: lost bytes come back, and nothing else changes."""

import io

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from files.models import File, Version
from sessions_app.models import Session
from tests.operations.backup import places

pytest_plugins = ["tests.operations.backup.place_fixtures"]


def bring_back(path):
    """Run the command; returns what it printed."""
    output = io.StringIO()
    call_command("restore", path, "--missing", stdout=output, stderr=output)
    return output.getvalue()


def at(file):
    return settings.LOCAL_STORAGE_PATH / file.storage_path


def contents():
    """Return {path: bytes} of all that is stored."""
    root = settings.LOCAL_STORAGE_PATH
    return {str(each): each.read_bytes() for each in root.rglob("*") if each.is_file()}


def test_only_what_is_missing_or_damaged_comes_back(place, archive):
    before = contents()
    lost, cut, turned, empty = [
        File.objects.get(filename=f"owner {number}.bin") for number in (2, 3, 4, 0)
    ]
    at(lost).unlink()
    at(empty).unlink()
    at(cut).write_bytes(b"cut")
    content = bytearray(at(turned).read_bytes())
    content[1000] ^= 1
    at(turned).write_bytes(content)
    # What people did since then stays.
    session = Session.objects.get(title="東京")
    session.title = "new title"
    session.save()
    new = places.store(lost.user, "new.bin", b"new")
    output = bring_back(archive)
    assert "4 files have their bytes again." in output
    assert "not in this archive" not in output
    assert contents() == before | {str(at(new)): b"new"}
    assert Session.objects.get().title == "new title"
    assert "0 files have their bytes again." in bring_back(archive)


def test_versions_come_back_too(place):
    file = File.objects.get(filename="owner 4.bin")
    values = {"filename": "a", "content_type": "text/plain", "since": file.created_at}
    other = File.objects.get(filename="owner 5.bin")
    path, size, sha256 = other.storage_path, other.size, other.sha256
    File.objects.filter(pk=other.pk).update(storage_path=file.storage_path)
    version = Version.objects.create(
        file=file, storage_path=path, size=size, sha256=sha256, replaced_at=file.created_at,
        **values,
    )  # fmt: skip
    File.objects.filter(pk=other.pk).delete()
    archive = places.archive()
    at(version).unlink()
    assert "1 file has its bytes again." in bring_back(archive)
    assert at(version).stat().st_size == size


def test_what_the_archive_does_not_have_is_told(place, archive):
    new = places.store(File.objects.first().user, "new.bin", b"new")
    at(new).unlink()
    output = bring_back(archive)
    assert "0 files have their bytes again." in output
    assert "1 file is not in this archive" in output
    assert not at(new).exists()


def test_other_bytes_of_that_name_stay_out(place, archive):
    file = File.objects.get(filename="owner 3.bin")
    File.objects.filter(pk=file.pk).update(sha256="0" * 64)
    at(file).unlink()
    assert "0 files have their bytes again." in bring_back(archive)
    assert not at(file).exists()


def test_a_damaged_archive_brings_nothing(place, archive):
    file = File.objects.get(filename="owner 3.bin")
    at(file).unlink()
    before = contents()
    with open(archive, "r+b") as stream:
        stream.seek(-3000, 2)
        stream.write(b"\xff" * 100)
    with pytest.raises(CommandError, match=r"damaged.*Nothing was changed"):
        bring_back(archive)
    assert contents() == before


def test_what_is_no_archive_is_refused(place, tmp_path):
    for name, content in (("dump.sql", b"SELECT 1;"), ("nothing.tar", None)):
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(CommandError, match="is not a Camp archive"):
            bring_back(tmp_path / name)
