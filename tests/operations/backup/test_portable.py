"""Tables that go from one engine to the other and back."""

import contextlib
import hashlib
import io
import json
import lzma
import shutil
import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection, connections, transaction
from django.db.backends.sqlite3.base import DatabaseWrapper as SQLite
from django.db.migrations.recorder import MigrationRecorder

from camp.operations.backup import engine_neutral
from camp.operations.backup.archive import Reader, Writer
from camp.operations.database import server
from files.models import File, Upload
from sessions_app.models import Message, Session
from tests.operations.backup import places

pytest_plugins = ["tests.operations.backup.place_fixtures"]

EXTRA = "camp_portable_scratch"
MOMENT = datetime(2026, 11, 24, 14, 22, 33, 120000, tzinfo=UTC)


@contextlib.contextmanager
def sqlite(path):
    """Have `django.db.connection` be an SQLite database meanwhile."""
    settings = {**connection.settings_dict, "ENGINE": "django.db.backends.sqlite3"}
    settings |= {"NAME": str(path), "OPTIONS": {}}
    kept = connections["default"]
    connections["default"] = SQLite(settings)
    try:
        yield
    finally:
        connection.close()
        connections["default"] = kept


@contextlib.contextmanager
def fresh(tmp_path):
    """Have Django talk to another database of this pass's engine, with old content.

    It is a copy of the one at hand: to migrate an empty one for each test would take long.
    """
    source = connection.settings_dict["NAME"]
    connection.close()
    if connection.vendor == "sqlite":
        file = tmp_path / f"{uuid.uuid4()}.sqlite3"
        shutil.copy(source, file)
        with sqlite(file):
            remove_unknown()
            yield
        return
    server.drop(EXTRA)
    places.copy(source, EXTRA)
    try:
        with server.connected_to(EXTRA):
            remove_unknown()
            yield
    finally:
        server.drop(EXTRA)


@contextlib.contextmanager
def empty(tmp_path):
    """Have Django talk to a database of this pass's engine that nobody has migrated."""
    if connection.vendor == "sqlite":
        with sqlite(tmp_path / "empty.sqlite3"):
            yield
        return
    server.drop(EXTRA)
    server.create(EXTRA)
    try:
        with server.connected_to(EXTRA):
            yield
    finally:
        server.drop(EXTRA)


def write(folder):
    """Write all tables into an archive, unpack it into `folder` and return {table: lines}."""
    archive = folder.with_suffix(".tar")
    with Writer(archive, 0) as writer, transaction.atomic():
        counts = engine_neutral.write_tables(writer, connections["default"])
    folder.mkdir()
    Reader(archive).unpack(lambda name, size: folder / name.removeprefix("tables/"))
    found = {
        path.stem: path.read_text().removesuffix("\n").split("\n")
        for path in folder.glob("*.jsonl")
    }
    assert {table: len(lines) - 1 for table, lines in found.items()} == counts
    return found


def rows(found):
    """Return {table: its rows} without what is said of the columns."""
    return {table: [json.loads(line) for line in lines[1:]] for table, lines in found.items()}


def numbers(found):
    """Return the number that the next row of each column gets that counts."""
    columns = {table: json.loads(lines[0])["columns"] for table, lines in found.items()}
    return [
        (table, column["name"], column["next"])
        for table in sorted(columns.keys() - {"camp_instance"})  # its row is put in by number
        for column in columns[table]
        if column["next"] not in (None, 1)  # SQLite knows of no number before the first
    ]


def migrations():
    with connection.cursor() as cursor:
        cursor.execute("SELECT app, name FROM django_migrations ORDER BY id")
        found = {}
        for app, name in cursor.fetchall():
            found.setdefault(app, []).append(name)
    return found


def execute(*statements):
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def remove_unknown():
    execute("DROP TABLE IF EXISTS notes")


