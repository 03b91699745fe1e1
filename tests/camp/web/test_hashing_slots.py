"""How many passwords are hashed at once, and what people see when that are too many."""

import threading
import time

import pytest
from django.contrib.auth.hashers import check_password, make_password
from django.test import Client
from django.urls import reverse

from camp.config.resources import cgroup_limits, memory_limit
from camp.web import slots as module
from camp.web.slots import HashingBusy, HashingSlots

ALGORITHMS = ["pbkdf2_sha256", "scrypt", "bcrypt_sha256", "bcrypt"]


@pytest.fixture
def few(monkeypatch, settings):
    """One slot, no patience, and the hashers of a real place."""
    slots = HashingSlots(1, longest_queue=1)
    monkeypatch.setattr("accounts.hashers.hashing_slots", slots)
    monkeypatch.setattr(module, "HASHING_WAIT_SECONDS", 0.05)
    settings.PASSWORD_HASHERS = settings.PASSWORD_HASHERS[1:]  # without the one for tests
    return slots


def test_a_hash_and_its_check_wait_for_a_slot(few):
    encoded = make_password("a good long password")
    assert check_password("a good long password", encoded)
    with in_another_thread(few), pytest.raises(HashingBusy):
        make_password("a good long password")
    with in_another_thread(few), pytest.raises(HashingBusy):
        check_password("a good long password", encoded)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_hasher_waits_for_a_slot(few, algorithm):
    with in_another_thread(few), pytest.raises(HashingBusy):
        make_password("a good long password", hasher=algorithm)


def test_hashes_of_the_old_backend_wait_for_a_slot(few):
    with in_another_thread(few), pytest.raises(HashingBusy):
        check_password("x", "old$2b$04$" + "a" * 53)


@pytest.mark.django_db
@pytest.mark.machine
@pytest.mark.parametrize("login", ["ann", "nobody"])
def test_a_log_in_beyond_the_limit_is_asked_to_come_back(few, django_user_model, login):
    django_user_model.objects.create_user("ann", "ann@example.org", "a good long password")
    form = {"username": login, "password": "a good long password"}
    with in_another_thread(few):
        response = Client().post(reverse("accounts:login"), form)

    assert response.status_code == 503
    assert response["Retry-After"] == str(module.HASHING_RETRY_AFTER)
    assert "logging in at once" in response.content.decode()
    assert Client().post(reverse("accounts:login"), form).status_code in (200, 302)


def test_no_more_than_the_limit_hash_at_once():
    slots, running, most = HashingSlots(3), [], []

    def hash_something():
        with slots.hashing():
            running.append(1)
            most.append(len(running))
            time.sleep(0.02)
            running.pop()

    threads = [threading.Thread(target=hash_something) for _ in range(20)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(most) == 20
    assert max(most) <= 3


def test_the_smallest_limit_of_the_control_groups_counts(tmp_path):
    process, root = tmp_path / "cgroup", tmp_path / "fs"
    inner = root / "system.slice" / "camp.service"
    inner.mkdir(parents=True)
    process.write_text("0::/system.slice/camp.service\n")
    (inner / "memory.max").write_text("max\n")
    (inner.parent / "memory.max").write_text(f"{2**29}\n")

    assert min(cgroup_limits(process, root)) == 2**29


def test_a_machine_without_control_groups_has_a_limit(tmp_path):
    assert min(cgroup_limits(tmp_path / "none", tmp_path)) >= 2**60
    assert 2**20 < memory_limit() < 2**60


class in_another_thread:
    """Hold a slot in a thread of its own."""

    def __init__(self, slots):
        self.slots = slots

    def __enter__(self):
        held, self.done = threading.Event(), threading.Event()

        def hold():
            with self.slots.hashing():
                held.set()
                self.done.wait(20)

        self.thread = threading.Thread(target=hold)
        self.thread.start()
        assert held.wait(20)

    def __exit__(self, *error):
        self.done.set()
        self.thread.join()
