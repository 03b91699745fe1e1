"""What stands before a command that destroys."""

from unittest import mock

import pytest
from django.core.management import CommandError

from camp.operations.database import confirmation, environment, server

ACTION = "Everything goes."


@pytest.fixture
def name():
    """The name of the database, which has to be typed."""
    return server.locate_database().name


@pytest.fixture
def at_a_terminal(monkeypatch):
    """Have standard input pass for a terminal."""
    monkeypatch.setattr("sys.stdin", type("Terminal", (), {"isatty": lambda self: True})())


def options(**given):
    return {"no_input": False, "name": "", "force_production": ""} | given


def confirm(said=None, **given):
    """Ask for confirmation; `answer` is what the person types."""
    answer = given.pop("answer", None)
    say = (said if said is not None else []).append
    with mock.patch("builtins.input", side_effect=[answer]):
        confirmation.confirm(options(**given), action=ACTION, say=say)


def test_the_typed_name_confirms(owner, at_a_terminal, name):
    said = []
    confirm(said, answer=f" {name} ")
    place = server.locate_database()
    assert said[0].startswith(f"Database: {name} on {place.engine}")
    assert said[1] == "Environment: development"
    assert "  sample_users: 1 row" in said
    assert said[-1] == ACTION


@pytest.mark.django_db
@pytest.mark.parametrize("answer", ["", "yes", "CAMP", "other"])
def test_another_name_refuses(at_a_terminal, name, answer):
    with pytest.raises(CommandError, match=f"which is {name}"):
        confirm(answer=answer)


@pytest.mark.django_db
def test_an_ended_terminal_refuses(at_a_terminal, name):
    with pytest.raises(CommandError, match=f"which is {name}"):
        confirm(answer=EOFError)


@pytest.mark.django_db
def test_without_a_terminal_nothing_is_asked(name):
    with pytest.raises(CommandError, match=f"--no-input --name {name}"):
        confirm(answer=name)


@pytest.mark.django_db
def test_no_input_needs_the_right_name(name):
    confirm(no_input=True, name=name)
    for wrong in ("", "other"):
        with pytest.raises(CommandError, match=f"which is {name}"):
            confirm(no_input=True, name=wrong)


@pytest.mark.django_db
def test_production_in_the_settings_refuses(settings, name):
    settings.CAMP_ENVIRONMENT = "production"
    with pytest.raises(CommandError, match=f"--force-production {name}"):
        confirm(no_input=True, name=name)


@pytest.mark.django_db
def test_production_in_the_database_refuses(name):
    environment.mark("production")
    with pytest.raises(CommandError, match=f"--force-production {name}"):
        confirm(no_input=True, name=name)


@pytest.mark.django_db
def test_production_is_forced_by_its_own_name_only(settings, name):
    settings.CAMP_ENVIRONMENT = "production"
    with pytest.raises(CommandError, match="production"):
        confirm(no_input=True, name=name, force_production="other")
    with pytest.raises(CommandError, match="is not the name"):
        confirm(no_input=True, force_production=name)
    confirm(no_input=True, name=name, force_production=name)


@pytest.mark.sqlite
@pytest.mark.django_db(transaction=True)
def test_what_cannot_be_read_is_said(tmp_path):
    broken = tmp_path / "broken.sqlite3"
    broken.write_bytes(b"not a database at all" * 100)
    said = []
    with server.connected_to(broken):
        confirm(said, no_input=True, name="broken.sqlite3")
    assert said[2].startswith("Its content cannot be read")