@pytest.fixture
def people(transactional_db, owner, member):
    """Two people with a session, messages, files and an upload, some of it odd."""
    session = Session.objects.create(user=owner, title="東京 \N{CAMPING} \"'\\ \t\n\u2028")
    message = Message.objects.create(session=session, author=owner, content="1行目\n2行目\r\n")
    Message.objects.create(session=session, reply_to=message, submission_id=uuid.uuid4())
    Message.objects.create(session=session, deleted_at=MOMENT, deleted_by=owner)
    session.members.create(user=None, may_write=True, added_by=owner)
    session.members.create(user=owner, may_write=False)
    session.read_marks.create(user=owner, read_up_to=MOMENT)
    for size in (0, 2**63 - 1):
        File.objects.create(user=owner, filename="a.txt", size=size, storage_path=f"aa/{size}")
    File.objects.create(filename="nobody's", size=1, storage_path="bb/1", deleted_at=MOMENT)
    File.objects.filter(storage_path="bb/1").update(created_at=MOMENT.replace(microsecond=0))
    Upload.objects.create(user=member, filename="b", length=1, expires_at=MOMENT)
    member.delete()  # the next person does not get their number again
    yield owner
    remove_unknown()


def test_every_row_comes_back_on_the_same_engine(people, tmp_path):
    before, known = write(tmp_path / "before"), migrations()
    with fresh(tmp_path):
        counts, left_out = engine_neutral.load(tmp_path / "before", known)
        assert (server.row_counts(), []) == (counts, left_out)
        after = write(tmp_path / "after")
    assert rows(after) == rows(before)
    assert numbers(after) == numbers(before)


@pytest.mark.postgresql
def test_postgresql_to_sqlite_and_back_gives_the_same_rows(people, tmp_path):
    before, known = write(tmp_path / "before"), migrations()
    with sqlite(tmp_path / "between.sqlite3"):
        engine_neutral.load(tmp_path / "before", known)
        write(tmp_path / "between")
        assert File.objects.get(storage_path="bb/1").deleted_at == MOMENT
        assert File.objects.filter(size=2**63 - 1, user=people).exists()
        assert File.objects.search("a.txt", people).exists()
    with fresh(tmp_path):
        engine_neutral.load(tmp_path / "between", known)
        assert rows(write(tmp_path / "after")) == rows(before)


def test_rows_are_stored_as_they_were(people, tmp_path):
    File.objects.filter(storage_path="bb/1").update(search_text="by an older rule")
    type(people).objects.update(updated_at=MOMENT)
    write(tmp_path / "before")
    known = migrations()
    with fresh(tmp_path):
        engine_neutral.load(tmp_path / "before", known)
        assert File.objects.get(storage_path="bb/1").search_text == "by an older rule"
        assert type(people).objects.get().updated_at == MOMENT


def test_numbers_are_counted_on_where_they_were(people, tmp_path):
    write(tmp_path / "before")
    known = migrations()
    with fresh(tmp_path):
        engine_neutral.load(tmp_path / "before", known)
        follower = type(people).objects.create_user("follower", "follower@example.org", "x")
        assert follower.pk == people.pk + 2  # the member between them is gone
        assert Message.objects.create(session=Session.objects.get(), content="").pk > 1


def test_tables_and_columns_that_no_migration_makes_are_left_out_and_named(people, tmp_path):
    execute(
        "ALTER TABLE sample_files ADD COLUMN note varchar(20)",
        "CREATE TABLE notes (id integer PRIMARY KEY, content text)",
    )
    try:
        assert engine_neutral.unknown_names(connections["default"]) == [
            "notes",
            "sample_files.note",
        ]
        assert "notes" not in write(tmp_path / "before")
    finally:
        execute("ALTER TABLE sample_files DROP COLUMN note")
    # Archives of Camp 0.1 have them.
    (tmp_path / "before" / "notes.jsonl").write_text('{"name":"notes","columns":[]}\n[]\n')
    change(tmp_path / "before" / "sample_messages.jsonl", '"content"', '"another"')
    known = migrations()
    with fresh(tmp_path):
        counts, left_out = engine_neutral.load(tmp_path / "before", known)
        assert left_out == ["notes", "sample_messages.another"]
        assert counts["sample_messages"] == 3
        assert {message.content for message in Message.objects.all()} == {""}


def test_an_older_schema_is_left_as_old_as_it_was(people, tmp_path):
    known = migrations()
    folder = tmp_path / "nothing"
    folder.mkdir()
    old = known | {"files": ["0001_initial"]}
    with empty(tmp_path):
        engine_neutral.load(folder, old)
        with connection.cursor() as cursor:
            described = connection.introspection.get_table_description(cursor, "sample_files")
    assert "sha256" not in {column.name for column in described}


