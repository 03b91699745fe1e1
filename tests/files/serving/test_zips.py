"""Several files as one ZIP."""

import io
import os
import struct
import time
import zipfile
from datetime import UTC, datetime, timedelta

import pytest

from files.models import File
from tests.files.conftest import lose


def fetched(client, **params):
    """Return the answer and the ZIP in it, which is as long as it was said to be."""
    response = client.get("/files/zip/", params)
    assert response.status_code == 200, response.status_code
    body = response.getvalue()
    assert response.headers["Content-Length"] == str(len(body))
    archive = zipfile.ZipFile(io.BytesIO(body))
    assert archive.testzip() is None
    return response, {name: archive.read(name) for name in archive.namelist()}


def test_chosen_files_come_as_they_are(as_owner, keep):
    contents = {"写真　集.bin": os.urandom(600_000), "ok.txt": b"hello", "empty": b""}
    files = [keep(name, content) for name, content in contents.items()]
    keep("other.txt")
    response, found = fetched(as_owner, id=[file.pk for file in files])
    assert found == contents
    assert response.headers["Content-Type"] == "application/zip"
    assert response.headers["Content-Disposition"].startswith('attachment; filename="camp_')


def test_a_session_brings_its_files(as_owner, keep, session):
    keep("in.txt", b"in", session=session)
    keep("out.txt")
    response, found = fetched(as_owner, session=session.session_id)
    assert found == {"in.txt": b"in"}
    assert 'filename="Summer camp.zip"' in response.headers["Content-Disposition"]


def test_equal_names_become_distinct(as_owner, keep):
    files = [keep(name, name.encode()) for name in ("a.txt", "A.txt", "a.txt", ".env", ".env")]
    _response, found = fetched(as_owner, id=[file.pk for file in files])
    assert sorted(name.casefold() for name in found) == [
        *[".env", ".env (2)", "a (2).txt", "a (3).txt", "a.txt"]
    ]


def test_names_work_on_windows(as_owner, file):
    File.objects.update(filename="a:b?.txt")
    assert list(fetched(as_owner, id=file.pk)[1]) == ["a_b_.txt"]


def times(body):
    """Return {name: time} of a ZIP's directory; the headers in front of the bytes say the same."""
    found = {}
    for entry in zipfile.ZipFile(io.BytesIO(body)).infolist():
        found[entry.filename] = entry.date_time
        clock, day = struct.unpack_from("<2H", body, entry.header_offset + 10)
        there = (1980 + (day >> 9), day >> 5 & 15, day & 31)
        there += (clock >> 11, clock >> 5 & 63, (clock & 31) * 2)
        assert there == entry.date_time
    return found


def test_entries_have_the_time_of_their_content_in_the_readers_zone(as_owner, owner, keep):
    plain, replaced, old, lost = (keep(f"{name}.txt") for name in ("plain", "new", "old", "lost"))
    then = datetime(2026, 7, 31, 23, 30, 44, tzinfo=UTC)
    File.objects.update(created_at=then)
    File.objects.filter(pk=replaced.pk).update(replaced_at=then + timedelta(hours=2))
    File.objects.filter(pk=old.pk).update(created_at=datetime(1970, 1, 1, tzinfo=UTC))
    lose(lost.storage_path)
    type(owner).objects.update(time_zone="America/New_York")
    params = {"id": [file.pk for file in (plain, replaced, old, lost)]}
    body = as_owner.get("/files/zip/", params).getvalue()
    assert times(body) == {
        "plain.txt": (2026, 7, 31, 19, 30, 44),
        "new.txt": (2026, 7, 31, 21, 30, 44),
        "old.txt": (1980, 1, 1, 0, 0, 0),
        "missing files.txt": (2026, 7, 31, 21, 30, 44),
    }
    type(owner).objects.update(time_zone="Asia/Tokyo")
    assert times(as_owner.get("/files/zip/", params).getvalue())["plain.txt"][2:4] == (1, 8)


def test_the_same_files_give_the_same_bytes(as_owner, keep, monkeypatch):
    ids = [keep("a.txt", b"a").pk, keep("b.bin", os.urandom(300_000)).pk]
    first = as_owner.get("/files/zip/", {"id": ids}).getvalue()
    monkeypatch.setattr("time.localtime", lambda *_: time.struct_time((2040, 1, 1) + (0,) * 6))
    assert as_owner.get("/files/zip/", {"id": ids}).getvalue() == first


def test_missing_bytes_are_named_inside(as_owner, keep):
    kept, lost = keep("kept.txt", b"kept"), keep("lost.txt")
    lose(lost.storage_path)
    _response, found = fetched(as_owner, id=[kept.pk, lost.pk])
    assert found["kept.txt"] == b"kept"
    assert b"lost.txt" in found["missing files.txt"]


def test_what_is_not_the_readers_stays_out(as_owner, as_stranger, keep, session):
    file = keep(session=session)
    assert as_stranger.get("/files/zip/", {"id": file.pk}).status_code == 404
    assert as_stranger.get("/files/zip/", {"session": session.session_id}).status_code == 404
    file.trash()
    assert as_owner.get("/files/zip/", {"id": file.pk}).status_code == 404


@pytest.mark.parametrize("number", ["x", "-1", "9" * 30, "1.5", ""])
def test_nonsense_is_not_found(as_owner, file, number):
    assert as_owner.get("/files/zip/", {"id": number}).status_code == 404


def test_nothing_is_not_found(as_owner):
    assert as_owner.get("/files/zip/").status_code == 404


def test_too_many_are_refused(as_owner, owner, monkeypatch, keep):
    monkeypatch.setattr("files.views.download.MAX_FILES", 1)
    files = [keep(), keep()]
    assert as_owner.get("/files/zip/", {"id": [file.pk for file in files]}).status_code == 413


def test_strangers_log_in_first(client, db):
    assert client.get("/files/zip/?id=1").url == "/accounts/login/?next=/files/zip/%3Fid%3D1"


def test_other_verbs_are_refused(as_owner):
    assert as_owner.post("/files/zip/").status_code == 405


@pytest.mark.parametrize("count", [2, 20])
def test_queries_do_not_grow(as_owner, keep, django_assert_max_num_queries, count):
    ids = [keep(f"{number}.txt").pk for number in range(count)]
    with django_assert_max_num_queries(3):
        fetched(as_owner, id=ids)
