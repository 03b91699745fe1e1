"""Sample data: believable, each row with its bytes."""

import csv
import hashlib
import io
import re
import unicodedata
import wave
from datetime import timedelta
from io import StringIO

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.db import DatabaseError
from django.utils import timezone, translation
from PIL import Image

from camp.db.search_text import normalize_for_search
from camp.operations import demo
from camp.operations.database import environment, server
from camp.operations.demo.contents import KINDS, make_content
from files import sweep
from files.models import File, FileQuerySet
from files.storage import backend, staging
from sessions_app.models import Member, Message, Session
from tests.files.conftest import browser, stored

pytestmark = pytest.mark.django_db


def fill(*arguments, users=3, sessions=6, files=20):
    out = StringIO()
    sizes = ("--users", str(users), "--sessions", str(sessions), "--files", str(files))
    call_command("demo", "--seed", "1", *sizes, *arguments, stdout=out)
    return out.getvalue()


def seen():
    """Return what people see of everything, in order."""
    return [
        list(get_user_model().objects.order_by("pk").values_list("username", "email", "time_zone")),
        list(Session.objects.order_by("pk").values_list("user__username", "title")),
        list(Member.objects.order_by("pk").values_list("user__username", "may_write")),
        list(Message.objects.order_by("pk").values_list("role", "content")),
        list(File.objects.order_by("pk").values_list("filename", "sha256", "session__title")),
    ]


def may_write(user, session):
    """Return whether a user owns a session or is a member who may write."""
    return session.user == user or session.members.filter(user=user, may_write=True).exists()


def clear():
    get_user_model().objects.all().delete()


def test_there_is_as_much_as_was_asked_for():
    out = fill(users=3, sessions=6, files=20)
    assert get_user_model().objects.count() == 3
    assert Session.objects.count() == 6
    assert File.objects.count() == 20
    messages = Message.objects.count()
    assert messages >= 6
    assert f"Added: users 3, sessions 6 with messages {messages}, files 20.\n" in out


def test_every_row_has_its_own_path_and_the_bytes_it_tells_of():
    fill(users=4, files=150)
    found = stored()
    files = File.objects.all()
    assert {file.storage_path for file in files} == set(found)
    assert len(found) == 150
    for file in files:
        data = found[file.storage_path]
        assert backend.OPAQUE.fullmatch(file.storage_path)
        assert (file.size, file.sha256) == (len(data), hashlib.sha256(data).hexdigest())


@pytest.mark.machine
def test_the_password_lets_everybody_in():
    out = fill(users=5)
    password = re.search(r"The password of all: (\S+)", out)[1]
    names = re.search(r"such as (.*)\. The", out)[1]
    assert re.fullmatch(r"\S+ \(ja\), \S+ \(en\)", names)
    for user in get_user_model().objects.all():
        assert user.check_password(password)
        assert user.email.endswith("@example.org")
        user.full_clean()


@pytest.mark.machine
def test_both_languages_and_their_preferences_are_there():
    fill(users=10, sessions=30, files=60)
    languages = set(get_user_model().objects.values_list("language", flat=True))
    assert languages == {"ja", "en"}
    for language in languages:
        files = File.objects.filter(user__language=language)
        assert any(name.isascii() for name in files.values_list("filename", flat=True)) or (
            language == "ja"
        )
    assert Session.objects.filter(user__language="ja", title__contains="合宿").exists()
    assert Message.objects.filter(role="assistant").exists()


def test_rows_are_as_if_they_had_been_saved():
    """What fields fill in by themselves is right, and constraints of the model hold."""
    fill(users=5, sessions=40, files=60)
    now = timezone.now()
    for session in Session.objects.all():
        assert session.search_text == normalize_for_search(session.title)[:255]
        assert session.user.created_at < session.created_at <= session.updated_at <= now
        assert session.updated_at == session.messages.latest("created_at").created_at
    for message in Message.objects.all():
        assert message.search_text == normalize_for_search(message.content)
    for file in File.objects.select_related("session"):
        assert file.search_text == normalize_for_search(file.filename)[:255]
        assert unicodedata.is_normalized("NFC", file.filename)
        assert file.user.created_at < file.created_at <= now
        if file.session:
            assert may_write(file.user, file.session)
            assert file.session.created_at <= file.created_at


@pytest.mark.machine
def test_people_of_one_language_keep_sessions_together():
    fill(users=12, sessions=60, files=0)
    members = Member.objects.select_related("user", "session__user")
    assert 10 < members.values("session").distinct().count() < 50
    assert all(one.user.language == one.session.user.language for one in members)
    written = Message.objects.filter(role="user").select_related("author", "session__user")
    assert all(may_write(message.author, message.session) for message in written)
    assert any(message.author != message.session.user for message in written)
    assert {one.session.user.language for one in members} == {"ja", "en"}


