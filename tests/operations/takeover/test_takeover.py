"""Taking over databases of the old backend: the guide's columns, altered tables, UUID keys."""

import io

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.models import User
from camp.operations.database import server
from camp.operations.takeover import convert, run
from files.models import File
from sessions_app.models import Message, Session
from tests import old_backend
from tests.old_backend import LONG, PASSWORD, apply, takeover

pytestmark = pytest.mark.postgresql

COLUMNS = """
    SELECT table_name, column_name, udt_name, is_nullable, character_maximum_length
    FROM information_schema.columns WHERE table_schema = 'public'
"""
RULES = """
    SELECT conrelid::regclass::text,
           regexp_replace(pg_get_constraintdef(oid), ' ON DELETE.*| DEFERRABLE.*', ''),
           CASE WHEN contype <> 'f' THEN conname END
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
"""
GROWN_COLUMNS = (
    "sample_users.username=name", "sample_users.hashed_password=password_hash",
    "sample_sessions.session_id=session_uuid", "sample_sessions.title=name",
    "sample_files.user_id=owner_id", "sample_files.filename=original_filename",
    "sample_files.content_type=mime_type", "sample_files.size=file_size",
    "sample_files.storage_path=file_path", "sample_files.created_at=uploaded_at",
)  # fmt: skip
INDEXES = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"


@pytest.fixture(scope="module")
def camps_own(django_db_setup, django_db_blocker):
    """The schema of a database that Camp made."""
    with django_db_blocker.unblock(), old_backend.old_database() as own:
        with server.connected_to(own.name):
            call_command("migrate", verbosity=0)
        return [own.query(sql) for sql in (COLUMNS, RULES, INDEXES)]


def assert_like_camps_own(old, camps_own):
    """What Camp's migrations make is there, under its names; columns may be wider."""
    columns, rules, indexes = camps_own
    there = {row[:2]: row[2:] for row in old.query(COLUMNS)}
    for table, name, kind, null, limit in columns:
        found_kind, found_null, found_limit = there[table, name]
        assert (found_null, found_kind) in {(null, kind), (null, "text")}, name
        assert limit is None or found_limit is None or found_limit >= limit, name
    assert set(rules) <= set(old.query(RULES))
    assert set(indexes) <= set(old.query(INDEXES))


def log_in(login, password):
    """Return a browser in which the person is logged in."""
    client = Client(headers={"accept-language": "en"})
    answer = client.post("/accounts/login/", {"username": login, "password": password})
    assert answer.status_code == 302, login
    return client


def downloaded(client, number):
    """Return the bytes of a file, or None where there is none for this person."""
    answer = client.get(f"/files/{number}/download/")
    return b"".join(answer.streaming_content) if answer.status_code == 200 else None


def test_the_guides_columns_alone(old, uploads, camps_own):
    contents = old_backend.guide(old, uploads)
    before, counts = old.everything(), old.counts()
    report = takeover("--uploads", uploads)
    assert "sample_users: 3 rows" in report
    assert "2 accounts: bcrypt" in report
    assert "3 found" in report
    assert old.everything() == before
    apply("--uploads", uploads)
    assert old.counts() == counts | {"sample_messages": 0}
    assert_like_camps_own(old, camps_own)
    hana, ken = log_in("hana", PASSWORD), log_in("KEN@example.org", LONG)
    log_in("yuki", PASSWORD)
    assert User.objects.get(username="hana").password.startswith("argon2$argon2id$")
    assert downloaded(hana, 21) == contents[21]
    assert downloaded(hana, 22) == contents[22]
    assert downloaded(ken, 23) == contents[23]
    assert downloaded(ken, 21) is None
    assert "合宿" in hana.get("/sessions/?q=abc").content.decode()
    for file in File.objects.all():
        assert file in File.objects.search(file.filename, file.user)
    assert old.query("SELECT version_num FROM alembic_version") == [("3f2a9c51d7e0",)]
    after = old.everything()
    assert "nothing to take over" in apply()
    call_command("migrate", verbosity=0)
    assert old.everything() == after


def test_tables_that_were_altered_by_hand_are_taken_over_with_given_columns(
    old, uploads, camps_own
):
    contents = old_backend.grown(old, uploads)
    counts = old.counts()
    refusal = io.StringIO()
    with pytest.raises(CommandError, match="settled first"):
        call_command("takeover", stdout=refusal)
    assert "sample_users has no column hashed_password. Its columns: id, email, name" in (
        refusal.getvalue()
    )
    assert "--column sample_users.hashed_password=NAME" in refusal.getvalue()
    given = ["--timestamps-in", "Asia/Tokyo", *(f"--column={each}" for each in GROWN_COLUMNS)]
    report = takeover("--uploads", uploads, *given)
    assert "→ password_hash becomes hashed_password" in report
    assert "+ phone: character varying(30), unknown to Camp, kept as phone" in report
    apply("--uploads", uploads, *given)
    assert old.counts() == counts
    assert_like_camps_own(old, camps_own)
    hana = log_in("hana", PASSWORD)
    assert downloaded(hana, 1) == contents[1]
    photo = File.objects.get(pk=1)
    assert (photo.filename, photo.content_type) == ("photo.JPG", "image/jpeg")
    assert photo in File.objects.search("photo.jpg", photo.user)
    assert photo.created_at.isoformat() == "2024-05-05T22:08:09.123456+00:00"
    ken = User.objects.get(username="ken")
    assert (ken.is_active, ken.is_staff, ken.updated_at) == (True, False, ken.created_at)
    assert User.objects.get(username="hana").is_staff
    assert hana.get("/sessions/6f0ad9a8-5a1b-4f0e-9f5e-0d1f3a1c2b3d/").status_code == 200
    assert [*Message.objects.values_list("role", flat=True)] == ["user", "assistant"]
    assert old.query("SELECT phone FROM sample_users ORDER BY id") == [("+81 1",), ("+81 2",)]
    assert old.query("SELECT label FROM sample_tags") == [("旅",), ("旅",)]
    assert_camp_writes_and_deletes(old)


