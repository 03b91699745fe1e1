"""Exports of the admin's lists."""

import csv
import io
import json
import logging
from datetime import UTC, datetime

import pytest
from django.contrib import admin
from django.core.signals import request_finished
from django.db import close_old_connections

from camp.admin import export
from files.models import File, Share
from sessions_app.models import Message, Session
from tests.admin_pages import act, browser, changelist, helper, names

MODELS = [one._meta.label_lower.replace(".", "_") for one in admin.site._registry]


@pytest.fixture
def as_organiser(organiser):
    return browser(organiser)


def make_file(user, filename, **fields):
    values = {"size": 1, "storage_path": f"aa/bb/{filename[:20]}"} | fields
    return File.objects.create(user=user, filename=filename, **values)


def fetch(client, model, suffix="csv", query=""):
    """Return the bytes of an export."""
    response = client.get(f"{changelist(model)}export.{suffix}{query}")
    assert response.status_code == 200
    return b"".join(response.streaming_content)


def rows_of(content):
    """Return the lines of a CSV file."""
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))


def test_the_filtered_list_is_exported_with_ids_and_raw_values(as_organiser, owner, stranger):
    file = make_file(owner, "plan.txt", size=1_234_567, content_type="text/plain")
    File.objects.update(created_at=datetime(2026, 11, 28, 3, 4, 5, tzinfo=UTC))
    make_file(stranger, "other.txt")
    response = as_organiser.get(f"{changelist('files_file')}export.csv?user__id__exact={owner.pk}")
    assert response["Content-Disposition"].startswith('attachment; filename="camp-file-20')
    content = b"".join(response.streaming_content)
    assert content.startswith(b"\xef\xbb\xbf")
    (head, row) = rows_of(content)
    assert (
        dict(zip(head, row, strict=True)).items()
        >= {
            "ID": str(file.pk),
            "Name": "plan.txt",
            "User": "owner",
            "Size in bytes": "1234567",
            "Uploaded": "2026-11-28T12:04:05+09:00",
        }.items()
    )
    assert b",1234567," in content  # a number for spreadsheets
    (row,) = json.loads(fetch(as_organiser, "files_file", "json", "?q=plan"))
    assert (row["id"], row["size"], row["user"]) == (file.pk, 1_234_567, "owner")


def test_titles_are_in_the_readers_language_and_keys_are_not(as_organiser, owner):
    make_file(owner, "plan.txt")
    as_organiser.defaults["HTTP_ACCEPT_LANGUAGE"] = "ja"
    assert "名前" in rows_of(fetch(as_organiser, "files_file"))[0]
    assert "filename" in json.loads(fetch(as_organiser, "files_file", "json"))[0]


@pytest.mark.parametrize(
    "start", ["=1+1", "+1", "-1", "@SUM(1)", " =1", "\t=1", "\r=1", "\n1", "＝1"]
)
def test_no_text_is_a_formula(as_organiser, owner, start):
    session = Session.objects.create(user=owner)
    Message.objects.create(session=session, role="user", content=f'{start}"x",=2\n=3')
    text = fetch(as_organiser, "sessions_app_message").decode("utf-8-sig")
    (_head, row) = csv.reader(io.StringIO(text, newline=""))
    assert row[1] == f'\'{start}"x",=2\n=3'


def test_the_selected_rows_are_exported(as_organiser, owner):
    first, _second = make_file(owner, "a.txt"), make_file(owner, "b.txt")
    for suffix in ("csv", "json"):
        response = act(as_organiser, "files_file", f"export_{suffix}", first)
        text = b"".join(response.streaming_content).decode()
        assert "a.txt" in text
        assert "b.txt" not in text


@pytest.mark.parametrize("model", MODELS)
def test_every_list_has_exports_for_those_who_may_view_it(as_organiser, organiser, model):
    for suffix in ("csv", "json"):
        assert f"export.{suffix}" in as_organiser.get(changelist(model)).content.decode()
        assert organiser.password not in fetch(as_organiser, model, suffix).decode()
        response = browser(helper(name=f"h{suffix}")).get(f"{changelist(model)}export.{suffix}")
        assert response.status_code == 403


def test_what_one_may_not_view_is_not_exported(owner):
    file = make_file(owner, "plan.txt")
    share = Share.objects.create(user=owner, password="pbkdf2", expires_at="2100-01-01T00:00Z")
    share.files.add(file)
    client = browser(helper("files.view_file", "files.view_share"))
    for model in ("files_file", "files_share"):
        text = fetch(client, model).decode()
        assert "owner" in text
        assert not any(secret in text for secret in (owner.email, share.nonce, "pbkdf2"))
    assert len(rows_of(fetch(client, "files_file", query="?q=owner@example.org"))) == 1


@pytest.mark.parametrize(
    ("name", "status"),
    [("export.xml", 404), ("export.csv?size__gt=1", 400), ("export.json?q=" + "x" * 201, 400)],
)
def test_a_wrong_address_is_refused(as_organiser, name, status):
    assert as_organiser.get(changelist("files_file") + name).status_code == status
    assert as_organiser.post(changelist("files_file") + name).status_code in (404, 405)


def test_a_long_list_is_read_in_chunks(as_organiser, owner, monkeypatch):
    monkeypatch.setattr(export, "CHUNK", 3)
    files = [make_file(owner, f"{number}.txt") for number in range(7)]
    found = json.loads(fetch(as_organiser, "files_file", "json"))
    assert [row["id"] for row in found] == [file.pk for file in reversed(files)]
    response = as_organiser.get(f"{changelist('files_file')}export.csv")
    pieces = list(response.streaming_content)
    assert len(pieces) > 3


@pytest.mark.parametrize(
    "query",
    ["?q=plan", "?q=owner", "?o=-1&trash=no", "?trash=no", "?q=p&o=5", "?q=plan&kind=other"],
)
def test_an_export_has_the_rows_of_the_list_in_its_order(as_organiser, owner, monkeypatch, query):
    monkeypatch.setattr(export, "CHUNK", 3)
    for number in (3, 1, 4, 0, 2, 5, 6):
        make_file(owner, f"plan {number}", size=number % 3)
        make_file(owner, f"other {number}", deleted_at=datetime(2026, 1, 1, tzinfo=UTC))
    listed = names(as_organiser.get(changelist("files_file", query)))
    found = json.loads(fetch(as_organiser, "files_file", "json", query))
    assert len(found) >= 7
    assert [row["id"] for row in found] == listed


def test_only_some_run_at_once_and_a_closed_one_makes_room(as_organiser, owner):
    make_file(owner, "plan.txt")
    address = f"{changelist('files_file')}export.csv"
    running = [as_organiser.get(address) for _ in range(export.AT_ONCE)]
    response = as_organiser.get(address)
    assert response.status_code == 503
    assert int(response["Retry-After"]) > 0
    request_finished.disconnect(close_old_connections)  # as Django's test client does
    running.pop().close()  # the client is gone and has read nothing
    request_finished.connect(close_old_connections)
    assert b"plan.txt" in fetch(as_organiser, "files_file")
    b"".join(running.pop().streaming_content)


def test_the_log_names_neither_rows_nor_searches(as_organiser, owner, caplog):
    make_file(owner, "plan.txt")
    with caplog.at_level(logging.INFO):
        fetch(as_organiser, "files_file", query="?q=plan")
    assert "exports files.File as csv" in caplog.text
    assert "plan" not in caplog.text