def change(file, old, new):
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_rows_without_those_they_belong_to_are_refused(people, tmp_path):
    write(tmp_path / "before")
    session = Session.objects.get().pk
    change(tmp_path / "before" / "sample_messages.jsonl", f'+00:00",{session},', '+00:00",99,')
    known = migrations()
    with fresh(tmp_path), pytest.raises(engine_neutral.CannotLoad, match="does not hold"):
        engine_neutral.load(tmp_path / "before", known)


def test_a_value_that_its_column_cannot_hold_is_refused(people, tmp_path):
    write(tmp_path / "before")
    change(tmp_path / "before" / "sample_files.jsonl", "2026-11-24T14:22:33", "yesterday")
    known = migrations()
    with (
        fresh(tmp_path),
        pytest.raises(engine_neutral.CannotLoad, match=r"invalid value .*sample_files\.\w+_at"),
    ):
        engine_neutral.load(tmp_path / "before", known)


@pytest.mark.postgresql
def test_a_text_that_only_sqlite_takes_is_mended_or_refused_with_a_reason(people, tmp_path):
    write(tmp_path / "before")
    file = tmp_path / "before" / "sample_files.jsonl"
    change(file, "nobody's", r"nobody\u0000s")
    known = migrations()
    with fresh(tmp_path):
        engine_neutral.load(tmp_path / "before", known)
        assert File.objects.get(storage_path="bb/1").filename == "nobody\ufffds"
    change(file, r"nobody\u0000s", "x" * 256)
    with (
        fresh(tmp_path),
        pytest.raises(engine_neutral.CannotLoad, match=r"sample_files .*value too long"),
    ):
        engine_neutral.load(tmp_path / "before", known)


@pytest.mark.postgresql
@pytest.mark.slow
def test_accounts_that_only_sqlite_told_apart_come_along_and_are_named(people, tmp_path):
    known = migrations()
    known["accounts"] = [name for name in known["accounts"] if name < "0003"]
    known["sessions_app"] = [name for name in known["sessions_app"] if name < "0012"]
    (tmp_path / "nothing").mkdir()
    with sqlite(tmp_path / "old.sqlite3"):
        engine_neutral.load(tmp_path / "nothing", known)
        for app, names in known.items():
            for name in names:
                MigrationRecorder(connection).record_applied(app, name)
        moments = "'2026-01-01 00:00:00', '2026-01-01 00:00:00', '', true, false, false, '', ''"
        execute(
            *(
                "INSERT INTO sample_users (username, email, created_at, updated_at,"
                " hashed_password, is_active, is_staff, is_superuser, language, time_zone)"
                f" VALUES ('{name}', '{name}@example.org', {moments})"
                for name in ("Дима", "дима", "other")
            )
        )
        write(tmp_path / "old")
    output = io.StringIO()
    with empty(tmp_path):
        engine_neutral.load(tmp_path / "old", known)
        call_command("migrate", verbosity=0, stdout=output)
        users = type(people).objects
        assert [user.username for user in users.order_by("pk")] == ["Дима", "дима", "other"]
        assert users.find("ДИМА").username == "Дима"
        call_command("settle_accounts", "--rename", stdout=output)
        assert users.find("ДИМА-2").username == "дима-2"
    assert "Account 2 (дима) has the user name of account 1 (Дима)." in output.getvalue()


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
@pytest.mark.parametrize("kind", ["native", "portable"])
def test_archives_of_camp_0_1_are_restored(place, tmp_path, settings, engine, kind):
    if (engine == connection.vendor) != (kind == "native"):
        pytest.skip("the other pass restores it: portable archives change the engine")
    path = tmp_path / "old.tar"
    packed = Path(__file__).parent / "old_archives" / f"{engine}-{kind}.tar.xz"
    path.write_bytes(lzma.decompress(packed.read_bytes()))
    told = places.restore(path, "--no-backup")
    assert "Restored: 4 files." in told
    assert [session.title for session in Session.objects.all()] == ["東京"]
    messages = Message.objects.select_related("author", "session__user").order_by("pk")
    contents = [message.content for message in messages]
    assert all(message.author == message.session.user for message in messages)
    assert contents == ["0 行目", "1 行目", "2 行目"]
    for file in File.objects.all():
        stored = (settings.LOCAL_STORAGE_PATH / file.storage_path).read_bytes()
        assert hashlib.sha256(stored).hexdigest() == file.sha256
    call_command("migrate", "--check", verbosity=0)
