"""Downloads of a link: counted once each, whatever form their requests have."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from files.models import Receipt, Share
from tests.files.library.test_shares import make

MIB = 2**20
OTHER = "192.0.2.7"
BODY = bytes(range(200))
WHOLE = ["-999999999", "bytes=-999999999", "Bytes=0-", "bytes=00-", "bytes=,0-", "bytes=0-", "x"]
PARTS = ["bytes=1-", "bytes=0-0,2-", "bytes=199-", "bytes=-5", "BYTES = 5-7"]


@pytest.fixture
def one(as_owner, keep):
    """The address of a file of 200 bytes that may be downloaded once."""
    file = keep("letters.bin", BODY)
    return f"{make(as_owner, file, limit='1')}{file.pk}/"


def get(client, address, wanted="", place="127.0.0.1", **headers):
    """Ask for a Range of a file, or all of it, from a place; returns the answer, read whole."""
    headers |= {"range": wanted} if wanted else {}
    response = client.get(address, headers=headers, REMOTE_ADDR=place)
    response.read = response.getvalue() if response.status_code in (200, 206) else b""
    return response


def cut(response):
    """Leave after the first block; returns it."""
    block = next(iter(response.streaming_content))
    # Django's client closes the answer then, and keeps the test's transaction.
    response._iterator.close()
    return block


def downloads():
    return Share.objects.get().downloads


@pytest.mark.parametrize("wanted", [*WHOLE, *PARTS])
def test_every_form_of_request_counts(client, one, wanted):
    assert get(client, one, wanted).status_code in (200, 206)
    assert downloads() == 1
    for again in ("", wanted, "bytes=-5"):
        assert get(client, one, again, OTHER).status_code == 404
    assert downloads() == 1


@pytest.mark.parametrize("wanted", ["", *WHOLE, "bytes=0-,0-"])
def test_nobody_gets_a_second_copy(client, one, wanted):
    get(client, one)
    assert get(client, one, wanted).status_code == 404
    assert downloads() == 1


@pytest.mark.parametrize("wanted", ["bytes=1-", "bytes=100-", "bytes=0-9"])
def test_requests_that_repeat_come_to_an_end(client, one, wanted):
    given = 0
    for _number in range(500):
        response = get(client, one, wanted)
        given += len(response.read)
        if response.status_code == 404:
            break
    assert response.status_code == 404
    assert given < 2 * len(BODY)


def test_the_last_download_goes_on_where_it_was_cut(as_owner, client, keep):
    content = bytes(3 * MIB)
    file = keep("large.bin", content)
    path = make(as_owner, file, limit="1")
    address = f"{path}{file.pk}/"
    have = 0
    for _cut in range(8):
        response = client.get(address, headers={"range": f"bytes={have}-"} if have else {})
        assert response.status_code == (206 if have else 200)
        have += len(cut(response))
    rest = get(client, address, f"bytes={have}-")
    assert have + len(rest.read) == len(content)
    assert downloads() == 1
    assert client.get(path).status_code == 404


def test_a_download_that_was_cut_may_begin_anew(as_owner, client, keep):
    file = keep("large.bin", bytes(MIB))
    address = f"{make(as_owner, file, limit='1')}{file.pk}/"
    cut(client.get(address))
    assert get(client, address).status_code == 200
    assert downloads() == 1


def test_who_leaves_with_the_last_byte_has_had_all(client, one):
    assert cut(client.get(one)) == BODY
    assert client.get(one).status_code == 404
    assert downloads() == 1


def test_a_download_manager_takes_parts_at_once(client, one):
    open_answers = [client.get(one)]
    for start in range(25, 200, 25):
        wanted = {"range": f"bytes={start}-{start + 24}"}
        open_answers.append(client.get(one, headers=wanted))
    assert [answer.status_code for answer in open_answers] == [200] + [206] * 7
    assert downloads() == 1


def test_a_download_goes_on_after_an_answer_that_named_the_state(client, one):
    etag = get(client, one).headers["ETag"]
    assert get(client, one, "bytes=100-", **{"if-range": etag}).status_code == 206
    assert downloads() == 1
    # Another state: all of it would come, a second time.
    assert get(client, one, "bytes=150-", **{"if-range": '"other"'}).status_code == 404


def test_answers_without_bytes_count_for_nothing(client, one):
    response = client.head(one)
    assert (response.status_code, response.headers["Content-Length"]) == (200, "200")
    known = {"if-none-match": response.headers["ETag"]}
    assert get(client, one, **known).status_code == 304
    assert get(client, one, "bytes=999-").status_code == 416
    assert downloads() == 0
    assert get(client, one).status_code == 200
    for _number in range(3):
        assert get(client, one, **known).status_code == 304
        assert client.head(one).status_code == 200
    assert downloads() == 1
    assert get(client, one, place=OTHER, **known).status_code == 404
    assert client.head(one, REMOTE_ADDR=OTHER).status_code == 404


def test_an_empty_file_counts_each_time(as_owner, client, keep):
    file = keep("empty.txt", b"")
    address = f"{make(as_owner, file, limit='2')}{file.pk}/"
    assert [get(client, address).status_code for _n in range(3)] == [200, 200, 404]


def test_a_receipt_is_for_one_file(as_owner, client, keep):
    first, second = keep("a.txt", BODY), keep("b.txt", BODY)
    path = make(as_owner, first, second, limit="1")
    get(client, f"{path}{first.pk}/")
    assert get(client, f"{path}{second.pk}/", "bytes=100-").status_code == 404
    assert get(client, f"{path}zip/").status_code == 404


def test_a_zip_counts_once_for_who_was_cut(as_owner, client, keep):
    path = make(as_owner, keep("a.bin", bytes(MIB)), keep("b.bin", bytes(MIB)), limit="1")
    head = client.head(f"{path}zip/")
    assert int(head.headers["Content-Length"]) > 2 * MIB
    assert head.getvalue() == b""
    cut(client.get(f"{path}zip/"))
    assert len(get(client, f"{path}zip/").read) > 2 * MIB
    assert get(client, f"{path}zip/").status_code == 404
    assert downloads() == 1


def test_a_receipt_ends_and_is_swept_up(client, one):
    get(client, one)
    Receipt.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert get(client, one, "bytes=100-").status_code == 404
    call_command("sweep", verbosity=0)
    assert Receipt.objects.count() == 0


def test_without_an_address_nobody_goes_on(client, one):
    assert get(client, one, place="").status_code == 200
    assert get(client, one, "bytes=100-", place="").status_code == 404


def test_a_device_may_change_its_address_within_its_network(client, one):
    get(client, one, place="2001:db8:1:2::5")
    assert get(client, one, "bytes=100-", place="2001:db8:1:2::77").status_code == 206
    assert get(client, one, "bytes=100-", place="2001:db8:1:3::5").status_code == 404


def test_no_address_is_kept(client, one):
    get(client, one, place=OTHER)
    values = Receipt.objects.values().get()
    assert OTHER not in str(values)


def test_with_a_limit_camp_sends_the_bytes_itself(as_owner, client, keep, settings):
    settings.X_ACCEL_REDIRECT = "/protected/"
    file = keep("letters.bin", BODY)
    limited = f"{make(as_owner, file, limit='1')}{file.pk}/"
    assert get(client, limited).read == BODY
    assert get(client, limited).status_code == 404
    free = f"{make(as_owner, file)}{file.pk}/"
    for wanted in ("", "bytes=50-", "Bytes=120-130"):
        assert get(client, free, wanted).headers["X-Accel-Redirect"].startswith("/protected/")
    assert Share.objects.get(limit=None).downloads == 1


def test_a_store_that_sends_the_bytes_counts_too(as_owner, client, keep, settings, object_store):
    settings.S3_PRESIGNED_DOWNLOADS = 60
    file = keep("letters.bin", BODY)
    free = f"{make(as_owner, file)}{file.pk}/"
    assert [client.get(free).status_code for _n in range(2)] == [302, 302]
    assert Share.objects.get().downloads == 2
    limited = f"{make(as_owner, file, limit='1')}{file.pk}/"
    assert get(client, limited).read == BODY
    assert get(client, limited).status_code == 404
