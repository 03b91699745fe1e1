"""Databases as the old FastAPI backend left them: SQLAlchemy's tables, made by Alembic."""

import contextlib
import hashlib
import io
import uuid

import argon2
import bcrypt
import psycopg
import pytest
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.core.management.commands.migrate import Command as Migrate
from django.db import transaction
from django.db.migrations.recorder import MigrationRecorder
from django.utils import translation

from camp.operations.database import server

SCRATCH = "camp_old_backend"
PASSWORD = "pass word 7 パスワード"
LONG = "x" * 72 + " beyond what bcrypt reads"

ALEMBIC = """
CREATE TABLE alembic_version (
    version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO alembic_version VALUES ('3f2a9c51d7e0');
"""

# The guide's columns alone.
GUIDE = """
CREATE TABLE sample_users (
    id SERIAL NOT NULL,
    email VARCHAR(255) NOT NULL,
    username VARCHAR(50) NOT NULL,
    hashed_password VARCHAR(255) NOT NULL,
    is_active BOOLEAN NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP NOT NULL,
    PRIMARY KEY (id)
);
CREATE UNIQUE INDEX ix_sample_users_email ON sample_users (email);
CREATE UNIQUE INDEX ix_sample_users_username ON sample_users (username);
CREATE INDEX ix_sample_users_id ON sample_users (id);
CREATE TABLE sample_sessions (
    id SERIAL NOT NULL,
    user_id INTEGER,
    session_id VARCHAR(255) NOT NULL,
    title VARCHAR(255),
    created_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(user_id) REFERENCES sample_users (id) ON DELETE SET NULL
);
CREATE UNIQUE INDEX ix_sample_sessions_session_id ON sample_sessions (session_id);
CREATE TABLE sample_files (
    id SERIAL NOT NULL,
    user_id INTEGER NOT NULL,
    filename VARCHAR(255) NOT NULL,
    content_type VARCHAR(100) NOT NULL,
    size INTEGER NOT NULL,
    storage_path VARCHAR(500) NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT CURRENT_TIMESTAMP NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(user_id) REFERENCES sample_users (id) ON DELETE CASCADE
);
"""

# Extra, NOT NULL and missing columns, other names, narrow types, times without a zone.
GROWN = """
CREATE TABLE sample_users (
    id SERIAL NOT NULL,
    email VARCHAR(255) NOT NULL UNIQUE,
    name VARCHAR(100) NOT NULL,
    password_hash VARCHAR(100),
    is_active BOOLEAN,
    is_superuser BOOLEAN NOT NULL,
    phone VARCHAR(30) NOT NULL,
    created_at TIMESTAMP WITHOUT TIME ZONE,
    PRIMARY KEY (id)
);
CREATE TABLE sample_sessions (
    id SERIAL NOT NULL,
    user_id INTEGER NOT NULL REFERENCES sample_users (id) ON DELETE CASCADE,
    session_uuid UUID NOT NULL,
    name VARCHAR(120),
    is_archived BOOLEAN NOT NULL,
    created_at TIMESTAMP WITHOUT TIME ZONE NOT NULL,
    updated_at TIMESTAMP WITHOUT TIME ZONE,
    PRIMARY KEY (id)
);
CREATE TABLE sample_messages (
    id SERIAL NOT NULL,
    session_id INTEGER NOT NULL REFERENCES sample_sessions (id) ON DELETE CASCADE,
    role message_role NOT NULL,
    content TEXT NOT NULL,
    tokens INTEGER NOT NULL,
    created_at TIMESTAMP WITHOUT TIME ZONE NOT NULL,
    PRIMARY KEY (id)
);
CREATE TABLE sample_files (
    id SERIAL NOT NULL,
    owner_id INTEGER REFERENCES sample_users (id) ON DELETE CASCADE,
    original_filename VARCHAR(255) NOT NULL,
    mime_type VARCHAR(50),
    file_size INTEGER,
    file_path TEXT NOT NULL,
    checksum VARCHAR(32) NOT NULL,
    uploaded_at TIMESTAMP WITHOUT TIME ZONE NOT NULL,
    PRIMARY KEY (id)
);
CREATE TABLE sample_tags (
    id SERIAL NOT NULL,
    file_id INTEGER NOT NULL REFERENCES sample_files (id) ON DELETE CASCADE,
    label VARCHAR(50) NOT NULL,
    PRIMARY KEY (id)
);
"""

ROLE = "CREATE TYPE message_role AS ENUM ('user', 'assistant')"

