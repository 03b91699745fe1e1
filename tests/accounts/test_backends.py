import io

import pytest
from django.contrib.auth import get_user
from django.contrib.auth.hashers import MD5PasswordHasher
from django.core.management import call_command
from django.db import connection

from tests.conftest import PASSWORD, person


class CountingHasher(MD5PasswordHasher):
    """Counts how often it works."""

    algorithm = "counting"
    work = 0

    def encode(self, password, salt):
        CountingHasher.work += 1
        return super().encode(password, salt)


def log_in(client, login, password=PASSWORD):
    client.logout()
    client.post("/accounts/login/", {"username": login, "password": password})
    return get_user(client) if get_user(client).is_authenticated else None


@pytest.fixture
def twins(db):
    """Two people of an older Camp whose names and e-mails differ by case alone."""
    big, small = person("Hana"), person("other")
    small.set_password("the other password")
    small.save()
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE sample_users SET username = 'hana', email = 'hana@example.org',"
            " username_key = NULL, email_key = NULL WHERE id = %s",
            [small.pk],
        )
    call_command("migrate", verbosity=0, stdout=io.StringIO())
    return big, small


def test_of_several_each_logs_in_by_the_exact_spelling(client, twins):
    big, small = twins
    assert log_in(client, "Hana") == big
    assert log_in(client, "Hana@example.org") == big
    assert log_in(client, "hana", "the other password") == small
    assert log_in(client, "hana@example.org", "the other password") == small
    assert log_in(client, "hana") is None
    assert log_in(client, "Hana", "the other password") is None


def test_of_several_the_older_one_logs_in_by_other_spellings(client, twins):
    assert log_in(client, "HANA") == twins[0]
    assert log_in(client, "HANA", "the other password") is None


def test_somebody_unknown_costs_as_much_as_a_wrong_password(client, db, settings):
    settings.PASSWORD_HASHERS = [f"{__name__}.CountingHasher"]
    person("owner")
    person("away", is_active=False)
    work = {}
    for login in ("owner", "away", "nobody", "nobody@example.org"):
        CountingHasher.work = 0
        assert log_in(client, login, "wrong") is None
        work[login] = CountingHasher.work
    assert set(work.values()) == {1}
