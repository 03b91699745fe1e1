import io
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from axes.models import AccessAttempt, AccessLog
from django.contrib.auth import get_user
from django.core import checks
from django.core.management import call_command
from django.db import connection, connections
from django.db.models import F
from django.test import Client

from accounts.models import AttemptCounter, User
from camp.web.slots import HashingBusy
from tests.conftest import PASSWORD, person

LOGIN = "/accounts/login/"
LIMIT = 5


def try_once(client, login="owner", password="wrong", path=LOGIN, **extra):
    return client.post(path, {"username": login, "password": password}, **extra)


def try_often(client, times=LIMIT, **options):
    for _ in range(times):
        response = try_once(client, **options)
    return response


def let_pass(**time):
    """Have the counters be older."""
    AttemptCounter.objects.update(ends_at=F("ends_at") - timedelta(**time))


def counted(kind="login"):
    return AttemptCounter.objects.get(kind=kind).count


def is_let_in(client, **options):
    response = try_once(client, password=PASSWORD, **options)
    return response.status_code == 302 and get_user(client).is_authenticated


def test_too_many_tries_are_answered_with_the_waiting_time(client, owner):
    assert try_often(client, LIMIT - 1).status_code == 200
    response = try_once(client)
    assert response.status_code == 429
    assert 890 < int(response.headers["Retry-After"]) <= 900
    page = response.content.decode()
    assert "Too many attempts" in page
    assert "in 15 minutes" in page
    assert "owner" not in page


def test_not_even_the_right_password_helps_then(client, owner):
    try_often(client)
    assert not is_let_in(client)
    assert try_once(client, password=PASSWORD).status_code == 429


def test_waiting_helps_and_trying_meanwhile_does_not_prolong_it(client, owner):
    try_often(client)
    let_pass(minutes=14)
    response = try_once(client)
    assert "in 1 minute." in response.content.decode()
    assert int(response.headers["Retry-After"]) <= 60
    let_pass(minutes=1, seconds=1)
    assert is_let_in(client)


def test_time_is_counted_from_the_first_try(client, owner):
    try_often(client, LIMIT - 1)
    let_pass(minutes=10)
    response = try_once(client)
    assert response.status_code == 429
    assert "in 5 minutes." in response.content.decode()


def test_programs_that_ask_for_json_get_it(client, owner):
    response = try_often(client, headers={"Accept": "application/json"})
    assert response.status_code == 429
    assert response.json() == {"error": "Too many attempts"}


@pytest.mark.parametrize("alias", ["OWNER", "owner@example.org", "Owner@Example.ORG", " owner "])
def test_other_spellings_of_one_account_give_no_more_tries(client, owner, alias):
    try_often(client, LIMIT - 1)
    assert try_once(client, login=alias).status_code == 429
    assert try_once(client).status_code == 429


def test_unknown_names_are_throttled_alike(client, db):
    assert try_often(client, login="nobody@example.org").status_code == 429
    assert try_once(client, login="NOBODY@example.org").status_code == 429
    assert try_once(client, login="somebody").status_code == 200


@pytest.mark.parametrize("browser", ["one", "two"])
def test_another_browser_gives_no_more_tries(client, owner, browser):
    try_often(client, LIMIT - 1, headers={"User-Agent": "one"})
    assert try_once(client, headers={"User-Agent": browser}).status_code == 429


def test_others_and_other_addresses_are_not_locked_out(client, owner, member):
    try_often(client)
    assert is_let_in(client, login="member")
    client.logout()
    assert is_let_in(client, REMOTE_ADDR="192.0.2.7")


def test_success_starts_the_count_anew(client, owner):
    try_often(client, LIMIT - 1)
    assert is_let_in(client, login="OWNER@example.org")
    assert not AttemptCounter.objects.exclude(count=0).filter(kind="login").exists()
    client.logout()
    assert try_often(client, LIMIT - 1).status_code == 200


def test_success_of_somebody_else_does_not(client, owner, member):
    try_often(client, LIMIT - 1)
    assert is_let_in(client, login="member")
    client.logout()
    assert try_once(client).status_code == 429