# No constraints to speak of, and what comes of it.
LOOSE = """
CREATE TABLE sample_users (
    id SERIAL NOT NULL,
    email VARCHAR(320),
    username VARCHAR(255),
    hashed_password TEXT,
    is_active BOOLEAN,
    created_at TIMESTAMP WITH TIME ZONE,
    updated_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (id)
);
CREATE TABLE sample_sessions (
    id SERIAL NOT NULL,
    user_id INTEGER,
    session_id VARCHAR(64),
    title VARCHAR(1000),
    created_at TIMESTAMP WITH TIME ZONE,
    updated_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (id)
);
CREATE TABLE sample_messages (
    id INTEGER NOT NULL,
    session_id INTEGER,
    role VARCHAR(20),
    content TEXT,
    created_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (id)
);
CREATE TABLE sample_files (
    id SERIAL NOT NULL,
    user_id INTEGER,
    session_id VARCHAR(64),
    filename VARCHAR(255),
    content_type VARCHAR(100),
    size INTEGER,
    storage_path VARCHAR(500),
    is_deleted BOOLEAN,
    created_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (id)
);
"""

# Keys that are no numbers.
UUIDS = """
CREATE TABLE sample_users (
    id UUID NOT NULL,
    email VARCHAR(255) NOT NULL UNIQUE,
    username VARCHAR(50) NOT NULL UNIQUE,
    hashed_password VARCHAR(255) NOT NULL,
    is_active BOOLEAN NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (id)
);
CREATE TABLE sample_sessions (
    id UUID NOT NULL,
    user_id UUID NOT NULL REFERENCES sample_users (id) ON DELETE CASCADE,
    title VARCHAR(255) NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (id)
);
CREATE TABLE sample_messages (
    id UUID NOT NULL,
    session_id UUID NOT NULL REFERENCES sample_sessions (id) ON DELETE CASCADE,
    role VARCHAR(20) NOT NULL,
    content TEXT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (id)
);
CREATE TABLE sample_files (
    id UUID NOT NULL,
    user_id UUID NOT NULL REFERENCES sample_users (id) ON DELETE CASCADE,
    filename VARCHAR(255) NOT NULL,
    content_type VARCHAR(100) NOT NULL,
    size INTEGER NOT NULL,
    storage_path VARCHAR(500) NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (id)
);
"""
# A table of somebody's own that points to such keys.
KEYS = """
CREATE TABLE sample_keys (
    id SERIAL NOT NULL,
    user_id UUID NOT NULL REFERENCES sample_users (id) ON DELETE CASCADE,
    PRIMARY KEY (id)
);
"""


def over_sha256(password=PASSWORD):
    """Return a hash as the old backend made them: bcrypt over the hex SHA-256."""
    return plain_bcrypt(hashlib.sha256(password.encode()).hexdigest())


def plain_bcrypt(password=PASSWORD):
    """Return a hash as earlier versions of it made them."""
    return bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(4)).decode()


def argon2_hash(password=PASSWORD):
    """Return a raw hash of Argon2."""
    return argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(password)


MADE = "2024-05-06 07:08:09.123456"


def guide(old, folder):
    """Fill an OldDatabase with the guide's columns alone, and `folder` with its files."""
    old.run(ALEMBIC + GUIDE)
    people = {
        "hana": ("hana@example.org", over_sha256()),
        "ken": ("ken@example.org", plain_bcrypt(LONG)),
        "yuki": ("yuki@example.org", argon2_hash()),
    }
    for number, (name, (email, hashed)) in enumerate(people.items(), 5):
        person = {"id": number, "email": email, "username": name, "hashed_password": hashed}
        old.insert("sample_users", person | {"is_active": True})
    old.insert(
        "sample_sessions",
        {"id": 11, "user_id": 5, "session_id": "first", "title": "合宿 ＡＢＣ"},
        {"id": 12, "user_id": None, "session_id": "ownerless", "title": None},
    )
    contents = {
        "uploads/5/ガイド.pdf": b"%PDF hana",
        "uploads/5/notes.txt": b"notes of hana" * 1000,
        "uploads/6/empty.bin": b"",
    }
    for number, (path, content) in enumerate(contents.items(), 21):
        put(folder, path.removeprefix("uploads/"), content)
        file = {"id": number, "user_id": int(path.split("/")[1]), "storage_path": path}
        name = path.rpartition("/")[2]
        file |= {"filename": name, "content_type": "application/pdf", "size": len(content)}
        old.insert("sample_files", file)
    return dict(enumerate(contents.values(), 21))


