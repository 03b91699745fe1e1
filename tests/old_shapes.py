"""The three shapes in which the old backend had its tables, filled with conversations.

Integer keys; UUID keys in plural tables; UUID keys in singular tables. Question and answer of
an exchange were written in one transaction, so they have the same time.
"""

import json
import random
import uuid
from dataclasses import dataclass, field

from tests.old_backend import ALEMBIC, over_sha256

SHAPES = ("integer", "uuid", "singular")
# What nobody has, but somebody might: integer keys, or only some tables, by singular names.
MIXES = ("integer singular", "uuid half")
SESSIONS, EXCHANGES = 4, 12
ABOUT = {"location": "Tokyo", "tags": ["<b>旅</b>"]}  # metadata of a session
TABLES = {
    "user": """
        id {key} PRIMARY KEY,
        email VARCHAR(255) NOT NULL,
        username VARCHAR(50) NOT NULL,
        hashed_password VARCHAR(100) NOT NULL,
        is_active BOOLEAN NOT NULL,
        is_superuser BOOLEAN NOT NULL,
        last_login_at {time},
        last_login_ip VARCHAR(45),
        failed_login_attempts INTEGER NOT NULL,
        created_at {time} DEFAULT CURRENT_TIMESTAMP NOT NULL,
        updated_at {time} DEFAULT CURRENT_TIMESTAMP NOT NULL
    """,
    "session": """
        id {key} PRIMARY KEY,
        session_id VARCHAR(255) NOT NULL,
        user_id {reference} REFERENCES {user} (id) ON DELETE CASCADE,
        metadata {json},
        created_at {time} DEFAULT CURRENT_TIMESTAMP NOT NULL,
        updated_at {time} DEFAULT CURRENT_TIMESTAMP NOT NULL
    """,
    "message": """
        id {key} PRIMARY KEY,
        session_id {reference} NOT NULL REFERENCES {session} (id) ON DELETE CASCADE,
        role VARCHAR(50) NOT NULL,
        content TEXT NOT NULL,
        tokens_used INTEGER,
        model VARCHAR(100),
        created_at {time} DEFAULT CURRENT_TIMESTAMP NOT NULL
    """,
    "file": """
        id {key} PRIMARY KEY,
        file_id VARCHAR(255) NOT NULL,
        user_id {reference} REFERENCES {user} (id) ON DELETE SET NULL,
        filename VARCHAR(255) NOT NULL,
        filepath VARCHAR(500) NOT NULL,
        content_type VARCHAR(100) NOT NULL,
        size INTEGER NOT NULL,
        metadata {json},
        created_at {time} DEFAULT CURRENT_TIMESTAMP NOT NULL
    """,
}
UNIQUE = {"user": ["email", "username"], "session": ["session_id"], "file": ["file_id"]}


@dataclass
class Filled:
    """What is in an old database: messages by session ID in the order of reading, and so on."""

    tables: dict
    messages: dict = field(default_factory=dict)
    users: dict = field(default_factory=dict)  # name: key
    sessions: dict = field(default_factory=dict)  # session ID: key


def names(shape):
    """Return {kind: name of its table} of a shape."""
    singular = TABLES if "singular" in shape else ("session", "file") if "half" in shape else ()
    return {kind: f"sample_{kind}" + ("" if kind in singular else "s") for kind in TABLES}


def make(old, shape):
    """Make the empty tables of a shape, as Alembic did."""
    integer = "integer" in shape
    words = {
        "key": "SERIAL" if integer else "UUID",
        "reference": "INTEGER" if integer else "UUID",
        "time": "TIMESTAMP WITH TIME ZONE",
        "json": "JSON",
    }
    tables = names(shape)
    script = "" if "alembic_version" in old.tables() else ALEMBIC
    for kind, columns in TABLES.items():
        script += f"CREATE TABLE {tables[kind]} ({columns.format(**words, **tables)});"
        for column in UNIQUE.get(kind, []):
            table = tables[kind]
            script += f"CREATE UNIQUE INDEX ix_{table}_{column} ON {table} ({column});"
    old.run(script)
    return tables


def new_key(shape, numbers):
    """Return a function that gives keys: numbers in a row, or random UUIDs."""
    if "integer" in shape:
        count = iter(range(1, 10**6))
        return lambda: next(count)
    return lambda: str(uuid.UUID(int=numbers.getrandbits(128), version=4))


def fill(old, shape, *, answers_first=False, prefix="old"):
    """Make the tables of a shape with two people and their conversations; returns a Filled.

    With `answers_first` the rows of each answer lie before those of its question.
    """
    numbers = random.Random(7)
    keys = new_key(shape, numbers)
    filled = Filled(make(old, shape))
    tables = filled.tables
    for name in ("hana", "ken"):
        filled.users[name] = keys()
        person = {"id": filled.users[name], "email": f"{name}@example.org", "username": name}
        person |= {"hashed_password": over_sha256(), "is_active": True, "is_superuser": False}
        person |= {"failed_login_attempts": 0, "last_login_at": "2025-03-04 05:06:07+00:00"}
        old.insert(tables["user"], person | {"last_login_ip": "192.0.2.1"})
    for number in range(SESSIONS):
        public = f"{prefix}-session-{number}"
        filled.sessions[public] = keys()
        about = json.dumps(ABOUT | {"title": f"計画 {number}"}) if number % 2 else None
        session = {"id": filled.sessions[public], "session_id": public, "metadata": about}
        old.insert(tables["session"], session | {"user_id": filled.users["hana"]})
        filled.messages[public], rows = [], []
        for exchange in range(EXCHANGES):
            pair = [("user", f"# question {exchange}"), ("assistant", f"answer {exchange}")]
            filled.messages[public] += [content for _role, content in pair]
            time = f"2025-01-02 03:{exchange:02}:05.678+00:00"
            ordered = reversed(pair) if answers_first else pair
            rows += message_rows(filled, keys, public, time, ordered)
        old.insert(tables["message"], *rows)
    return filled


def add_messages(old, filled, keys, public, time, messages):
    """Insert messages (role, content) of one time, in that order."""
    old.insert(filled.tables["message"], *message_rows(filled, keys, public, time, messages))


def message_rows(filled, keys, public, time, messages):
    """Yield the rows of such messages."""
    for role, content in messages:
        message = {"id": keys(), "session_id": filled.sessions[public], "role": role}
        message |= {"content": content, "created_at": time, "tokens_used": 3, "model": "m"}
        yield message


def add_file(old, filled, keys, path, size, *, user="hana", name=""):
    """Insert the row of a file, whose bytes are said to be at `path`."""
    file = {"id": keys(), "file_id": f"file-{path}", "user_id": filled.users[user]}
    file |= {"filename": name or path.rpartition("/")[2], "filepath": path, "size": size}
    old.insert(filled.tables["file"], file | {"content_type": "text/plain"})