def test_admin_is_covered_and_counts_together(client, organiser):
    assert client.get("/admin/", follow=True).status_code == 200
    try_often(client, 2, login="organiser", path="/admin/login/")
    response = try_often(client, LIMIT - 2, login="organiser")
    assert response.status_code == 429
    response = try_once(client, login="organiser", password=PASSWORD, path="/admin/login/")
    assert response.status_code == 429
    assert "Retry-After" in response.headers
    assert client.get("/admin/").status_code == 302


def test_names_as_long_as_they_may_be_are_counted(client, db):
    assert try_often(client, login="あ" * 255).status_code == 429
    assert try_often(client, login="x" * 256).status_code == 200  # refused unseen


def test_forms_that_are_incomplete_are_not_counted(client, owner):
    for _ in range(LIMIT):
        client.post(LOGIN, {"username": "owner"})
    assert not AttemptCounter.objects.exists()
    assert is_let_in(client)


def test_locked_out_callers_write_nothing_more(client, owner):
    try_often(client, LIMIT)
    before = list(AttemptCounter.objects.order_by("pk").values())
    try_often(client, 3)
    assert list(AttemptCounter.objects.order_by("pk").values()) == before


def test_neither_password_nor_log_in_times_are_kept(client, owner):
    try_often(client, 2, password="secret-typo")
    try_once(client, login="secret-in-the-wrong-field")
    rows = str(list(AttemptCounter.objects.values()))
    assert "secret" not in rows
    assert "owner" not in rows
    assert not AccessAttempt.objects.exists()
    assert is_let_in(client)
    assert not AccessLog.objects.exists()


def test_log_names_nobody(client, owner, caplog):
    caplog.set_level("DEBUG")
    try_often(client)
    is_let_in(client, REMOTE_ADDR="192.0.2.7")
    assert "owner" not in caplog.text
    assert PASSWORD not in caplog.text


def test_redis_is_not_needed(client, owner, settings):
    settings.CACHES = settings.CACHES | {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "redis://127.0.0.1:1",
        }
    }
    assert try_often(client).status_code == 429


# Whose address it is

FORGED = "203.0.113.9, 198.51.100.4"


def test_without_a_proxy_of_ours_the_header_is_ignored(client, owner):
    for number in range(LIMIT):
        response = try_once(client, headers={"X-Forwarded-For": f"203.0.113.{number}"})
    assert response.status_code == 429
    assert AttemptCounter.objects.get(kind="login").address == "127.0.0.1"


