"""The old backend's tables in each of their shapes: none is passed over, all move in."""

import random

import pytest
from django.core.management import CommandError, call_command
from django.core.management.commands.migrate import Command as Migrate

from accounts.models import User
from camp.operations.database import server
from camp.operations.diagnostics import runner
from camp.web import findings
from files.models import File
from sessions_app.models import Message, Session
from tests import old_shapes
from tests.old_backend import PASSWORD, apply, put, takeover
from tests.old_shapes import EXCHANGES, MIXES, SESSIONS, SHAPES
from tests.operations.takeover.test_takeover_order import log_in, plain, read

pytestmark = [
    pytest.mark.postgresql,
    pytest.mark.slow,
    pytest.mark.usefixtures("quick_migrate"),
]

KINDS = {"user": User, "session": Session, "message": Message, "file": File}
ROWS = {"user": 2, "session": SESSIONS, "message": 2 * SESSIONS * EXCHANGES, "file": 3}
SINGULAR = {"sample_user", "sample_session", "sample_message", "sample_file"}


def fill(old, shape, uploads):
    """Fill an old database, with three files; returns the Filled and the contents by path."""
    filled = old_shapes.fill(old, shape)
    keys = old_shapes.new_key(shape, random.Random(5))
    contents = {f"{name}.txt": f"of {name}".encode() for name in ("a", "b", "c")}
    for path, content in contents.items():
        put(uploads, path, content)
        old_shapes.add_file(old, filled, keys, f"uploads/{path}", len(content))
    return filled, contents


def migrated_beside():
    """Make Camp's own tables beside the old ones, as earlier versions did."""
    call_command(Migrate(), verbosity=0, interactive=False)


def found(id):
    """Return what `doctor` finds of one thing."""
    return [each for each in runner.run_topics(time_limit=60) if each.id == id]


def broken(id):
    """Return what `doctor` finds wrong with one thing."""
    return [each.title for each in found(id) if each.level == findings.ERROR]


def assert_all_is_there(filled, contents, *, hana="hana"):
    """Conversations and files are on the pages of the person whose they are."""
    client = log_in(hana)
    for public, messages in filled.messages.items():
        assert read(client, public) == plain(messages)
    for path, content in contents.items():
        number = File.objects.get(filename=path).pk
        answer = client.get(f"/files/{number}/download/")
        assert b"".join(answer.streaming_content) == content
    assert log_in("ken").get(f"/files/{number}/").status_code == 404


@pytest.mark.parametrize("shape", [*SHAPES, *MIXES])
def test_every_shape_is_named_and_moves_in(old, uploads, shape):
    filled, contents = fill(old, shape, uploads)
    before = old.everything()
    for command in ("migrate", "up"):
        with pytest.raises(CommandError, match=r"manage\.py takeover") as refusal:
            call_command(command, *(["--port", "0"] if command == "up" else []))
        assert filled.tables["user"] in str(refusal.value)
    [finding] = found("database.tables")
    assert finding.level == findings.ERROR
    assert filled.tables["message"] in finding.title
    assert "takeover" in finding.fix
    report = takeover("--uploads", uploads).replace("sample_sessions ← ", "")
    assert f"{filled.tables['session']}: {SESSIONS} rows" in report
    assert old.everything() == before
    apply("--uploads", uploads)
    assert {kind: model.objects.count() for kind, model in KINDS.items()} == ROWS
    assert_all_is_there(filled, contents)
    assert not SINGULAR & {*old.tables()}
    call_command("migrate", verbosity=0)
    assert found("database.tables") == []
    assert broken("schema") == []
    User.objects.create_user("new", "new@example.org")


def test_a_file_that_is_cut_short_does_not_pass_for_whole(old, uploads, tmp_path):
    filled, contents = fill(old, "uuid", uploads)
    put(uploads, "a.txt", b"of")
    listed = tmp_path / "missing.csv"
    report = takeover("--uploads", uploads)
    assert "1 damaged" in report
    assert "(2 of 4 bytes)" in report
    apply("--uploads", uploads, "--missing", listed)
    assert ",a.txt,4,uploads/a.txt,damaged,2" in listed.read_text(encoding="utf-8-sig")
    file = File.objects.get(filename="a.txt")
    assert (file.size, file.sha256) == (4, "")
    hana = log_in("hana")
    assert hana.get(f"/files/{file.pk}/download/").status_code == 404
    assert hana.get("/files/").content.decode().count("Content missing") == 1
    put(uploads, "a.txt", contents["a.txt"])
    assert "1 file has its bytes" in takeover("--uploads", uploads, "--apply")
    assert_all_is_there(filled, contents)


