"""Hashes made with the libraries that the old backend used."""

import hashlib

import argon2
import bcrypt
import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import get_user
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.test import Client

from accounts.models import User

pytestmark = pytest.mark.machine

ROUNDS = 4  # the least that bcrypt takes
PASSWORDS = ["pass word 7", "パスワード🏕", "x" * 72 + "beyond what bcrypt reads", "あ" * 25]


def raw_bcrypt(secret, variant=b"2b"):
    salt = bcrypt.gensalt(ROUNDS).replace(b"2b", variant, 1)
    return bcrypt.hashpw(secret[:72], salt).decode()


def over_sha256(password, variant=b"2b"):
    return raw_bcrypt(hashlib.sha256(password.encode()).hexdigest().encode(), variant)


def plain(password, variant=b"2b"):
    return raw_bcrypt(password.encode(), variant)


def small_argon2(password):
    return argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(password)


MAKERS = {
    "bcrypt over SHA-256, raw": over_sha256,
    "bcrypt over SHA-256, raw 2a": lambda password: over_sha256(password, b"2a"),
    "bcrypt over SHA-256, raw 2y": lambda password: over_sha256(password, b"2y"),
    "bcrypt over SHA-256, prefixed": lambda password: f"bcrypt_sha256${over_sha256(password)}",
    "plain bcrypt, raw": plain,
    "plain bcrypt, raw 2a": lambda password: plain(password, b"2a"),
    "plain bcrypt, raw 2y": lambda password: plain(password, b"2y"),
    "plain bcrypt, prefixed": lambda password: f"bcrypt${plain(password)}",
    "Argon2, raw": small_argon2,
    "Argon2, prefixed": lambda password: f"argon2{small_argon2(password)}",
}


class QuickArgon2Hasher(Argon2PasswordHasher):
    """Django's, with little work."""

    time_cost = 1
    memory_cost = 64
    parallelism = 1


@pytest.fixture(autouse=True)
def hashers_of_camp(settings):
    _for_tests, first, *others = settings.PASSWORD_HASHERS
    assert first == "accounts.hashers.Argon2PasswordHasher"
    settings.PASSWORD_HASHERS = [f"{__name__}.QuickArgon2Hasher", *others]


@pytest.fixture
def old_user(db):
    """A row as the old backend wrote it."""
    return User.objects.create(username="hana", email="hana@example.org", password="")


def store(user, encoded):
    User.objects.filter(pk=user.pk).update(password=encoded)


def log_in(user, password):
    client = Client()
    client.post("/accounts/login/", {"username": user.username, "password": password})
    return client if get_user(client) == user else None


@pytest.mark.parametrize(
    ("maker", "password"),
    [(maker, PASSWORDS[0]) for maker in MAKERS.values()]
    + [(maker, password) for maker in (over_sha256, plain) for password in PASSWORDS[1:]],
)
def test_old_hash_logs_in_and_becomes_argon2(old_user, maker, password):
    encoded = maker(password)
    store(old_user, encoded)
    client = log_in(old_user, password)
    assert client
    old_user.refresh_from_db()
    assert old_user.password.startswith("argon2$argon2id$")
    assert old_user.password != encoded
    assert client.get("/accounts/profile/").status_code == 200
    assert log_in(old_user, password)


@pytest.mark.parametrize("maker", MAKERS.values(), ids=MAKERS)
def test_wrong_password_fails_and_leaves_the_old_hash(old_user, maker):
    encoded = maker("pass word 7")
    store(old_user, encoded)
    assert not log_in(old_user, "pass word 8")
    assert not log_in(old_user, "y" * 80)
    old_user.refresh_from_db()
    assert old_user.password == encoded


def test_argon2_hash_without_prefix_gets_one_even_if_nothing_else_is_old(old_user):
    old_user.set_password("pass word 7")
    store(old_user, old_user.password.removeprefix("argon2"))
    assert log_in(old_user, "pass word 7").get("/accounts/profile/").status_code == 200
    old_user.refresh_from_db()
    assert old_user.password.startswith("argon2$argon2id$")


@pytest.mark.parametrize(
    "encoded",
    [
        "",
        "$",
        "$2b$",
        "$2b$12$short",
        "$2b$99$" + "a" * 53,
        "$2b$04$" + "!" * 53,
        "$argon2id$",
        "$argon2id$v=19$m=64,t=1,p=1$broken",
        "$6$rounds=5000$salt$hash",
        "pass word 7",
        "!" + "a" * 40,
    ],
)
def test_damaged_hash_fits_no_password(old_user, encoded):
    store(old_user, encoded)
    assert not log_in(old_user, "pass word 7")
    assert not log_in(old_user, encoded or "x")
    old_user.refresh_from_db()
    assert old_user.password == encoded


def test_asynchronous_check_upgrades_too(old_user):
    store(old_user, plain("pass word 7"))
    old_user.refresh_from_db()
    check = async_to_sync(old_user.acheck_password)
    assert not check("wrong")
    assert check("pass word 7")
    assert old_user.password.startswith("argon2$")
