"""What people call things: visible, on one line, and normalised in no time."""

import base64
import io
import time
import zipfile

import pytest
from django.contrib.auth.models import Group
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client

from sessions_app.models import Session
from tests.admin_pages import browser
from tests.conftest import PASSWORD

# A space, a letter that is drawn as one, a tag, a control.
INVISIBLE = ["\u00a0", "\u3164", "\U000e0041\U000e0042", "\u202e"]
OTHERS = ["\u2800", "\u2060", "\u00ad", "\ufe0f"]
MARKS = "a" + "\u0344" * 33_000 + "\u0327" * 66_900


@pytest.fixture
def as_owner(owner):
    return browser(owner)


@pytest.fixture
def session(owner):
    return Session.objects.create(user=owner, title="Camp")


@pytest.mark.machine
@pytest.mark.parametrize("name", INVISIBLE)
class TestInvisibleNames:
    def test_a_session_keeps_its_title(self, as_owner, session, name):
        response = as_owner.post(f"/sessions/{session.session_id}/rename/", {"title": name})
        session.refresh_from_db()
        assert (response.status_code, session.title) == (200, "Camp")

    def test_an_organiser_gives_none(self, organiser, session, name):
        address = f"/admin/sessions_app/session/{session.pk}/change/"
        data = {"title": name, "user": session.user_id, "messages-TOTAL_FORMS": 0}
        browser(organiser).post(address, data | {"messages-INITIAL_FORMS": 0})
        session.refresh_from_db()
        assert session.title in ("Camp", "")

    def test_a_file_keeps_its_name(self, as_owner, owner, name):
        as_owner.post("/files/upload/", {"files": SimpleUploadedFile("a.txt", b"x")})
        file = owner.files.get()
        as_owner.post(f"/files/{file.pk}/rename/", {"filename": name})
        file.refresh_from_db()
        assert file.filename == "a.txt"

    def test_an_organiser_does_not_rename_a_file_so(self, organiser, owner, name):
        browser(owner).post("/files/upload/", {"files": SimpleUploadedFile("a.txt", b"x")})
        file = owner.files.get()
        data = {"filename": name, "user": owner.pk, "session": ""}
        response = browser(organiser).post(f"/admin/files/file/{file.pk}/change/", data)
        file.refresh_from_db()
        assert (response.status_code, file.filename) == (200, "a.txt")

    def test_an_upload_is_called_file(self, as_owner, owner, name):
        as_owner.post("/files/upload/", {"files": SimpleUploadedFile(name, b"x")})
        metadata = f"filename {base64.b64encode(name.encode()).decode()}"
        headers = {"Tus-Resumable": "1.0.0", "Upload-Length": "0", "Upload-Metadata": metadata}
        as_owner.post("/uploads/", content_type="application/offset+octet-stream", headers=headers)
        assert set(owner.files.values_list("filename", flat=True)) == {"file"}

    def test_nobody_is_called_so(self, db, name):
        data = {
            "username": name,
            "email": "a@example.org",
            "password1": PASSWORD,
            "password2": PASSWORD,
        }
        assert Client().post("/accounts/signup/", data).status_code == 200

    def test_no_administrator_is_called_so(self, db, name):
        with pytest.raises(CommandError):
            call_command("createsuperuser", "--noinput", username=name, email="a@example.org")

    def test_no_group_is_called_so(self, organiser, name):
        before = Group.objects.count()
        response = browser(organiser).post("/admin/auth/group/add/", {"name": name})
        assert (response.status_code, Group.objects.count()) == (200, before)


@pytest.mark.machine
@pytest.mark.parametrize("name", [*INVISIBLE, *OTHERS])
def test_a_new_session_with_an_invisible_title_has_none(as_owner, owner, name):
    as_owner.post("/sessions/new/", {"title": name})
    assert owner.sessions.get().title == ""


# Newer than Python 3.11's Unicode: an emoji and a kanji. And a character for private use.
NEWER = ["\U0001fae9", "\U00031350", "\ue000"]


@pytest.mark.parametrize("text", NEWER)
def test_what_this_python_does_not_know_is_no_blank(as_owner, owner, text):
    as_owner.post("/sessions/new/", {"title": text})
    session = owner.sessions.get()
    as_owner.post(f"/sessions/{session.session_id}/messages/", {"content": text})
    as_owner.post("/files/upload/", {"files": SimpleUploadedFile(f"{text}", b"x")})
    assert session.title == text
    assert session.messages.get().content == text
    assert owner.files.get().filename == text


FLAG, HAND = "\U0001f1ef\U0001f1f5", "\U0001f44b\U0001f3fd"