@pytest.mark.parametrize("shape", ["singular", "integer singular"])
def test_rows_beside_empty_tables_of_camp_move_in(old, uploads, shape):
    filled, contents = fill(old, shape, uploads)
    migrated_beside()
    [finding] = found("database.tables")
    assert finding.level == findings.WARNING
    assert "sample_message (96)" in finding.title
    assert "takeover" in finding.fix
    call_command("migrate", verbosity=0)  # an update of Camp goes on
    before = old.everything()
    report = takeover("--uploads", uploads)
    assert "96 rows of sample_message are added after those of sample_messages" in report
    assert old.everything() == before
    apply("--uploads", uploads)
    assert {kind: model.objects.count() for kind, model in KINDS.items()} == ROWS
    assert_all_is_there(filled, contents)
    assert found("database.tables") == []
    assert broken("schema") == []


def test_nothing_of_either_side_is_lost(old, uploads, settings):
    filled, contents = fill(old, "singular", uploads)
    migrated_beside()
    own = User.objects.create_superuser("Hana", "admin@example.org", PASSWORD)
    session = Session.objects.create(user=own, title="Camp's own")
    Message.objects.create(session=session, content="question 1")
    put(settings.LOCAL_STORAGE_PATH, "aa/bb/own", b"own")
    file = File.objects.create(user=own, filename="own.txt", size=3, storage_path="aa/bb/own")
    ids = {kind: {*model.objects.values_list("pk", flat=True)} for kind, model in KINDS.items()}
    with pytest.raises(CommandError, match="settled first"):
        takeover()
    apply("--uploads", uploads, "--settle", "rename")
    counts = {kind: rows + 1 for kind, rows in ROWS.items()}
    assert {kind: model.objects.count() for kind, model in KINDS.items()} == counts
    for kind, model in KINDS.items():
        assert ids[kind] <= {*model.objects.values_list("pk", flat=True)}
    client = log_in("Hana")
    assert read(client, session.session_id) == ["question 1"]
    assert client.get(f"/files/{file.pk}/download/").getvalue() == b"own"
    assert User.objects.get(pk=own.pk).is_superuser
    assert_all_is_there(filled, contents, hana="hana@example.org")
    assert client.post("/sessions/new/", {"title": "after"}).status_code == 302


def test_what_else_points_to_old_keys_goes_on_pointing_to_them(old, uploads):
    filled, _contents = fill(old, "singular", uploads)
    old.run(
        "CREATE TABLE sample_keys (id SERIAL PRIMARY KEY, "
        "user_id UUID NOT NULL REFERENCES sample_user (id) ON DELETE CASCADE)"
    )
    old.insert("sample_keys", {"user_id": filled.users["ken"]})
    migrated_beside()
    apply()
    User.objects.get(username="hana").delete()
    assert len(old.query("SELECT * FROM sample_keys")) == 1
    User.objects.get(username="ken").delete()
    assert old.query("SELECT * FROM sample_keys") == []


def test_a_failure_beside_leaves_everything_as_it_was(old, uploads, monkeypatch):
    fill(old, "singular", uploads)
    migrated_beside()
    before = old.everything()

    def fail(*arguments):
        raise RuntimeError("stop")

    monkeypatch.setattr("camp.operations.takeover.run.complete", fail)
    with pytest.raises(RuntimeError):
        apply("--uploads", uploads)
    assert old.everything() == before


def test_tables_by_names_that_camp_does_not_know_are_named_and_can_be_given(old, uploads):
    filled, contents = fill(old, "uuid", uploads)
    for kind, name in filled.tables.items():
        old.run(f"ALTER TABLE {name} RENAME TO sample_old_{kind}")
    with pytest.raises(CommandError, match="sample_old_user"):
        call_command("migrate")
    [finding] = found("database.tables")
    assert "sample_old_user" in finding.title
    with pytest.raises(CommandError, match="settled first"):
        takeover()
    given = [f"--table={name}=sample_old_{kind}" for kind, name in filled.tables.items()]
    apply("--uploads", uploads, *given)
    assert_all_is_there(filled, contents)


def test_two_tables_that_may_be_the_same_are_named(old, uploads):
    filled, contents = fill(old, "uuid", uploads)
    old.run("CREATE TABLE sample_user AS SELECT * FROM sample_users")
    with pytest.raises(CommandError, match="--table sample_users=NAME"):
        takeover()
    apply("--uploads", uploads, "--table", "sample_users=sample_users")
    assert_all_is_there(filled, contents)
    assert old.counts()["sample_user"] == 2


@pytest.mark.parametrize("wrong", ["sample_users", "users=sample_user", "sample_users="])
def test_a_table_that_is_none_is_refused(old, uploads, wrong):
    fill(old, "uuid", uploads)
    with pytest.raises(CommandError, match="TABLE=NAME"):
        takeover("--table", wrong)
    with pytest.raises(CommandError, match="no table nothing"):
        takeover("--table", "sample_users=nothing")


def test_an_empty_old_database_is_none_to_put_tables_beside(old):
    old_shapes.make(old, "singular")
    with pytest.raises(CommandError, match="sample_user"):
        call_command("migrate")
    apply()
    assert "sample_user" not in server.row_counts()
    call_command("migrate", verbosity=0)
    assert "nothing to take over" in takeover()
