import threading

import pytest
from django.contrib.auth import get_user
from django.db import connection
from django.test import Client

from accounts import setup_token
from accounts.models import User
from tests.conftest import PASSWORD

FORM = {
    "username": "first",
    "email": "first@example.org",
    "password1": PASSWORD,
    "password2": PASSWORD,
}


@pytest.fixture
def address():
    return f"/setup/{setup_token.issue()}/"


def test_first_administrator_is_made_and_logged_in(client, db, address):
    assert "Set up Camp" in client.get(address).content.decode()
    response = client.post(address, FORM, follow=True)
    assert response.redirect_chain == [("/", 302)]
    user = User.objects.get()
    assert user.is_superuser
    assert user.is_staff
    assert get_user(client) == user
    assert client.get("/admin/").status_code == 200


def test_address_dies_when_used(client, db, address):
    client.post(address, FORM)
    User.objects.all().delete()
    assert client.get(address).status_code == 404
    assert client.post(address, FORM).status_code == 404
    assert not User.objects.exists()


def test_looking_and_mistakes_do_not_use_it_up(client, db, address):
    client.head(address)
    client.get(address)
    response = client.post(address, FORM | {"password2": "else"})
    assert "password2" in response.context["form"].errors
    assert client.post(address, FORM).status_code == 302


def test_wrong_token_is_not_found(client, db, address):
    assert client.get("/setup/guess/").status_code == 404
    assert client.post("/setup/guess/", FORM).status_code == 404
    assert client.get("/setup/花/").status_code == 404
    assert not User.objects.exists()


def test_no_token_waits_then_nothing_is_found(client, db):
    assert client.get("/setup/guess/").status_code == 404
    assert client.get("/setup//").status_code == 404


def test_address_is_dead_once_there_is_an_administrator(client, organiser, address):
    assert client.get(address).status_code == 404
    assert client.post(address, FORM).status_code == 404
    assert list(User.objects.all()) == [organiser]


def test_somebody_who_signed_up_first_does_not_kill_it(client, owner, address):
    assert client.post(address, FORM).status_code == 302
    assert User.objects.get(is_superuser=True).username == "first"


def test_other_verbs_are_refused(client, db, address):
    assert client.put(address).status_code == 405


def test_page_is_not_cached(client, db, address):
    assert "no-store" in client.get(address).headers["Cache-Control"]


def test_of_two_at_once_one_wins(transactional_db, address):
    start = threading.Barrier(2, timeout=30)
    answers = []

    def use(name):
        client = Client()
        form = FORM | {"username": name, "email": f"{name}@example.org"}
        client.get(address)
        start.wait()
        answers.append(client.post(address, form).status_code)
        connection.close()

    threads = [threading.Thread(target=use, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [302, 404]
    assert User.objects.count() == 1
