"""Files that are chosen at once keep their order in the lists, whichever arrives first."""

import re
import time
from contextlib import contextmanager
from datetime import timedelta
from unittest import mock

import pytest
from django.utils import timezone

from files.models import File, Upload
from tests.files.uploads.test_folders import send_form
from tests.files.uploads.test_tus import begin, create, metadata, patch

NAMES = ["a.txt", "b.txt", "c.txt", "d.txt"]
DAY = timedelta(days=1)


@contextmanager
def clock_moved(by):
    """Have it be another time."""
    moved = {"return_value": timezone.now() + by}
    stamp = {"return_value": time.time() + by.total_seconds()}
    with (
        mock.patch("django.utils.timezone.now", **moved),
        mock.patch("django.core.signing.time.time", **stamp),
    ):
        yield


def start_batch(client):
    return client.get("/files/upload/unfinished/").json()["batch"]


def place(name, batch, position, **more):
    """Return the headers that begin an upload at a place of a batch."""
    pairs = {"filename": name, "batch": batch, "position": str(position), **more}
    return {"Upload-Metadata": metadata(**pairs)}


def listed(client, address="/files/", **params):
    return [row.filename for row in client.get(address, params).context["page"].rows]


def test_a_form_keeps_its_order_in_every_list(as_owner, session):
    send_form(as_owner, ["folder/2.txt", "folder/10.txt", "folder/1.txt"])
    File.objects.update(session=session)
    expected = ["2.txt", "10.txt", "1.txt"]
    assert listed(as_owner) == expected
    assert listed(as_owner, sort="date") == expected[::-1]
    address = f"/sessions/{session.session_id}/"
    for page in ("/", address, f"{address}export.md"):
        text = b"".join(as_owner.get(page)).decode()
        names = re.findall(r"folder/(?:</span>)?(\w+\.txt)(?: \(|</a>)", text)
        assert names == expected, page
    assert not File.objects.filter(created_at__gt=timezone.now()).exists()


def test_uploads_that_end_out_of_order_are_in_order(as_owner):
    batch = start_batch(as_owner)
    addresses = [begin(as_owner, 2, **place(name, batch, n)) for n, name in enumerate(NAMES[:3])]
    create(as_owner, 2, b"dd", **place("d.txt", batch, 3))
    create(as_owner, 1, b"x", name="later.txt")
    for number in (2, 0, 1):
        patch(as_owner, addresses[number], 0, b"12")
    assert listed(as_owner) == ["later.txt", *NAMES]
    first, *_others, last = File.objects.order_by("created_at")[:4]
    assert last.created_at - first.created_at == timedelta(microseconds=3)


def test_an_upload_that_is_resumed_a_day_later_keeps_its_place(as_owner):
    with clock_moved(-DAY):
        batch = start_batch(as_owner)
        create(as_owner, 1, b"a", **place("a.txt", batch, 0))
        late = begin(as_owner, 2, **place("b.txt", batch, 1))
        create(as_owner, 1, b"c", **place("c.txt", batch, 2))
    Upload.objects.update(expires_at=timezone.now() + DAY)
    # The upload page tells the script that it may continue that batch.
    [unfinished] = as_owner.get("/files/upload/unfinished/").json()["uploads"]
    assert unfinished["isBatchOpen"]
    patch(as_owner, late, 0, b"bb")
    create(as_owner, 1, b"d", **place("d.txt", batch, 3))
    create(as_owner, 1, b"0", **place("before.txt", batch, -1))
    assert listed(as_owner) == ["before.txt", *NAMES]


@pytest.mark.parametrize("fault", ["old", "another's", "forged", "no place", "a bad place"])
def test_a_batch_that_does_not_hold_is_ignored(as_owner, as_stranger, fault):
    with clock_moved(-3 * DAY if fault == "old" else timedelta()):
        batch = start_batch(as_stranger if fault == "another's" else as_owner)
    began, position = timezone.now(), {"no place": "", "a bad place": "9" * 9}.get(fault, "1")
    headers = place("a.txt", f"{batch}x" if fault == "forged" else batch, position)
    assert create(as_owner, 1, b"a", **headers).status_code == 201
    begin(as_owner, 2, **headers)
    assert began <= File.objects.get().created_at <= timezone.now()
    [unfinished] = as_owner.get("/files/upload/unfinished/").json()["uploads"]
    assert not unfinished["isBatchOpen"]


def test_a_file_is_never_in_the_future(as_owner):
    with clock_moved(DAY):
        batch = start_batch(as_owner)
    create(as_owner, 1, b"a", **place("a.txt", batch, 0))
    create(as_owner, 1, b"b", **place("b.txt", start_batch(as_owner), -999_999))
    assert not File.objects.filter(created_at__gt=timezone.now()).exists()