def grown(old, folder):
    """Do the same with extra, NOT NULL and missing columns, other names and narrow types."""
    old.run(ROLE)
    old.run(ALEMBIC + GROWN)
    for number, (name, hashed) in enumerate([("hana", over_sha256()), ("ken", None)], 1):
        person = {"id": number, "email": f"{name}@example.org", "name": name}
        person |= {"password_hash": hashed, "is_active": None, "is_superuser": number == 1}
        old.insert("sample_users", person | {"phone": f"+81 {number}", "created_at": MADE})
    session = {"id": 1, "user_id": 1, "session_uuid": "6f0ad9a8-5a1b-4f0e-9f5e-0d1f3a1c2b3d"}
    session |= {"name": None, "is_archived": True, "created_at": MADE, "updated_at": None}
    old.insert("sample_sessions", session)
    message = {"session_id": 1, "tokens": 3, "created_at": MADE}
    old.insert(
        "sample_messages",
        {"id": 1, "role": "user", "content": "東京へ", **message},
        {"id": 2, "role": "assistant", "content": "はい", **message},
    )
    contents = {
        1: ("C:\\app\\storage\\1\\photo.JPG", "1/photo.JPG", b"\xff\xd8 photo"),
        2: ("/srv/app/storage/ken/plan.txt", "ken/plan.txt", b"plan"),
    }
    for number, (path, place, content) in contents.items():
        put(folder, place, content)
        file = {"id": number, "owner_id": number, "original_filename": path, "file_path": path}
        file |= {"mime_type": None, "file_size": len(content), "checksum": "c", "uploaded_at": MADE}
        old.insert("sample_files", file)
        old.insert("sample_tags", {"id": number, "file_id": number, "label": "旅"})
    return {number: content for number, (_path, _place, content) in contents.items()}


def loose(old, folder):
    """Do the same with accounts that collide, and with rows whose owner is gone."""
    old.run(ALEMBIC + LOOSE)
    people = [
        (1, "hana@example.org", "hana"),
        (2, " Hana@Example.org", "Hana"),
        (3, "ken@example.org", "ＫＥＮ"),
        (4, None, "ken"),
        (5, "rei@example.org", None),
    ]
    for number, email, name in people:
        person = {"id": number, "email": email, "username": name, "is_active": None}
        old.insert(
            "sample_users", person | {"hashed_password": plain_bcrypt(f"{PASSWORD}{number}")}
        )
    sessions = [(1, 1, "a"), (2, 99, "a"), (3, None, ""), (4, 1, None)]
    for number, user, public in sessions:
        session = {"id": number, "user_id": user, "session_id": public, "title": "長" * 300}
        old.insert("sample_sessions", session)
    for number, session in enumerate([1, 77, None], 1):
        message = {"id": number, "session_id": session, "role": None, "content": f"m{number}"}
        old.insert("sample_messages", message)
    contents = {}
    for number, user in enumerate([1, 99, None, 2, 1], 1):
        contents[number] = f"bytes {number}".encode()
        put(folder, f"{number}.txt", contents[number])
        file = {"id": number, "user_id": user, "session_id": "a", "filename": f"{number}.txt"}
        file |= {"storage_path": f"{number}.txt", "is_deleted": number == 5}
        old.insert("sample_files", file)
    return contents


def uuids(old, folder):
    """Do the same with keys that are no numbers."""
    old.run(ALEMBIC + UUIDS)
    times = {"created_at": MADE, "updated_at": MADE}
    people = {}
    for number, name in enumerate(["zoe", "hana"]):
        people[name] = str(uuid.UUID(int=9 - number))
        person = {"id": people[name], "email": f"{name}@example.org", "username": name}
        person |= {"hashed_password": over_sha256(), "is_active": True}
        old.insert("sample_users", person | times | {"created_at": f"202{number}-01-01"})
    session = {"id": str(uuid.UUID(int=1)), "user_id": people["hana"], "title": "合宿"}
    old.insert("sample_sessions", session | times)
    message = {"id": str(uuid.UUID(int=2)), "session_id": session["id"], "role": "user"}
    old.insert("sample_messages", message | {"content": "東京へ", "created_at": MADE})
    put(folder, "plan.txt", b"plan")
    file = {"id": str(uuid.UUID(int=3)), "user_id": people["hana"], "filename": "plan.txt"}
    file |= {"content_type": "text/plain", "size": 4, "storage_path": "plan.txt"}
    old.insert("sample_files", file | {"created_at": MADE})
    return {1: b"plan"}


def put(folder, path, content):
    """Put a file into the old uploads folder."""
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)


