"""Uploading through the form, as a browser does it with and without JavaScript."""

import hashlib
import json
import re
import unicodedata

import pytest
from django.contrib.messages import get_messages
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from files.models import File
from sessions_app.models import Session
from tests.files.conftest import browser, part, stored

URL = "/files/upload/"
JSON = {"accept": "application/json"}


def notes(response):
    return [str(message) for message in get_messages(response.wsgi_request)]


def sent_as(name, content=b"x", field="files"):
    """Return a multipart body with a file name exactly as given, in UTF-8."""
    head = f'--B\r\nContent-Disposition: form-data; name="{field}"; filename="{name}"\r\n\r\n'
    return head.encode() + content + b"\r\n--B--\r\n"


def post_raw(client, body, **headers):
    return client.post(URL, body, content_type="multipart/form-data; boundary=B", headers=headers)


def test_the_form_is_shown(as_owner):
    response = as_owner.get(URL)
    assert response.status_code == 200
    page = response.content.decode()
    assert 'enctype="multipart/form-data"' in page
    # A file that is refused half-way must not keep the token from being read.
    assert page.index("csrfmiddlewaretoken", page.index("data-upload")) < page.index('type="file"')


def texts_of(page):
    """Return what a page has for the scripts of the upload form to say."""
    config = re.search(r'<script id="upload-config" type="application/json">(.*?)</script>', page)
    return json.loads(config[1])["texts"]


def test_that_it_is_uploaded_is_not_worded_like_the_time_of_it(as_owner, keep):
    japanese = {"accept-language": "ja"}
    form = as_owner.get(URL, headers=japanese).content.decode()
    assert texts_of(form)["done"] == "アップロード済み"
    page = as_owner.get(keep().get_absolute_url(), headers=japanese).content.decode()
    assert "アップロード日時" in page


def test_one_file_is_kept(as_owner, owner):
    response = as_owner.post(URL, {"files": part("報告.pdf", b"content", "application/pdf")})
    assert (response.status_code, response.url) == (302, "/files/")
    assert notes(response) == ["“報告.pdf” was uploaded."]
    file = File.objects.get()
    assert (file.user, file.filename, file.size) == (owner, "報告.pdf", 7)
    assert (file.content_type, file.session) == ("application/pdf", None)
    assert file.sha256 == hashlib.sha256(b"content").hexdigest()
    assert stored() == {file.storage_path: b"content"}


def test_many_files_are_kept(as_owner):
    response = as_owner.post(URL, {"files": [part("1.txt", b"1"), part("2.txt", b"22")]})
    assert notes(response) == ["2 files were uploaded."]
    kept = {file.filename: stored()[file.storage_path] for file in File.objects.all()}
    assert kept == {"1.txt": b"1", "2.txt": b"22"}


def test_an_empty_file_is_a_file(as_owner):
    as_owner.post(URL, {"files": part("empty", b"")})
    file = File.objects.get()
    assert (file.size, file.sha256) == (0, hashlib.sha256(b"").hexdigest())
    assert as_owner.get(f"/files/{file.pk}/download/").getvalue() == b""


def test_it_goes_into_the_session(as_owner, session):
    response = as_owner.post(URL, {"session": session.session_id, "files": part()})
    assert response.url == session.get_absolute_url()
    assert File.objects.get().session == session


def test_the_page_offers_the_session_of_its_address(as_owner, session):
    response = as_owner.get(f"{URL}?session={session.session_id}")
    assert f'value="{session.session_id}"' in response.content.decode()


@pytest.mark.parametrize("session_id", ["missing", "x" * 300, "a\x00b"])
def test_a_session_that_is_not_there_is_not_found(as_owner, session_id):
    response = as_owner.post(URL, {"session": session_id, "files": part()})
    assert response.status_code == 404
    assert stored() == {}


def test_a_session_of_somebody_else_is_not_found(as_owner, foreign_session):
    data = {"session": foreign_session.session_id, "files": part()}
    response = as_owner.post(URL, data)
    assert response.status_code == 404
    assert stored() == {}
    assert as_owner.get(URL, {"session": foreign_session.session_id}).status_code == 404


def test_a_session_in_the_trash_is_not_found(as_owner, session):
    session.trash()
    response = as_owner.post(URL, {"session": session.session_id, "files": part()})
    assert response.status_code == 404


def test_strangers_log_in_first_and_leave_no_bytes(client, db):
    response = client.post(URL, {"files": part()})
    assert response.url == f"/accounts/login/?next={URL}"
    assert client.get(URL).url == f"/accounts/login/?next={URL}"
    assert stored() == {}


def test_strangers_get_json_if_they_ask_for_it(client, db):
    response = client.post(URL, {"files": part()}, headers=JSON)
    assert response.status_code == 401
    assert response.json()["files"] == []
    assert "Log in" in response.json()["errors"][0]["message"]


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_other_verbs_are_refused(as_owner, method):
    assert getattr(as_owner, method)(URL).status_code == 405


def test_without_its_token_a_form_is_refused(owner):
    client = browser(owner, enforce_csrf_checks=True)
    response = client.post(URL, {"files": part()})
    assert response.status_code == 403
    assert stored() == {}
    assert not File.objects.exists()