def assert_camp_writes_and_deletes(old):
    """Camp works beside columns and tables that it does not know."""
    passwords = {"password1": LONG, "password2": LONG}
    form = {"username": "new", "email": "new@example.org", **passwords}
    assert Client().post("/accounts/signup/", form).status_code == 302
    new = log_in("new", LONG)
    assert new.post("/sessions/new/", {"title": "mine"}).status_code == 302
    assert Session.objects.get(title="mine").pk > 1
    User.objects.get(username="ken").delete()
    assert not File.objects.filter(pk=2)
    assert old.query("SELECT file_id FROM sample_tags") == [(1,)]


def test_accounts_that_collide_and_owners_that_are_gone(old, uploads, camps_own):
    contents = old_backend.loose(old, uploads)
    before, counts = old.everything(), old.counts()
    for command in (takeover, apply):
        with pytest.raises(CommandError, match="settled first"):
            command()
    assert old.everything() == before
    told = apply("--uploads", uploads, "--settle", "rename")
    assert "Account 2: the user name “Hana” becomes “Hana-2”" in told
    # For the messages of a session that is gone, and of none, there is one now.
    assert old.counts() == counts | {"sample_sessions": counts["sample_sessions"] + 2}
    assert_like_camps_own(old, camps_own)
    for number, login in enumerate(["hana", "Hana-2", "KEN", "ken-2", "rei"], 1):
        log_in(login, f"{PASSWORD}{number}")
    assert User.objects.get(pk=2).email == "Hana+2@Example.org"
    hana = log_in("hana@example.org", f"{PASSWORD}1")
    assert downloaded(hana, 1) == contents[1]
    # Of nobody, but in her session.
    assert downloaded(hana, 2) == contents[2]
    owners = dict(File.objects.values_list("pk", "user_id"))
    assert owners == {1: 1, 2: None, 3: None, 4: 2, 5: 1}
    assert File.objects.get(pk=5).deleted_at
    assert Session.objects.get(pk=1).files.count() == 5
    assert Session.objects.values("session_id").distinct().count() == 6
    assert Session.objects.get(pk=1).title == "長" * 300
    assert {*Message.objects.values_list("content", "role")} == {
        (f"m{number}", "user") for number in (1, 2, 3)
    }
    User.objects.filter(pk=1).update(is_staff=True, is_superuser=True)
    page = hana.get("/admin/files/file/?owner=none").content.decode()
    assert "2.txt" in page
    assert "1.txt" not in page
    form = {"filename": "2.txt", "user": 1, "session": ""}
    assert hana.post("/admin/files/file/2/change/", form).status_code == 302
    assert downloaded(hana, 2) == contents[2]


def test_keys_that_are_no_numbers(old, uploads, camps_own):
    contents = old_backend.uuids(old, uploads)
    counts = old.counts()
    apply("--uploads", uploads)
    assert old.counts() == counts
    assert_like_camps_own(old, camps_own)
    hana = log_in("hana", PASSWORD)
    assert dict(User.objects.values_list("username", "pk")) == {"zoe": 1, "hana": 2}
    assert downloaded(hana, 1) == contents[1]
    page = hana.get("/sessions/00000000-0000-0000-0000-000000000001/").content.decode()
    assert "東京へ" in page
    [(key,)] = old.query("SELECT old_id FROM sample_users WHERE username = 'hana'")
    assert str(key) == "00000000-0000-0000-0000-000000000008"
    User.objects.create_user("new", "new@example.org")


@pytest.mark.usefixtures("quick_migrate")
@pytest.mark.parametrize("place", ["order_messages", "redirect_pointer", "complete"])
def test_a_failure_anywhere_leaves_everything_as_it_was(old, uploads, monkeypatch, place):
    old_backend.uuids(old, uploads)
    old.run(old_backend.KEYS)
    before = old.everything()

    def fail(*arguments):
        raise RuntimeError("stop")

    with monkeypatch.context() as patch:
        module = run if place == "complete" else convert
        patch.setattr(module, place, fail)
        with pytest.raises(RuntimeError):
            apply("--uploads", uploads)
    assert old.everything() == before
    if place != "complete":
        return
    apply("--uploads", uploads)
    # What the first try imported was used.
    stored = [path for path in settings.LOCAL_STORAGE_PATH.rglob("*") if path.is_file()]
    assert len(stored) == File.objects.count()


def test_migrate_and_up_name_the_command(old, uploads):
    old_backend.guide(old, uploads)
    before = old.everything()
    for command in ("migrate", "up"):
        with pytest.raises(CommandError, match=r"manage\.py takeover"):
            call_command(command, *(["--port", "0"] if command == "up" else []))
    assert old.everything() == before


def test_a_half_made_history_of_django_does_not_hide_an_old_database(old, uploads):
    old_backend.guide(old, uploads)
    old.run("CREATE TABLE django_migrations (id INTEGER, app TEXT, name TEXT, applied TIMESTAMP)")
    with pytest.raises(CommandError, match=r"manage\.py takeover"):
        call_command("migrate")
