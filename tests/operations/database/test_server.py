"""The database as a whole: what it is, what is in it, and others in its place."""

import contextlib
import subprocess
import sys

import psycopg
import pytest
from django.db import DatabaseError, connection

from camp.operations.database import connected_users, server

SCRATCH = "camp_scratch"
ASIDE = "camp_scratch_aside"


@pytest.fixture
def scratch(transactional_db):
    """Make an empty database beside the one of the tests; returns its name."""
    server.create(SCRATCH)
    yield SCRATCH
    for name in (SCRATCH, ASIDE):
        server.drop(name)


def tables_of(name):
    """Return the tables of a database of the server."""
    with psycopg.connect(**server.connection_parameters(name)) as session:
        rows = session.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        return [table for (table,) in rows]


def make_table(name, table):
    with psycopg.connect(**server.connection_parameters(name)) as session:
        session.execute(f"CREATE TABLE {table} ()")


@pytest.mark.sqlite
def test_place_of_sqlite_is_named_by_its_file(settings):
    assert server.locate_database() == server.DatabaseLocation("SQLite", "", "test.sqlite3")


@pytest.mark.postgresql
def test_place_of_postgresql_has_an_address():
    place = server.locate_database()
    assert place.engine == "PostgreSQL"
    assert place.host == f"127.0.0.1:{connection.settings_dict['PORT']}"
    assert place.name == connection.settings_dict["NAME"]


INDEX = (
    "unable to validate the inverted index for FTS5 table main.camp_index_sample_files: "
    "attempt to write a readonly database"
)


class Said:
    """A connection to a database of which SQLite says these lines."""

    def __init__(self, *lines):
        self.lines = lines

    @contextlib.contextmanager
    def cursor(self):
        yield self

    def execute(self, sql):
        pass

    def fetchall(self):
        return [(line,) for line in self.lines]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["ok"], ""),
        ([INDEX], ""),
        ([INDEX, "row 2 missing from index sample_files_size"], "row 2 missing from index"),
        (["*** in database main ***\nPage 7: never used"], "Page 7: never used"),
    ],
)
def test_the_index_for_the_search_is_no_damage(lines, expected):
    found = server.sqlite_damage(Said(*lines), thorough=True)
    assert found.startswith(expected)
    assert bool(found) == bool(expected)


def test_rows_are_counted_in_every_table(owner, member):
    counts = server.row_counts()
    assert counts["sample_users"] == 2
    assert counts["sample_files"] == 0
    assert "django_migrations" in counts


@pytest.mark.django_db
def test_the_database_has_a_size():
    assert server.database_size() > 10_000


@pytest.mark.sqlite
@pytest.mark.django_db(transaction=True)
def test_an_empty_file_is_no_database(tmp_path):
    missing = tmp_path / "missing.sqlite3"
    with server.connected_to(missing):
        assert not server.database_exists()
        assert server.row_counts() == {}
        assert server.database_size() == 0
    assert not missing.exists()
    assert server.database_exists()


@pytest.mark.sqlite
@pytest.mark.django_db(transaction=True)
def test_a_file_that_is_no_database_is_said_to_be_unreadable(tmp_path):
    broken = tmp_path / "broken.sqlite3"
    broken.write_bytes(b"not a database at all" * 100)
    with server.connected_to(broken), pytest.raises(DatabaseError):
        server.row_counts()


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_a_missing_database_is_told_from_a_server_that_refuses():
    with server.connected_to("camp_nowhere"):
        assert not server.database_exists()
        assert server.row_counts() == {}
        assert server.database_size() == 0
        connection.settings_dict["PASSWORD"], kept = "wrong", connection.settings_dict["PASSWORD"]
        try:
            with pytest.raises(DatabaseError):
                server.database_exists()
        finally:
            connection.settings_dict["PASSWORD"] = kept
    assert server.database_exists()


@pytest.mark.postgresql
def test_a_new_database_has_the_locale_of_the_configured_one(scratch):
    with server.connect_for_maintenance() as session:
        query = "SELECT datcollate, datctype, encoding FROM pg_database WHERE datname = %s"
        [new] = session.execute(query, [scratch]).fetchall()
        [configured] = session.execute(query, [connection.settings_dict["NAME"]]).fetchall()
    assert new == configured


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_others_are_named_and_disconnected():
    parameters = server.connection_parameters() | {"application_name": "somebody"}
    with psycopg.connect(**parameters) as other:
        assert any(" somebody (process " in name for name in connected_users.other_connections())
        connected_users.disconnect_others(connection.settings_dict["NAME"])
        with pytest.raises(psycopg.OperationalError):
            other.execute("SELECT 1")


@pytest.mark.postgresql
@pytest.mark.django_db
def test_programs_reach_the_database_without_a_password_on_the_command_line():
    environment = server.program_environment()
    assert environment["PGDATABASE"] == connection.settings_dict["NAME"]
    code = "import psycopg; print(psycopg.connect().execute('SELECT 42').fetchone()[0])"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "42"
