"""Room: how much each person has, and that nobody gets more."""

import base64
import threading
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from files.library import quota
from files.models import File, Quota, Reservation, Upload
from tests.files.conftest import part, stored
from tests.files.wire import Browser, answer, until

LIMIT = 1000


@pytest.fixture(autouse=True)
def limit(settings):
    settings.USER_QUOTA = LIMIT


def send(client, *sizes):
    """Upload files of these sizes in one form; returns the JSON answer."""
    files = [part(f"{size}.bin", b"x" * size) for size in sizes]
    address = "/files/upload/"
    return client.post(address, {"files": files}, headers={"accept": "application/json"})


def begin(client, length):
    """Begin a resumable upload; returns the answer."""
    headers = {"Tus-Resumable": "1.0.0", "Upload-Length": str(length)}
    return client.post("/uploads/", content_type="", headers=headers)


def left(user):
    return LIMIT - quota.bytes_used_and_reserved(user.pk)


def test_a_form_that_fits_is_taken_to_the_last_byte(as_owner, owner):
    assert send(as_owner, 400, 600).status_code == 201
    assert left(owner) == 0


def test_what_does_not_fit_is_refused_by_itself(as_owner, owner):
    response = send(as_owner, 700, 400, 300)
    assert response.status_code == 201
    assert [file["name"] for file in response.json()["files"]] == ["700.bin", "300.bin"]
    [error] = response.json()["errors"]
    assert error == {
        "name": "400.bin",
        "message": "There is not enough room: you have 300\u00a0bytes left.",
    }
    assert Reservation.objects.count() == 0
    assert len(stored()) == 2


def test_a_full_library_refuses_in_words(as_owner, keep):
    keep(content=b"x" * LIMIT)
    response = send(as_owner, 1)
    assert response.status_code == 507
    assert "not enough room: you have 0" in response.json()["errors"][0]["message"]
    page = as_owner.post("/files/upload/", {"files": part("a.txt", b"x")})
    assert "not enough room" in page.content.decode()


def test_an_upload_that_may_resume_reserves_all_of_it(as_owner, owner):
    assert begin(as_owner, 600).status_code == 201
    assert left(owner) == 400
    refused = begin(as_owner, 401)
    assert refused.status_code == 507
    assert "400" in refused.content.decode()
    assert Upload.objects.count() == 1
    assert send(as_owner, 401).status_code == 507
    assert begin(as_owner, 400).status_code == 201


def test_what_is_given_up_or_over_makes_room_again(as_owner, owner):
    address = begin(as_owner, LIMIT).headers["Location"]
    as_owner.delete(address, headers={"Tus-Resumable": "1.0.0"})
    assert left(owner) == LIMIT
    begin(as_owner, LIMIT)
    Upload.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    call_command("sweep", verbosity=0)
    assert left(owner) == LIMIT


def test_the_trash_counts_until_it_is_emptied(as_owner, owner, keep):
    keep(content=b"x" * LIMIT).trash()
    assert send(as_owner, 1).status_code == 507
    File.objects.all().delete()
    assert send(as_owner, 1).status_code == 201


def test_a_killed_server_keeps_no_room(as_owner, owner):
    Reservation.objects.create(user=owner, size=LIMIT)
    assert send(as_owner, 1).status_code == 507
    Reservation.objects.update(renewed_at=timezone.now() - timedelta(minutes=61))
    assert send(as_owner, 1).status_code == 201
    call_command("sweep", verbosity=0)
    assert Reservation.objects.count() == 0


@pytest.mark.parametrize(("own", "status"), [(2000, 201), (None, 201), (500, 507), (0, 507)])
def test_somebody_may_have_more_or_less(as_owner, owner, own, status):
    Quota.objects.create(user=owner, limit=own)
    assert send(as_owner, 1000).status_code == status


def test_others_do_not_count(as_owner, as_stranger):
    send(as_stranger, LIMIT)
    assert send(as_owner, LIMIT).status_code == 201


def test_without_a_limit_nothing_is_reserved(as_owner, settings, django_assert_max_num_queries):
    settings.USER_QUOTA = 0
    assert send(as_owner, 5000).status_code == 201
    assert begin(as_owner, 5000).status_code == 201


def test_home_tells_how_much_is_left(as_owner, keep):
    keep(content=b"x" * 250)
    content = as_owner.get("/").content.decode()
    assert "250\u00a0bytes of 1000\u00a0bytes" in content
    assert 'value="25"' in content


def test_all_is_counted_at_one_moment(owner, django_assert_num_queries):
    # What becomes a file between two queries would be in neither.
    with django_assert_num_queries(1):
        assert quota.bytes_used_and_reserved(owner.pk) == 0


@pytest.fixture
def lapsed(monkeypatch):
    """Have no reservation count, as those of forms that stalled for an hour."""
    monkeypatch.setattr("files.library.quota.RESERVATION_EXPIRES", timedelta(seconds=-1))


def meanwhile(monkeypatch, act):
    """Have `act` happen once, after a form was read and before its files are kept."""
    waiting = [act]

    def connection_is_checked():
        if waiting:
            waiting.pop()()

    for view in ("upload", "versions"):
        monkeypatch.setattr(f"files.views.{view}.check_connection", connection_is_checked)


