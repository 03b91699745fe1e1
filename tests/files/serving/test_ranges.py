"""Parts of a file, and files that the client has already (RFC 9110, sections 13 and 14)."""

import base64
import hashlib
import re
import time
from datetime import UTC, datetime, timedelta
from email.parser import BytesParser

import pytest
from django.utils import timezone
from django.utils.http import http_date

from files.models import File
from tests.files.conftest import lose, part

pytestmark = pytest.mark.machine

CONTENT = bytes(range(256)) * 4  # 1,024 bytes


@pytest.fixture
def file(keep):
    """A file whose bytes tell where they are."""
    return keep("letters.bin", CONTENT, content_type="application/octet-stream")


def get(client, file, **headers):
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.get(f"/files/{file.pk}/download/", headers=names)


def replace(client, file, content):
    """Give a file another content."""
    client.post(f"/files/{file.pk}/replace/", {"files": part("letters.bin", content)})
    file.refresh_from_db()
    assert file.sha256 == hashlib.sha256(content).hexdigest()


def etag(file):
    return f'"{file.sha256}"'


@pytest.mark.parametrize(
    ("header", "start", "end"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=0-9", 0, 9),
        ("bytes=1000-", 1000, 1023),
        ("bytes=1023-1023", 1023, 1023),
        ("bytes=1023-5000", 1023, 1023),
        ("bytes=-1", 1023, 1023),
        ("bytes=-100", 924, 1023),
        ("bytes=-9999", 0, 1023),
        ("bytes=0-", 0, 1023),
        ("BYTES=5-6", 5, 6),
        ("bytes= 5-6 ,", 5, 6),
        ("bytes=5000-,5-6", 5, 6),
        ("bytes=0-9,10-19", 0, 19),
        ("bytes=5-9,0-6", 0, 9),
    ],
)
def test_a_part_is_sent(as_owner, file, header, start, end):
    response = get(as_owner, file, range=header)
    assert response.status_code == 206
    assert response.getvalue() == CONTENT[start : end + 1]
    assert response.headers["Content-Range"] == f"bytes {start}-{end}/1024"
    assert response.headers["Content-Length"] == str(end - start + 1)
    assert response.headers["Content-Type"] == "application/octet-stream"


@pytest.mark.parametrize(
    "header",
    [
        *["bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=5-4", "bytes=1-2-3", "lines=1-2"],
        *["bytes=1,2", "bytes=0x1-2", "bytes=٣-٤", "bytes=+1-2", f"bytes={'9' * 30}-", ""],
        "bytes=" + ",".join(f"{number * 10}-{number * 10}" for number in range(60)),
    ],
)
def test_a_range_that_is_not_understood_gives_all(as_owner, file, header):
    response = get(as_owner, file, range=header)
    assert response.status_code == 200
    assert response.getvalue() == CONTENT
    assert response.headers["Accept-Ranges"] == "bytes"


@pytest.mark.parametrize("header", ["bytes=1024-", "bytes=5000-6000", "bytes=-0", "bytes=-0,2000-"])
def test_a_part_that_is_not_there_is_told(as_owner, file, header):
    response = get(as_owner, file, range=header)
    assert response.status_code == 416
    assert response.headers["Content-Range"] == "bytes */1024"
    assert response.content == b""


def test_nothing_has_no_parts(as_owner, keep):
    empty = keep(content=b"")
    assert get(as_owner, empty, range="bytes=0-").status_code == 416
    assert get(as_owner, empty, range="bytes=-5").status_code == 200


def test_several_parts_come_in_the_order_asked_for(as_owner, file):
    response = get(as_owner, file, range="bytes=900-909,0-9,-1")
    assert response.status_code == 206
    body = response.getvalue()
    assert response.headers["Content-Length"] == str(len(body))
    head = f"Content-Type: {response.headers['Content-Type']}\r\n\r\n".encode()
    parts = BytesParser().parsebytes(head + body).get_payload()
    assert [part["Content-Range"] for part in parts] == [
        *["bytes 900-909/1024", "bytes 0-9/1024", "bytes 1023-1023/1024"]
    ]
    assert {part["Content-Type"] for part in parts} == {"application/octet-stream"}
    boundary = re.search("boundary=(.+)", response.headers["Content-Type"])[1].encode()
    contents = [each.partition(b"\r\n\r\n")[2] for each in body.split(b"--" + boundary)[1:-1]]
    assert contents == [CONTENT[900:910] + b"\r\n", CONTENT[:10] + b"\r\n", CONTENT[-1:] + b"\r\n"]


def test_head_tells_of_all_whatever_is_asked(as_owner, file):
    address = f"/files/{file.pk}/download/"
    response = as_owner.head(address, headers={"range": "bytes=0-9"})
    assert response.status_code == 200
    assert response.headers["Content-Length"] == "1024"
    assert response.headers["ETag"] == etag(file)


def test_the_checksum_is_told(as_owner, file):
    headers = get(as_owner, file).headers
    digest = base64.b64encode(hashlib.sha256(CONTENT).digest()).decode()
    assert headers["Repr-Digest"] == f"sha-256=:{digest}:"
    assert headers["ETag"] == f'"{hashlib.sha256(CONTENT).hexdigest()}"'


