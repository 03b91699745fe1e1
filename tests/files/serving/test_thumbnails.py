"""Thumbnails are made beside the requests, which never wait long for them."""

import io
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from PIL import Image

from camp.fs.locks import try_lock
from files.serving import thumbnails
from tests.files.conftest import browser
from tests.files.serving.test_previews import page, picture
from tests.files.wire import Browser, until

pytestmark = pytest.mark.machine


@pytest.fixture
def slow(monkeypatch):
    """Have each thumbnail take until the returned Event is set; requests do not wait at all."""
    release, calls = threading.Event(), []
    make = thumbnails.run_thumbnailer

    def wait_and_make(source, target):
        calls.append(source)
        release.wait(30)
        return make(source, target)

    monkeypatch.setattr("files.serving.thumbnails.run_thumbnailer", wait_and_make)
    monkeypatch.setattr("files.serving.thumbnails.MAX_WAIT", 0)
    release.calls = calls
    yield release
    release.set()
    until(lambda: not thumbnails.queue._jobs, 60)


def ask(client, file):
    return client.get(f"/files/{file.pk}/thumbnail/")


def is_made(client, file):
    return ask(client, file).status_code == 200


def pictures(keep, count, **fields):
    """Return files with different pictures."""
    return [
        keep(f"{number}.png", picture(size=(number + 2, 2)), content_type="image/png", **fields)
        for number in range(count)
    ]


def test_a_picture_comes_later_where_it_takes_long(as_owner, keep, slow):
    [file] = pictures(keep, 1)
    response = ask(as_owner, file)
    assert response.status_code == 202
    assert response.headers["Cache-Control"] == "no-store"
    assert 1 <= int(response.headers["Retry-After"]) <= 5
    assert response.headers["Content-Type"] == "image/svg+xml"
    assert response.headers["Content-Security-Policy"].startswith("sandbox")
    assert f'src="/files/{file.pk}/thumbnail/"' in page(as_owner, file)
    slow.set()
    until(lambda: is_made(as_owner, file))
    response = ask(as_owner, file)
    assert response.headers["Content-Type"] == "image/webp"
    assert "max-age" in response.headers["Cache-Control"]


def test_no_request_waits_for_one_of_many(as_owner, keep, slow):
    files = pictures(keep, 8)
    assert {ask(as_owner, file).status_code for file in files} == {202}
    slow.set()
    until(lambda: all(is_made(as_owner, file) for file in files), 60)


def test_only_a_few_requests_wait_a_moment(as_owner, keep, slow, monkeypatch):
    monkeypatch.setattr("files.serving.thumbnails.MAX_WAIT", 60)
    monkeypatch.setattr("files.serving.thumbnails.wait_slots", threading.BoundedSemaphore(1))
    [file] = pictures(keep, 1)
    assert thumbnails.wait_slots.acquire(blocking=False)
    assert ask(as_owner, file).status_code == 202


def test_one_persons_pictures_do_not_hold_up_anothers(as_owner, stranger, keep, slow):
    mine = pictures(keep, 5)
    for file in mine:
        ask(as_owner, file)
    until(lambda: slow.calls)
    theirs = pictures(keep, 1, user=stranger)[0]
    assert ask(browser(stranger), theirs).status_code == 202
    until(lambda: len(slow.calls) == 2)
    assert theirs.storage_path in str(slow.calls[1])


def test_the_same_content_is_worked_on_once(as_owner, keep, slow):
    files = [keep(f"{n}.png", picture(), content_type="image/png") for n in range(5)]
    for file in files * 2:
        assert ask(as_owner, file).status_code == 202
    slow.set()
    until(lambda: all(is_made(as_owner, file) for file in files), 60)
    assert len(slow.calls) == 1
    assert len({ask(as_owner, file).getvalue() for file in files}) == 1


def test_no_more_wait_than_a_person_may_have(as_owner, keep, slow, monkeypatch):
    monkeypatch.setattr("files.serving.thumbnails.MAX_QUEUED", 3)
    files = pictures(keep, 6)
    assert {ask(as_owner, file).status_code for file in files} == {202}
    assert len(thumbnails.queue._jobs) <= 4
    slow.set()
    until(lambda: all(is_made(as_owner, file) for file in files), 60)


def test_all_processes_together_make_no_more_at_once(as_owner, keep, slow):
    with ExitStack() as others:
        for number in range(thumbnails.WORKERS):
            assert try_lock(others.enter_context(thumbnails.open_slot(number)))
        [file] = pictures(keep, 1)
        assert ask(as_owner, file).status_code == 202
        time.sleep(0.2)
        assert slow.calls == []
    slow.set()
    until(lambda: is_made(as_owner, file))


def progressive(side=3000):
    """Return a progressive JPEG that takes a while to read."""
    stream = io.BytesIO()
    noise = Image.frombytes("L", (side, side), os.urandom(side * side)).convert("RGB")
    noise.save(stream, "JPEG", quality=85, progressive=True)
    return stream.getvalue()


@pytest.mark.fault
@pytest.mark.slow
def test_thirty_six_at_once_hold_up_nothing_else(make_camp_server):
    server = make_camp_server().start()
    server.make_user("hana")
    hana = Browser(server.base_url, "hana")
    content = progressive()
    named = [(f"{number}.jpg", content + bytes([number])) for number in range(36)]
    sent = hana.upload(*named)[1]["files"]

    def ask_for(file):
        return hana.request("GET", f"/files/{file['id']}/thumbnail/")[0]

    with ThreadPoolExecutor(36) as pool:
        statuses = list(pool.map(ask_for, sent))
    assert hana.request("GET", "/health/live")[0] == 200
    assert set(statuses) <= {200, 202}
    # Were they waited for, all of them would be there.
    assert statuses.count(202) > 20