def test_a_form_whose_room_lapsed_looks_for_room_again(as_owner, owner, keep, lapsed, monkeypatch):
    meanwhile(monkeypatch, lambda: keep(content=b"y" * 500))
    response = send(as_owner, 400, 300, 100)
    assert response.status_code == 201
    assert [file["name"] for file in response.json()["files"]] == ["400.bin", "100.bin"]
    [error] = response.json()["errors"]
    assert (error["name"], "you have 100\u00a0bytes left" in error["message"]) == ("300.bin", True)
    assert left(owner) == 0
    assert len(stored()) == 3


def test_new_content_whose_room_lapsed_is_refused(as_owner, owner, keep, lapsed, monkeypatch):
    file = keep(content=b"x" * 300)
    meanwhile(monkeypatch, lambda: keep(content=b"y" * 500))
    response = as_owner.post(f"/files/{file.pk}/replace/", {"files": part("a.txt", b"z" * 400)})
    assert response.status_code == 507
    assert "you have 200\u00a0bytes left" in response.content.decode()
    file.refresh_from_db()
    assert (file.size, file.versions.count(), len(stored())) == (300, 0, 2)


def test_a_whole_upload_fits_or_is_refused(as_owner, owner, keep):
    keep(content=b"x" * 700)
    headers = {
        "Tus-Resumable": "1.0.0",
        "Upload-Length": "400",
        "Content-Type": "application/offset+octet-stream",
    }
    post = {"content_type": headers["Content-Type"], "headers": headers}
    assert as_owner.post("/uploads/", b"x" * 400, **post).status_code == 507
    assert left(owner) == 300


def test_an_upload_ends_only_where_there_is_still_room(as_owner, owner):
    address = begin(as_owner, 600).headers["Location"]
    limit = Quota.objects.create(user=owner, limit=500)
    kind = "application/offset+octet-stream"
    headers = {"Tus-Resumable": "1.0.0", "Upload-Offset": "0"}
    response = as_owner.patch(address, b"x" * 600, content_type=kind, headers=headers)
    assert response.status_code == 507
    assert "not enough room" in response.content.decode()
    assert File.objects.count() == 0
    # The bytes wait for room.
    limit.limit = 600
    limit.save()
    assert as_owner.head(address, headers={"Tus-Resumable": "1.0.0"}).status_code == 200
    assert File.objects.get().size == 600


def test_what_comes_back_from_the_trash_has_kept_its_room(as_owner, owner, keep):
    file = keep(content=b"x" * 600)
    file.trash()
    assert send(as_owner, 401).status_code == 507
    assert send(as_owner, 400).status_code == 201
    as_owner.post(f"/files/{file.pk}/restore/")
    assert left(owner) == 0


@pytest.mark.fault
def test_a_stalled_form_never_passes_the_limit(make_camp_server):
    server = make_camp_server(USER_QUOTA=str(10 * 2**20)).start()
    server.make_user("hana")
    browser = Browser(server.base_url, "hana")
    body = browser.form(("stalled.bin", b"s" * 8 * 2**20))
    wire = browser.begin_upload(len(body))
    wire.sendall(body[:1000])
    until(lambda: server.query("SELECT COUNT(*) FROM camp_reservations") == [(1,)])
    assert browser.upload(("other.bin", b"o" * 7 * 2**20))[0] == 507
    code = "from files.models import Reservation as r; r.objects.update(renewed_at='2020-01-01')"
    server.manage("shell", "-v", "0", "-c", code)
    assert browser.upload(("other.bin", b"o" * 7 * 2**20))[0] == 201
    wire.sendall(body[1000:])
    status, told = answer(wire)
    assert (status, told["files"]) == (507, [])
    assert server.query("SELECT SUM(size) FROM sample_files") == [(7 * 2**20,)]
    assert server.query("SELECT COUNT(*) FROM camp_reservations") == [(0,)]


@pytest.mark.fault
def test_twenty_at_once_never_pass_the_limit(make_camp_server):
    size, limit = 2**20, 10 * 2**20
    server = make_camp_server(USER_QUOTA=str(limit)).start()
    server.make_user("hana")
    browser = Browser(server.base_url, "hana")
    token = browser.cookies["csrftoken"].value
    name = base64.b64encode(b"a.bin").decode()
    tus = {
        "Tus-Resumable": "1.0.0",
        "X-CSRFToken": token,
        "Upload-Length": str(size),
        "Content-Type": "application/offset+octet-stream",
        "Upload-Metadata": f"filename {name}",
    }
    statuses = []

    def by_form():
        statuses.append(browser.upload(("a.bin", b"x" * size))[0])

    def by_tus():
        statuses.append(browser.request("POST", "/uploads/", b"x" * size, tus)[0])

    threads = [threading.Thread(target=(by_form, by_tus)[number % 2]) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(statuses) == {201, 507}
    [(count, total)] = server.query("SELECT COUNT(*), SUM(size) FROM sample_files")
    assert count == statuses.count(201)
    # A form asks for a little more than its files need, so the last place may stay free.
    assert limit - size <= total <= limit
    assert server.query("SELECT COUNT(*) FROM camp_reservations") == [(0,)]


def test_the_profile_tells_what_is_used_and_left(as_owner, owner, keep):
    Quota.objects.create(user=owner, limit=3072)
    keep(content=b"x" * 1024)
    page = as_owner.get("/accounts/profile/").content.decode().replace("\xa0", " ")
    assert "Your files use 1 KiB of 3 KiB." in page
    assert "2 KiB left." in page
    Quota.objects.update(limit=1024)
    assert "No storage is left." in as_owner.get("/accounts/profile/").content.decode()