@pytest.mark.parametrize(
    ("header", "address"),
    [
        (FORGED, "198.51.100.4"),
        ("198.51.100.4:5123", "198.51.100.4"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::"),
        ("[2001:db8:1:2:ffff::1]:443", "2001:db8:1::"),
        ("::ffff:198.51.100.4", "198.51.100.4"),
        ("nonsense", "127.0.0.1"),
        ("198.51.100.4, ", "127.0.0.1"),
        ("", "127.0.0.1"),
    ],
)
def test_behind_our_proxy_its_own_entry_counts(client, owner, settings, header, address):
    settings.CAMP_HTTPS = True
    try_once(client, headers={"X-Forwarded-For": header})
    assert AttemptCounter.objects.get(kind="login").address == address


def test_address_that_is_unknown_is_one_address(client, owner):
    assert try_often(client, REMOTE_ADDR="").status_code == 429
    assert AttemptCounter.objects.get(kind="login").address == ""


def test_check_finds_nothing_to_complain_about(db):
    assert [found for found in checks.run_checks() if found.id.startswith("axes")] == []


def test_changed_name_does_not_lock_out(client, db):
    user = person("before")
    try_often(client, LIMIT - 1, login="before")
    user.username = "after"
    user.save()
    assert is_let_in(client, login="after")


# One address, many names; one account, many addresses


def test_one_address_has_a_budget_whatever_names_it_tries(client, owner, settings):
    settings.LOGIN_ADDRESS_LIMIT = 12
    for number in range(11):
        assert try_once(client, login=f"name{number}").status_code == 200
    assert try_once(client, login="name11").status_code == 429
    assert not is_let_in(client)
    assert is_let_in(client, REMOTE_ADDR="192.0.2.7")


def test_success_at_another_account_leaves_the_budget_of_the_address(client, owner, member):
    for number in range(8):
        try_once(client, login=f"name{number}")
    assert is_let_in(client, login="member")
    assert counted("address") == 8


@pytest.mark.parametrize("networks", [1, 8])
def test_the_networks_of_one_site_count_together(client, owner, networks):
    answers = [
        try_once(client, REMOTE_ADDR=f"2001:db8:7:{number % networks:x}::{number:x}").status_code
        for number in range(8)
    ]
    assert answers.count(200) == LIMIT - 1
    assert not is_let_in(client, REMOTE_ADDR="2001:db8:7:ffff::1")
    assert is_let_in(client, REMOTE_ADDR="2001:db8:8::1")


def test_an_account_has_a_limit_for_all_addresses_together(client, owner):
    for number in range(LIMIT * 10):
        answer = try_once(client, REMOTE_ADDR=f"192.0.2.{number}")
    assert answer.status_code == 429
    assert try_once(client, REMOTE_ADDR="198.51.100.1").status_code == 429


def test_an_account_that_collides_does_not_start_the_count_anew(client, db):
    victim, helper = person("Дима"), person("other")
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE sample_users SET username = 'дима', username_key = %s WHERE id = %s",
            [f"дима\x1f{helper.pk}", helper.pk],
        )
    for _ in range(3):
        try_often(client, LIMIT - 1, login="Дима")
        assert is_let_in(client, login="дима")
        client.logout()
        if try_once(client, login="Дима").status_code == 429:
            break
    assert not is_let_in(client, login="ДИМА")
    assert User.objects.get(pk=victim.pk).last_login is None


def test_names_that_nobody_has_are_answered_in_exactly_the_same_way(owner):
    def answers(login):
        client = Client()
        responses = [try_once(client, login=login, REMOTE_ADDR="192.0.2.1") for _ in range(7)]
        pages = [response.content.decode().replace(login, "") for response in responses]
        return [(r.status_code, len(page)) for r, page in zip(responses, pages, strict=True)]

    assert answers("owner") == answers("nobod")


@pytest.mark.django_db(transaction=True)
def test_of_many_tries_at_once_no_more_are_looked_at(monkeypatch):
    user = person("owner")
    looked = []

    def slow(self, password):
        looked.append(password)
        time.sleep(0.05)
        return False

    monkeypatch.setattr(User, "check_password", slow)

    def attempt(number):
        try:
            return try_once(Client(), password=f"guess {number}").status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(attempt, range(16)))
    assert len(looked) == LIMIT
    assert set(answers) <= {200, 429}
    assert AttemptCounter.objects.get(kind="login", user_id=user.pk).count == LIMIT


def test_counters_that_are_over_are_removed(client, db):
    for number in range(5):
        try_once(client, login=f"name{number}", REMOTE_ADDR=f"192.0.2.{number}")
    let_pass(minutes=16)
    try_once(client)
    assert AttemptCounter.objects.count() == 3


def test_the_commands_of_django_axes_end_a_pause(client, owner):
    try_often(client)
    call_command("axes_reset_username", "OWNER", stdout=io.StringIO())
    assert is_let_in(client)


def test_passwords_that_a_busy_server_did_not_look_at_are_not_counted(client, owner, monkeypatch):
    def refuse(self, password):
        raise HashingBusy

    with monkeypatch.context() as patch:
        patch.setattr(User, "check_password", refuse)
        answers = [try_once(client).status_code for _ in range(LIMIT + 1)]
        client.force_login(owner)
        answers += [
            client.post("/accounts/delete/", {"password": PASSWORD}).status_code
            for _ in range(LIMIT + 1)
        ]
    assert set(answers) == {503}
    client.logout()
    assert is_let_in(client)
