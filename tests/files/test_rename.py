"""Renaming a file."""

import unicodedata

import pytest
from django.contrib.messages import get_messages

from files.models import File
from tests.files.conftest import browser


def rename(client, file, filename, **data):
    return client.post(f"/files/{file.pk}/rename/", {"filename": filename, **data})


def test_a_file_gets_its_new_name(as_owner, file):
    response = rename(as_owner, file, "報告　書.md")
    assert (response.status_code, response.url) == (302, f"/files/{file.pk}/")
    assert [str(note) for note in get_messages(response.wsgi_request)] == [
        "The file is now called “報告　書.md”."
    ]
    file.refresh_from_db()
    assert file.filename == "報告　書.md"
    assert list(File.objects.search("報告")) == [file]
    assert not File.objects.search("notes")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (unicodedata.normalize("NFD", "ガイド"), "ガイド"),
        ("  a  b ", "a  b"),
        ("a\u202eb", "ab"),
        ("x" * 255, "x" * 255),
        ("CON.txt", "CON.txt"),
    ],
)
def test_names_are_cleaned(as_owner, file, given, kept):
    assert rename(as_owner, file, given).status_code == 302
    file.refresh_from_db()
    assert file.filename == kept


@pytest.mark.parametrize(
    "given", ["", "   ", "\u3000", ".", "..", "a/b", "a\\b", "x" * 256, "\u202e"]
)
def test_what_is_no_name_is_refused(as_owner, file, given):
    response = rename(as_owner, file, given)
    assert response.status_code == 400
    assert response.context["form"].errors["filename"]
    file.refresh_from_db()
    assert file.filename == "notes.txt"
    assert "<h1>" in response.content.decode()


def test_it_leads_back_where_it_was_asked_from(as_owner, file):
    assert rename(as_owner, file, "a", next="/files/?q=a").url == "/files/?q=a"


@pytest.mark.parametrize("address", ["https://evil.example/", "//evil.example", "javascript:x"])
def test_it_leads_nowhere_else(as_owner, file, address):
    assert rename(as_owner, file, "a", next=address).url == f"/files/{file.pk}/"


def test_somebody_elses_file_is_not_found(as_stranger, file):
    assert rename(as_stranger, file, "mine").status_code == 404
    file.refresh_from_db()
    assert file.filename == "notes.txt"


def test_strangers_log_in_first(client, file):
    assert rename(client, file, "a").url.startswith("/accounts/login/")


def test_without_its_token_a_form_is_refused(owner, file):
    assert rename(browser(owner, enforce_csrf_checks=True), file, "a").status_code == 403


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
def test_other_verbs_are_refused(as_owner, file, method):
    assert getattr(as_owner, method)(f"/files/{file.pk}/rename/").status_code == 405
