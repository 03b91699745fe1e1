"""What a place is for, by its settings and by the mark in its database."""

import pytest
from django.core.management import CommandError, call_command

from camp.operations.database import environment, server

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("of_settings", "of_database", "rules"),
    [
        ("development", "production", "production"),
        ("production", "development", "production"),
        ("staging", "development", "staging"),
        ("development", "", "development"),
        ("development", "something newer", "something newer"),
    ],
)
def test_the_stricter_one_rules(settings, of_settings, of_database, rules):
    settings.CAMP_ENVIRONMENT = of_settings
    environment.mark(of_database)
    assert environment.current() == rules


def test_an_unknown_mark_counts_as_production():
    environment.mark("something newer")
    assert environment.is_production()


def test_a_database_remembers_the_strictest_settings(settings):
    settings.CAMP_ENVIRONMENT = "production"
    call_command("migrate", verbosity=0)
    settings.CAMP_ENVIRONMENT = "development"
    call_command("migrate", verbosity=0)
    assert environment.read_mark() == "production"


def test_the_command_shows_mark_and_settings(capsys):
    environment.mark("staging")
    call_command("environment")
    shown = "Database: staging. Settings: development. What rules: staging.\n"
    assert capsys.readouterr().out == shown


def test_a_stricter_mark_needs_no_confirmation():
    call_command("environment", "production", verbosity=0)
    assert environment.read_mark() == "production"


def test_a_looser_mark_is_confirmed_by_name():
    environment.mark("production")
    with pytest.raises(CommandError, match="no terminal"):
        call_command("environment", "development")
    with pytest.raises(CommandError, match="is not the name"):
        call_command("environment", "development", no_input=True, name="other")
    assert environment.read_mark() == "production"
    call_command("environment", "development", no_input=True, name=server.locate_database().name)
    assert environment.read_mark() == "development"
