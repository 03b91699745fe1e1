import re
import threading

import pytest
from django.contrib.auth import get_user
from django.db import connection
from django.test import Client

from accounts.models import AttemptCounter, User
from files.models import File
from sessions_app.models import Member, Message, Session
from tests.conftest import PASSWORD, person

DELETE = "/accounts/delete/"


def delete(client, password=PASSWORD, **options):
    return client.post(DELETE, {"password": password}, **options)


@pytest.fixture
def belongings(owner, settings):
    """A session with a message, and a file with its bytes; returns where those are."""
    session = Session.objects.create(user=owner, title="Camp fire")
    Message.objects.create(session=session, role="user", content="Songs")
    where = settings.LOCAL_STORAGE_PATH / "ab" / "cd" / "bytes"
    where.parent.mkdir(parents=True)
    where.write_bytes(b"song")
    File.objects.create(
        user=owner, session=session, filename="song.txt", size=4, storage_path="ab/cd/bytes"
    )
    return where


def test_strangers_are_asked_to_log_in(client, owner):
    assert client.get(DELETE).headers["Location"] == f"/accounts/login/?next={DELETE}"
    assert delete(client).headers["Location"] == f"/accounts/login/?next={DELETE}"
    assert User.objects.exists()


def test_page_says_what_will_happen(client, owner):
    client.force_login(owner)
    page = client.get(DELETE).content.decode()
    assert "all its sessions, messages and files" in page
    assert User.objects.exists()


def test_page_names_the_sessions_that_others_lose(client, owner, member):
    for title in ("Camp <fire>", ""):
        session = Session.objects.create(user=owner, title=title)
        Member.objects.create(session=session, user=member)
    client.force_login(owner)
    page = client.get(DELETE).content.decode()
    assert "2 of your sessions are shared with others" in page
    assert re.findall(r'/members/" dir="auto">([^<]*)</a>', page) == [
        "Untitled session",
        "Camp &lt;fire&gt;",
    ]


def test_everything_goes_rows_and_bytes(
    client, owner, member, belongings, django_capture_on_commit_callbacks
):
    client.force_login(owner)
    with django_capture_on_commit_callbacks(execute=True):
        response = delete(client)
    assert response.headers["Location"] == "/"
    assert list(User.objects.all()) == [member]
    assert not Session.objects.exists()
    assert not Message.objects.exists()
    assert not File.objects.exists()
    assert not belongings.exists()


def test_log_in_ends_here_and_elsewhere_and_the_page_says_so(client, owner):
    elsewhere = Client()
    elsewhere.force_login(owner)
    client.force_login(owner)
    response = delete(client, follow=True)
    assert "Your account and everything in it are deleted." in response.content.decode()
    assert not get_user(client).is_authenticated
    assert elsewhere.get("/accounts/profile/").status_code == 302


@pytest.mark.parametrize("password", ["wrong", "", PASSWORD.upper()])
def test_without_the_password_nothing_happens(client, owner, belongings, password):
    client.force_login(owner)
    response = delete(client, password)
    assert response.status_code == 200
    assert "password" in response.context["form"].errors
    assert User.objects.exists()
    assert belongings.exists()
    assert get_user(client) == owner


def test_failed_log_ins_at_the_account_are_forgotten_with_it(client, owner):
    client.post("/accounts/login/", {"username": "owner", "password": "wrong"})
    client.force_login(owner)
    client.post("/accounts/login/", {"username": "owner", "password": "wrong"})
    delete(client)
    assert not AttemptCounter.objects.exclude(kind="address").exists()


def test_last_administrator_stays_while_others_have_accounts(client, organiser, member):
    person("away", is_superuser=True, is_staff=True, is_active=False)
    client.force_login(organiser)
    response = delete(client)
    assert response.status_code == 200
    assert "You are the only administrator" in response.content.decode()
    assert User.objects.filter(pk=organiser.pk).exists()
    assert get_user(client) == organiser


def test_of_the_last_two_administrators_at_once_one_stays(transactional_db):
    people = [person(name, is_superuser=True) for name in ("one", "two")]
    person("member")
    start = threading.Barrier(2, timeout=30)
    answers = []

    def go(user):
        client = Client()
        client.force_login(user)
        start.wait()
        answers.append(delete(client).status_code)
        connection.close()

    threads = [threading.Thread(target=go, args=(user,)) for user in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200, 302]
    assert User.objects.filter(is_superuser=True).count() == 1


def test_one_of_two_administrators_may_go(client, organiser, member):
    person("second", is_superuser=True)
    client.force_login(organiser)
    assert delete(client).status_code == 302
    assert not User.objects.filter(pk=organiser.pk).exists()


def test_last_person_of_all_may_go(client, organiser):
    client.force_login(organiser)
    assert delete(client).status_code == 302
    assert not User.objects.exists()


def test_other_verbs_are_refused(client, owner):
    client.force_login(owner)
    assert client.delete(DELETE).status_code == 405
    assert User.objects.exists()