@pytest.mark.machine
def test_some_are_attached_and_some_in_the_trash():
    fill(users=4, sessions=60, files=150)
    assert 20 < File.objects.exclude(session=None).count() < 100
    for model in (File, Session):
        trashed = model.objects.exclude(deleted_at=None)
        assert 0 < trashed.count() < model.objects.count() / 4
        assert all(row.created_at <= row.deleted_at <= timezone.now() for row in trashed)
    sweep.sweep()
    assert File.objects.count() == 150


@pytest.mark.machine
def test_a_seed_brings_the_same_again():
    fill("--seed", "7")
    first = seen()
    clear()
    fill("--seed", "7")
    assert seen() == first
    clear()
    fill("--seed", "8")
    assert seen() != first


def test_it_can_be_run_again_and_people_go_on_as_before(owner):
    for _turn in range(3):
        fill("--seed", "7")
    assert get_user_model().objects.count() == 3 * 3 + 1
    assert File.objects.count() == len(stored()) == 60
    # The database goes on counting behind what was written in bulk.
    Session.objects.create(user=owner, title="by hand")
    assert Session.objects.count() == 19


@pytest.mark.machine
def test_more_people_than_names():
    fill(users=900, sessions=0, files=0)
    assert get_user_model().objects.count() == 900


@pytest.fixture
def small_batches(monkeypatch):
    monkeypatch.setattr(demo, "BATCH", 20)


def test_a_full_disk_leaves_no_row_without_bytes(monkeypatch, small_batches):
    keep_all = staging.keep_all

    def fill_up(staged):
        if File.objects.count() == 40:
            raise OSError(28, "No space left on device")
        return keep_all(staged)

    monkeypatch.setattr(staging, "keep_all", fill_up)
    with pytest.raises(CommandError, match="No space left on device"):
        fill(files=100)
    assert File.objects.count() == len(stored()) == 40
    assert not list(staging.list_staged(timezone.now() + timedelta(hours=1)))


def test_bytes_whose_rows_fail_are_removed(monkeypatch, small_batches):
    bulk_create = FileQuerySet.bulk_create

    def fail(*args, **kwargs):
        bulk_create(*args, **kwargs)
        if File.objects.count() > 20:
            raise DatabaseError("gone")

    monkeypatch.setattr(FileQuerySet, "bulk_create", fail)
    with pytest.raises(DatabaseError):
        fill(files=60)
    assert File.objects.count() == len(stored()) == 20


@pytest.mark.machine
def test_production_is_refused(settings):
    settings.CAMP_ENVIRONMENT = "production"
    with pytest.raises(CommandError, match="a production database"):
        fill()
    assert not get_user_model().objects.exists()
    fill("--force-production", server.locate_database().name)
    assert get_user_model().objects.exists()


@pytest.mark.machine
def test_production_by_the_mark_of_the_database_is_refused():
    environment.mark("production")
    with pytest.raises(CommandError, match="a production database"):
        fill()


@pytest.mark.machine
@pytest.mark.parametrize("sizes", [{"users": 0}, {"files": -1}, {"sessions": -1}])
def test_senseless_numbers_are_refused(sizes):
    with pytest.raises(CommandError, match="at least one user"):
        fill(**sizes)


@pytest.mark.sqlite
@pytest.mark.django_db(transaction=True)
def test_a_database_without_tables_is_named(tmp_path):
    with (
        server.connected_to(tmp_path / "empty.sqlite3"),
        pytest.raises(CommandError, match=r"manage\.py migrate"),
    ):
        fill()


@pytest.mark.machine
def test_the_pages_show_it():
    fill(users=1, sessions=20, files=40)
    person = get_user_model().objects.get()
    client = browser(person)
    with translation.override("en"):  # it becomes the person's own
        see(client, person)


def see(client, person):
    for address in ("/", "/files/", "/sessions/", "/files/?q=jpg"):
        assert client.get(address).status_code == 200
    file = File.objects.visible_to(person).first()
    answer = client.get(f"/files/{file.pk}/download/")
    assert len(b"".join(answer.streaming_content)) == file.size


@pytest.mark.parametrize("language", ["ja", "en"])
def test_contents_are_what_their_type_says(language):
    made = {kind: make_content(language, kind, 0)[0] for kind in KINDS}
    Image.open(io.BytesIO(made["photo"])).verify()
    assert len(list(csv.reader(io.StringIO(made["budget"].decode("utf-8-sig"))))) > 10
    assert made["flyer"].startswith(b"%PDF-")
    with wave.open(io.BytesIO(made["voice"])) as sound:
        assert sound.getnframes() > 8000
    made["markdown"].decode()