@pytest.mark.parametrize("where", ["field", "header"])
def test_the_token_is_taken_from_the_form_and_from_the_header(owner, where):
    client = browser(owner, enforce_csrf_checks=True)
    client.get(URL)
    token = client.cookies["csrftoken"].value
    if where == "field":
        response = client.post(URL, {"csrfmiddlewaretoken": token, "files": part()})
    else:
        response = client.post(URL, {"files": part()}, headers={"x-csrftoken": token})
    assert response.status_code == 302
    assert File.objects.count() == 1


@pytest.mark.parametrize("data", [{}, {"files": ""}, {"other": "x"}, {"picture": part()}], ids=str)
def test_a_form_without_files_says_so(as_owner, data):
    response = as_owner.post(URL, data)
    assert response.status_code == 400
    assert "Choose at least one file." in response.content.decode()
    assert stored() == {}


def test_a_body_that_is_no_form_says_so_too(as_owner):
    response = as_owner.post(URL, b"hello", content_type="text/plain")
    assert response.status_code == 400


@pytest.mark.parametrize("body", [b"garbage", b"", b"--B\r\n", b"--B--\r\n"])
def test_a_damaged_form_is_refused(as_owner, body):
    assert post_raw(as_owner, body).status_code == 400


def test_a_form_that_ends_inside_a_file_keeps_nothing_of_it(as_owner):
    body = sent_as("whole.txt")[:-4] + b"\r\n" + sent_as("cut.txt", b"y" * 5000)[:-1000]
    response = post_raw(as_owner, body)
    page = response.content.decode()
    assert "cut.txt" not in {file.filename for file in File.objects.all()}
    assert ("cut.txt" in page) or response.status_code == 302
    assert len(stored()) == File.objects.count()


def test_javascript_gets_json(as_owner):
    response = as_owner.post(URL, {"files": [part("a.txt"), part("b.txt", b"22")]}, headers=JSON)
    assert response.status_code == 201
    files = list(File.objects.order_by("pk"))
    assert response.json() == {
        "files": [
            {
                "id": file.pk,
                "name": file.filename,
                "folder": "",
                "size": file.size,
                "url": f"/files/{file.pk}/",
                "same_as": None,
            }
            for file in files
        ],
        "errors": [],
    }


def test_javascript_gets_errors_as_json(as_owner):
    response = as_owner.post(URL, headers=JSON)
    assert response.status_code == 400
    message = "Choose at least one file."
    assert response.json() == {"files": [], "errors": [{"name": "", "message": message}]}


NAMES = {
    "資料　最終版.pdf": "資料　最終版.pdf",
    unicodedata.normalize("NFD", "ガイド.txt"): "ガイド.txt",
    "👩‍👩‍👧‍👦 family.png": "👩‍👩‍👧‍👦 family.png",
    "تقرير.pdf": "تقرير.pdf",
    "CON.txt": "CON.txt",
    "a:b?.txt": "a:b?.txt",
    "a&amp;b.txt": "a&amp;b.txt",
    "say %22hi%22.txt": 'say "hi".txt',
    "two%0D%0Alines.txt": "two lines.txt",
    "100%.txt": "100%.txt",
    "C:\\\\photos\\\\海.jpg": "海.jpg",
    "folder/inner/海.jpg": "海.jpg",
    "\u202egpj.exe": "gpj.exe",
    "..": "file",
    "a" * 300 + ".txt": "a" * 251 + ".txt",
}


@pytest.mark.machine
@pytest.mark.parametrize(("sent", "kept"), NAMES.items(), ids=lambda name: ascii(name)[:40])
def test_names_keep_what_they_are_made_of(as_owner, sent, kept):
    assert post_raw(as_owner, sent_as(sent)).status_code == 302
    assert File.objects.get().filename == kept


def test_a_file_whose_type_is_not_told_gets_one_from_its_name(as_owner):
    post_raw(as_owner, sent_as("a.png"))
    assert File.objects.get().content_type == "image/png"


@pytest.mark.slow
@pytest.mark.folder  # about 1,000 requests
def test_a_thousand_small_files_in_one_form(as_owner):
    parts = [part(f"{number}.txt", str(number).encode()) for number in range(1000)]
    response = as_owner.post(URL, {"files": parts})
    assert notes(response) == ["1000 files were uploaded."]
    bytes_by_path = stored()
    kept = {file.filename: bytes_by_path.pop(file.storage_path) for file in File.objects.all()}
    assert kept == {f"{number}.txt": str(number).encode() for number in range(1000)}
    assert bytes_by_path == {}


def test_queries_do_not_grow_with_the_files(as_owner, session):
    def count_queries(files):
        data = {"session": session.session_id, "files": [part() for _ in range(files)]}
        with CaptureQueriesContext(connection) as queries:
            as_owner.post(URL, data)
        return len(queries)

    count_queries(1)
    few, many = count_queries(1), count_queries(40)
    assert few == many
    # The log-in and its user; the limit of their room, before and after; the session; insert and
    # touch, and their transaction of two; earlier files with the same content.
    assert many <= 10


def test_other_pages_take_no_files(as_owner, file):
    as_owner.post(f"/files/{file.pk}/rename/", {"filename": "b.txt", "files": part()})
    assert list(stored()) == [file.storage_path]


def test_anonymous_clients_without_a_session_are_fine(db):
    assert Client().get(URL).status_code == 302
    assert not Session.objects.exists()
