"""What cannot be deleted, since a table that somebody added refers to it."""

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.models import User
from files.models import File, Share, Version
from sessions_app.models import Message, Session
from tests.admin_pages import act, page
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db(transaction=True)

HOW = ["", "ON DELETE RESTRICT", "DEFERRABLE INITIALLY DEFERRED"]
HELD = "The table invoices, which is not part of Camp, refers to it. Nothing was deleted."
JAPANESE = "Camp のものではないテーブル invoices が参照している"


def browser(user, language="en"):
    client = Client(headers={"accept-language": language})
    client.force_login(user)
    return client


def told(response):
    """Return the text of a page."""
    return response.content.decode()


@pytest.fixture
def refer(transactional_db, request):
    """A function that makes a table of somebody's own which refers to a row."""
    made, how = [], getattr(request, "param", "")

    def make(row, name="invoices"):
        table = connection.ops.quote_name(name)
        parent = connection.ops.quote_name(row._meta.db_table)
        column = f"thing bigint REFERENCES {parent} (id) {how}"
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE TABLE {table} (number integer PRIMARY KEY, {column})")
            made.append(table)
            cursor.execute(f"INSERT INTO {table} VALUES (1, %s), (2, NULL)", [row.pk])

    make.how = how
    yield make
    with connection.cursor() as cursor:
        for table in made:
            cursor.execute(f"DROP TABLE {table}")


@pytest.fixture
def things(owner):
    """A session of the owner's with a message and a file."""
    session = Session.objects.create(user=owner, title="Camp fire")
    message = Message.objects.create(session=session, role="user", content="Songs")
    file = File.objects.create(
        user=owner, session=session, filename="a.txt", size=0, storage_path="ab/cd/a"
    )
    return {"session": session, "message": message, "file": file, "owner": owner}


def all_there(things):
    """Return whether everything is as it was."""
    return all(type(thing).objects.filter(pk=thing.pk).exists() for thing in things.values())


@pytest.mark.parametrize("refer", HOW, indirect=True)
@pytest.mark.parametrize("what", ["owner", "file"])
def test_an_account_that_is_held_stays_whole(refer, things, owner, what):
    refer(things[what])
    client = browser(owner)
    response = client.post("/accounts/delete/", {"password": PASSWORD})
    assert response.status_code == 200
    assert HELD in told(response)
    assert all_there(things)
    # and the owner is logged in still
    assert client.get("/files/").status_code == 200


def test_it_is_told_in_japanese(refer, things, owner):
    refer(owner)
    response = browser(owner, "ja").post("/accounts/delete/", {"password": PASSWORD})
    assert JAPANESE in told(response)


@pytest.mark.parametrize("refer", HOW, indirect=True)
def test_only_the_table_that_holds_it_is_named(refer, things, owner, member):
    refer(member, "elsewhere")
    refer(owner)
    response = browser(owner).post("/accounts/delete/", {"password": PASSWORD})
    assert "invoices" in told(response)
    # SQLite refuses at once then, and does not say for which table.
    if not (connection.vendor == "sqlite" and "RESTRICT" in refer.how):
        assert HELD in told(response)
        assert "elsewhere" not in told(response)


def test_who_is_not_held_can_go(refer, things, owner, member):
    refer(member)
    response = browser(owner).post("/accounts/delete/", {"password": PASSWORD})
    assert response.status_code == 302
    assert list(User.objects.all()) == [member]


def test_after_the_rows_are_gone_the_account_can_go(refer, things, owner):
    refer(owner)
    client = browser(owner)
    client.post("/accounts/delete/", {"password": PASSWORD})
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM invoices")
    assert client.post("/accounts/delete/", {"password": PASSWORD}).status_code == 302
    assert not User.objects.exists()


def test_the_admin_says_what_holds_a_user(refer, things, owner, organiser):
    refer(owner)
    client = browser(organiser)
    response = client.post(page("accounts_user", "delete", owner.pk), {"post": "yes"})
    assert response.status_code == 409
    assert HELD in told(response)
    assert all_there(things)


@pytest.mark.parametrize("refer", HOW, indirect=True)
def test_of_many_users_all_go_or_none(refer, things, owner, member, stranger, organiser):
    refer(stranger)
    client = browser(organiser)
    response = act(client, "accounts_user", "delete_selected", owner, member, stranger, post="yes")
    assert response.status_code == 409
    assert HELD in told(response)
    assert User.objects.count() == 4
    assert all_there(things)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM django_admin_log")
        assert cursor.fetchone() == (0,)


@pytest.mark.parametrize("refer", HOW, indirect=True)
@pytest.mark.parametrize("what", ["file", "session"])
def test_the_trash_keeps_what_is_held_and_lets_the_rest_go(refer, things, owner, what):
    model = type(things[what])
    held = things[what]
    other = model.objects.get(pk=held.pk)
    other.pk = None
    if what == "session":
        other.session_id = "another"
    other.save(force_insert=True)
    model.objects.update(deleted_at=timezone.now())
    refer(held)
    response = browser(owner).post("/files/trash/purge/", {"of": f"{what}s"}, follow=True)
    assert "1 item was deleted for good." in told(response)
    assert HELD in told(response)
    assert list(model.objects.all()) == [held]


def test_chosen_files_in_the_trash_that_are_held_stay(refer, things, owner):
    File.objects.update(deleted_at=timezone.now())
    refer(things["file"])
    chosen = {"action": "purge", "id": [things["file"].pk], "trashed": "1", "sure": "1"}
    response = browser(owner).post("/files/selection/", chosen, follow=True)
    assert HELD in told(response)
    assert all_there(things)


def test_the_sweep_goes_on_and_says_so(refer, things, owner, capsys):
    File.objects.update(deleted_at="2020-01-01T00:00Z")
    Session.objects.update(deleted_at="2020-01-01T00:00Z")
    refer(things["file"])
    call_command("sweep")
    output = capsys.readouterr()
    assert "files 0, sessions 1 and messages 0" in output.out
    assert "The table invoices" in output.err
    assert File.objects.exists()


def test_a_link_and_a_version_that_are_held_stay(refer, things, owner):
    client, file = browser(owner), things["file"]
    share = Share.objects.create(user=owner, expires_at=timezone.now() + timezone.timedelta(1))
    version = Version.objects.create(
        file=file,
        filename="a.txt",
        content_type="text/plain",
        size=0,
        storage_path="ab/cd/b",
        since=timezone.now(),
        replaced_at=timezone.now(),
    )
    addresses = {
        share: f"/files/links/{share.pk}/revoke/",
        version: f"/files/{file.pk}/versions/{version.pk}/delete/",
    }
    for number, (row, address) in enumerate(addresses.items()):
        refer(row, f"invoices{number}")
        response = client.post(address)
        assert response.status_code == 409
        assert f"invoices{number}," in told(response)
        assert type(row).objects.filter(pk=row.pk).exists()


def test_scripts_are_told_as_json(refer, things, owner):
    share = Share.objects.create(user=owner, expires_at=timezone.now() + timezone.timedelta(1))
    refer(share)
    address = f"/files/links/{share.pk}/revoke/"
    response = browser(owner).post(address, headers={"accept": "application/json"})
    assert response.status_code == 409
    assert response.json()["error"].startswith(HELD)