class OldDatabase:
    """A database beside that of the tests; `name` is what `server.connected_to` takes."""

    def __init__(self, name):
        self.name = name

    @contextlib.contextmanager
    def cursor(self):
        """Yield a cursor of the driver, past Django; commits at the end."""
        parameters = server.connection_parameters(self.name)
        with psycopg.connect(**parameters) as raw, raw.cursor() as cursor:
            yield cursor

    def run(self, script):
        """Run SQL statements."""
        with self.cursor() as cursor:
            cursor.execute(script)

    def insert(self, table, *rows):
        """Insert rows, each a dict of the same columns."""
        names, marks = ", ".join(rows[0]), ", ".join(["%s"] * len(rows[0]))
        with self.cursor() as cursor:
            cursor.executemany(
                f"INSERT INTO {table} ({names}) VALUES ({marks})", [[*row.values()] for row in rows]
            )

    def query(self, sql):
        """Return the rows of a SELECT."""
        with self.cursor() as cursor:
            return cursor.execute(sql).fetchall()

    def tables(self):
        """Return the names of the tables that Camp's migrations did not make."""
        rows = self.query("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        own = ("sample_users_groups", "sample_users_user_permissions")
        return [
            name
            for (name,) in sorted(rows)
            if name.startswith(("sample_", "alembic")) and name not in own
        ]

    def counts(self):
        """Return {table: rows} of these."""
        return {table: self.query(f"SELECT COUNT(*) FROM {table}")[0][0] for table in self.tables()}

    def everything(self):
        """Return all rows and the whole schema, to see whether anything changed."""
        rows = {table: self.query(f"SELECT * FROM {table} ORDER BY 1") for table in self.tables()}
        return self.query(SCHEMA), rows


SCHEMA = """
    SELECT 'column', table_name, column_name, data_type, character_maximum_length, is_nullable,
           column_default
    FROM information_schema.columns WHERE table_schema = 'public'
    UNION ALL
    SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid), 0, '', ''
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT 'index', tablename, indexname, indexdef, 0, '', '' FROM pg_indexes
    WHERE schemaname = 'public'
    UNION ALL SELECT 'sequence', sequencename, data_type::text, last_value::text, 0, '', ''
    FROM pg_sequences WHERE schemaname = 'public'
    ORDER BY 1, 2, 3, 4
"""


@contextlib.contextmanager
def old_database():
    """Make an empty database beside that of the tests and yield the OldDatabase."""
    server.drop(SCRATCH)
    server.create(SCRATCH)
    try:
        yield OldDatabase(SCRATCH)
    finally:
        server.drop(SCRATCH)


def takeover(*arguments):
    """Run `manage.py takeover`; returns what it prints."""
    output = io.StringIO()
    call_command("takeover", *map(str, arguments), stdout=output)
    return output.getvalue()


def apply(*arguments):
    """Run it with --apply, without a copy of the database."""
    name = server.locate_database().name
    return takeover("--apply", "--no-backup", "--no-input", "--name", name, *arguments)


@pytest.fixture
def old(django_db_setup, django_db_blocker, tmp_path, settings):
    """An empty database, in place of the tests' own."""
    settings.CAMP_DATA_DIR = tmp_path / "var"
    settings.BACKUP_FOLDER = tmp_path / "backups"
    # Those of production, with little work: every log-in makes a new hash.
    quick = "tests.accounts.test_hashers.QuickArgon2Hasher"
    settings.PASSWORD_HASHERS = [quick, *settings.PASSWORD_HASHERS[2:]]
    with django_db_blocker.unblock(), old_database() as made:
        ContentType.objects.clear_cache()
        with server.connected_to(made.name), translation.override("en"):
            yield made
        ContentType.objects.clear_cache()


@pytest.fixture(scope="session")
def migration_script(django_db_setup, django_db_blocker):
    """The SQL that `migrate` executes in an empty database."""
    statements = []
    left_out = ("SELECT", "SAVEPOINT", "RELEASE SAVEPOINT")

    def record(execute, sql, parameters, many, context):
        assert not many
        if not sql.lstrip().startswith(left_out):
            statements.append(context["cursor"].mogrify(sql, parameters))
        return execute(sql, parameters, many, context)

    with (
        django_db_blocker.unblock(),
        old_database() as made,
        server.connected_to(made.name),
        server.connection.execute_wrapper(record),
    ):
        call_command(Migrate(), verbosity=0)
    return ";\n".join(statements)


@pytest.fixture
def quick_migrate(migration_script, monkeypatch):
    """Execute the recorded script where `migrate` finds none of Camp's tables.

    For tests of what becomes of the rows. Those in test_takeover.py run all migrations.
    """
    migrate = Migrate.handle

    def replay(command, *arguments, **options):
        if MigrationRecorder(server.connection).has_table():
            return migrate(command, *arguments, **options)
        with transaction.atomic(), server.connection.cursor() as cursor:
            cursor.execute(migration_script)

    monkeypatch.setattr(Migrate, "handle", replay)


@pytest.fixture
def uploads(tmp_path):
    """The old backend's folder of files."""
    folder = tmp_path / "uploads"
    folder.mkdir()
    return folder
