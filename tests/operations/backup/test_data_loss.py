"""Django's commands that destroy data ask first, as Camp's own do."""

import io
import json

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from accounts.models import User
from camp.operations import backup
from camp.operations.database import environment, server
from tests.operations.backup import places

pytest_plugins = ["tests.operations.backup.place_fixtures"]


@pytest.fixture
def name():
    return server.locate_database().name


def run(*words, **options):
    output = io.StringIO()
    call_command(*words, stdout=output, stderr=output, **options)
    return output.getvalue()


DESTROYING = [("flush",), ("migrate", "files", "0001")]


@pytest.mark.parametrize("words", DESTROYING)
class TestDestroying:
    def test_it_wants_the_name_of_the_database(self, place, words):
        before = places.digest()
        for options in ({}, {"name": "other"}):
            with pytest.raises(CommandError, match="not the name of the database"):
                run(*words, interactive=False, **options)
        with pytest.raises(CommandError, match="no terminal"):
            run(*words)
        assert places.digest() == before

    def test_a_production_is_refused_without_its_name(self, place, words, name):
        environment.mark("production")
        with pytest.raises(CommandError, match="a production database"):
            run(*words, interactive=False, name=name)
        assert User.objects.exists()

    def test_a_backup_comes_first(self, place, words, name, monkeypatch):
        made = []
        monkeypatch.setattr(backup, "safety_copy", lambda *args: made.append(User.objects.count()))
        said = run(*words, interactive=False, name=name)
        assert made == [1]
        assert f"Database: {name}" in said
        assert "sample_users: 1 row" in said


def test_an_emptied_database_remembers_what_it_is_for(place, name):
    environment.mark("production")
    options = {"interactive": False, "name": name, "no_backup": True, "force_production": name}
    run("flush", **options)
    assert not User.objects.exists()
    assert environment.read_mark() == "production"
    run("migrate", "accounts", "zero", **options)
    run("migrate")
    assert environment.read_mark() == "production"


def test_what_remembers_it_is_not_undone(place, name):
    environment.mark("production")
    with pytest.raises(CommandError, match="what this database is for stays"):
        run("migrate", "camp", "zero", interactive=False, name=name, force_production=name)
    assert environment.read_mark() == "production"


def test_going_forward_asks_nothing(place):
    run("migrate")
    run("migrate", "accounts", "0001", plan=True)
    run("migrate", "accounts")
    with pytest.raises(CommandError, match="Cannot find a migration"):
        run("migrate", "accounts", "9999")


@pytest.fixture
def fixture(tmp_path):
    """A file for loaddata that renames a person."""
    file = tmp_path / "people.json"
    fields = {"username": "renamed", "email": "r@example.org", "password": "!"}
    fields |= dict.fromkeys(["created_at", "updated_at"], "2026-11-28T12:00:00Z")
    row = {"model": "accounts.user", "pk": User.objects.get().pk, "fields": fields}
    file.write_text(json.dumps([row]))
    return str(file)


def test_rows_of_a_production_are_not_overwritten(place, name, fixture):
    environment.mark("production")
    with pytest.raises(CommandError, match="a production database"):
        run("loaddata", fixture)
    assert not User.objects.filter(username="renamed").exists()
    run("loaddata", fixture, force_production=name)
    assert User.objects.filter(username="renamed").exists()


def test_statements_that_empty_a_production_are_not_printed(place, name):
    assert "deletes all rows" in run("sqlflush")
    environment.mark("production")
    with pytest.raises(CommandError, match="a production database"):
        run("sqlflush")
    assert connection.introspection.table_names()