def test_an_unknown_checksum_is_not_made_up(as_owner, file):
    file.sha256 = ""
    file.save()
    response = get(as_owner, file, range="bytes=0-9")
    assert response.status_code == 206
    assert "ETag" not in response.headers
    assert "Repr-Digest" not in response.headers


@pytest.mark.parametrize("condition", ["{etag}", "*", '"other", {etag}', "W/{etag}"])
def test_a_file_that_the_client_has_is_not_sent(as_owner, file, condition):
    response = get(as_owner, file, if_none_match=condition.format(etag=etag(file)))
    assert response.status_code == 304
    assert response.headers["ETag"] == etag(file)
    assert response.content == b""


def test_a_changed_file_is_sent(as_owner, file):
    assert get(as_owner, file, if_none_match='"other"').status_code == 200


def test_dates_count_where_there_is_no_etag(as_owner, file):
    then = file.created_at.timestamp()
    assert get(as_owner, file, if_modified_since=http_date(then)).status_code == 304
    assert get(as_owner, file, if_modified_since=http_date(then - 60)).status_code == 200
    both = {"if_modified_since": http_date(then), "if_none_match": '"other"'}
    assert get(as_owner, file, **both).status_code == 200


def test_a_condition_that_fails_is_told(as_owner, file):
    assert get(as_owner, file, if_match='"other"').status_code == 412
    assert get(as_owner, file, if_match=etag(file)).status_code == 200
    long_ago = http_date(file.created_at.timestamp() - 60)
    assert get(as_owner, file, if_unmodified_since=long_ago).status_code == 412


@pytest.mark.parametrize(
    ("condition", "status"),
    [("{etag}", 206), ("{date}", 206), ('"other"', 200), ("W/{etag}", 200), ("{later}", 200)],
)
def test_if_range_sends_all_of_a_changed_file(as_owner, file, condition, status):
    then = file.created_at.timestamp() - 60
    File.objects.update(created_at=datetime.fromtimestamp(then, UTC))
    values = {"etag": etag(file), "date": http_date(then), "later": http_date(then + 60)}
    response = get(as_owner, file, range="bytes=5-", if_range=condition.format(**values))
    assert response.status_code == status
    assert response.getvalue() == CONTENT[5 if status == 206 else 0 :]


def test_a_date_counts_only_once_its_second_is_surely_over(as_owner, file):
    now = time.time()
    for age, status in ((0, 200), (1, 200), (4, 206), (-30, 200)):
        File.objects.update(created_at=datetime.fromtimestamp(now - age, UTC))
        told = http_date(int(now - age))
        assert get(as_owner, file, range="bytes=5-", if_range=told).status_code == status
    assert "Last-Modified" not in get(as_owner, file).headers


def test_contents_of_one_second_are_never_mixed(as_owner, file):
    """The time of each content is its own, to the second, however fast they follow."""
    File.objects.update(created_at=timezone.now() - timedelta(seconds=30))
    file.refresh_from_db()
    seen = {int(file.since.timestamp()): file.sha256}
    for number in range(4):
        replace(as_owner, file, b"%d" % number * len(CONTENT))
        assert seen.setdefault(int(file.since.timestamp()), file.sha256) == file.sha256
    as_owner.post(f"/files/{file.pk}/versions/{file.versions.last().pk}/restore/")
    file.refresh_from_db()
    assert int(file.since.timestamp()) not in seen
    assert len(seen) == 5
    for since in seen:
        answered = get(as_owner, file, range="bytes=5-", if_range=http_date(since))
        assert answered.status_code == 200


@pytest.mark.folder
def test_stored_bytes_have_the_time_of_their_content(as_owner, file, settings):
    """nginx tells contents apart by it, where it sends them."""
    before = (settings.LOCAL_STORAGE_PATH / file.storage_path).stat().st_mtime
    replace(as_owner, file, b"x" * len(CONTENT))
    after = (settings.LOCAL_STORAGE_PATH / file.storage_path).stat().st_mtime
    assert int(after) == int(file.replaced_at.timestamp()) > int(before)


def test_no_part_of_somebody_elses_file(as_stranger, file):
    assert get(as_stranger, file, range="bytes=0-9").status_code == 404


@pytest.mark.folder
def test_nginx_is_handed_the_path(as_owner, file, settings):
    settings.X_ACCEL_REDIRECT = "/protected/"
    response = get(as_owner, file, range="bytes=0-9")
    assert response.status_code == 200
    assert response.headers["X-Accel-Redirect"] == f"/protected/{file.storage_path}"
    assert response.headers["Content-Type"] == "application/octet-stream"
    assert response.headers["Content-Disposition"] == 'attachment; filename="letters.bin"'
    assert response.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert response.content == b""


@pytest.mark.folder
def test_nginx_is_not_sent_after_missing_bytes(as_owner, file, settings):
    settings.X_ACCEL_REDIRECT = "/protected/"
    lose(file.storage_path)
    assert get(as_owner, file).status_code == 404
