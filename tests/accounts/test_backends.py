import pytest
from django.contrib.auth import get_user
from django.contrib.auth.hashers import MD5PasswordHasher
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
    """Two people of an old database whose names and e-mails differ by case."""
    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX sample_users_username_ci")
        cursor.execute("DROP INDEX sample_users_email_ci")
    big, small = person("Hana"), person("hana")
    small.set_password("the other password")
    small.save()
    return big, small


def test_of_several_only_the_one_spelt_exactly_logs_in(client, twins):
    big, small = twins
    assert log_in(client, "Hana") == big
    assert log_in(client, "Hana@example.org") == big
    assert log_in(client, "hana", "the other password") == small
    assert log_in(client, "hana@example.org", "the other password") == small


def test_of_several_none_logs_in_by_another_spelling_or_password(client, twins):
    assert log_in(client, "HANA") is None
    assert log_in(client, "HANA", "the other password") is None
    assert log_in(client, "hana") is None
    assert log_in(client, "Hana", "the other password") is None


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