@pytest.mark.parametrize(
    ("name", "whole"),
    [
        (FLAG * 100, FLAG),
        ("a" + FLAG * 100 + ".txt", FLAG),
        (HAND * 100, HAND),
        # One letter with as many vowel signs as fit.
        ("\u0915" + "\u093e" * 254, "\u093e"),
        ("\u0915" + "\u093e" * 250 + ".txt", "\u093e"),
        ("漢." * 63 + "ab." + "漢" * 30, ""),
    ],
)
def test_a_name_is_cut_between_characters_as_they_are_drawn(as_owner, owner, name, whole):
    for _copy in "ab":
        as_owner.post("/files/upload/", {"files": SimpleUploadedFile(name, b"x")})
    ids = owner.files.values_list("pk", flat=True)
    response = as_owner.post("/files/selection/", {"action": "zip", "id": list(ids)}, follow=True)
    entries = zipfile.ZipFile(io.BytesIO(b"".join(response.streaming_content))).namelist()
    assert len(set(entries)) == 2
    for entry in entries:
        stem = entry.removesuffix(".txt").removesuffix(" (2)")
        assert 150 < len(entry.encode()) <= 255
        assert entry.endswith(".txt") == name.endswith(".txt")
        assert stem.endswith(whole)
        assert not entry.endswith(".")  # Windows drops it
        assert stem.count(FLAG[0]) == stem.count(FLAG[1])


def test_names_of_groups_cannot_be_reordered(organiser):
    browser(organiser).post("/admin/auth/group/add/", {"name": "a\u202eb \u2066"})
    assert Group.objects.latest("pk").name == "ab"


def test_the_text_to_search_in_stays_in_proportion(as_owner, session):
    # Each of them stands for a phrase of 18 characters.
    data = {"content": "\ufdfa" * 10_000}
    as_owner.post(f"/sessions/{session.session_id}/messages/", data)
    assert len(session.messages.get().search_text) == 40_000
    found = as_owner.get("/sessions/", {"q": "صلى"}).context["page"].rows
    assert [row.id for row in found] == [session.pk]


def test_titles_cannot_be_reordered(as_owner, owner):
    as_owner.post("/sessions/new/", {"title": "a\u202egpj.exe\u2066 \nb"})
    assert owner.sessions.get().title == "agpj.exe b"


def test_a_title_from_a_message_cannot_be_reordered(as_owner, owner):
    session = Session.objects.create(user=owner)
    as_owner.post(f"/sessions/{session.session_id}/messages/", {"content": "a\u202egpj.exe"})
    session.refresh_from_db()
    assert session.title == "agpj.exe"


def test_names_in_a_zip_have_at_most_255_bytes_and_are_distinct(as_owner, owner):
    names = ["漢" * 251 + ".txt", "con." + "x" * 251, "CON." + "x" * 251]
    for name in [*names, *names]:
        as_owner.post("/files/upload/", {"files": SimpleUploadedFile(name, b"x")})
    ids = owner.files.values_list("pk", flat=True)
    response = as_owner.post("/files/selection/", {"action": "zip", "id": list(ids)}, follow=True)
    entries = zipfile.ZipFile(io.BytesIO(b"".join(response.streaming_content))).namelist()
    assert len({entry.casefold() for entry in entries}) == 6
    assert all(len(entry.encode()) <= 255 for entry in entries)
    assert {entry.rpartition(".")[2][:3] for entry in entries} == {"txt", "xxx"}


@pytest.mark.parametrize(
    ("address", "data"),
    [
        ("/sessions/new/", {"title": MARKS}),
        ("/sessions/{session}/messages/", {"content": MARKS}),
        ("/sessions/{session}/rename/", {"title": MARKS * 3}),
        ("/accounts/login/", {"username": MARKS, "password": "x"}),
        ("/accounts/signup/", {"username": MARKS, "email": f"{MARKS}@example.org"}),
        ("/accounts/password/reset/", {"email": f"{MARKS}@example.org"}),
        ("/accounts/profile/", {"username": MARKS, "email": f"{MARKS}@example.org"}),
        ("/admin/sessions_app/session/{pk}/change/", {"title": MARKS}),
        ("/admin/accounts/user/add/", {"username": MARKS, "email": MARKS}),
        ("GET /files/", {"q": MARKS}),
        ("GET /sessions/", {"q": MARKS}),
        ("GET /admin/files/file/", {"q": MARKS}),
    ],
)
def test_runs_of_combining_marks_take_no_time(organiser, address, data):
    session = Session.objects.create(user=organiser, title="Camp")
    client = Client() if "login" in address or "signup" in address else browser(organiser)
    method, _space, path = address.rpartition(" ")
    path = path.format(session=session.session_id, pk=session.pk)
    started = time.process_time()
    response = (client.get if method else client.post)(path, data)
    assert response.status_code < 500
    # 18 s for each normalisation, in which nobody else was answered.
    assert time.process_time() - started < 5
