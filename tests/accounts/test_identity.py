"""Names and e-mails that a person takes for the same are the same, on both databases."""

import io
import json

import pytest
from django.contrib.auth import get_user
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

from accounts.identity import email_key, fold, username_key
from accounts.models import User
from camp.operations.diagnostics.database import check_accounts
from tests.conftest import PASSWORD, person

SAME = [
    ("Дима", "дима"),
    ("Élan", "élan"),
    ("Élan", "E\u0301lan"),
    ("ẞz", "ßz"),
    ("straße", "STRASSE"),
    ("ΣΊΣΥΦΟΣ", "σίσυφος"),
    ("ﬁne", "FINE"),
    ("ｏｗｎｅｒ", "OWNER"),
    ("ｶﾞｲﾄﾞ", "ガイド"),
    ("İz", "i\u0307z"),
    ("ma\u00adry", "mary"),
    ("ma\u3164ry", "mary"),
]
SAME_EMAILS = [
    ("Дима@example.org", "дима@EXAMPLE.org"),
    ("a@bücher.example", "A@xn--bcher-kva.example"),
    ("a@bücher.example", "a@XN--BCHER-KVA.Example."),
    ("a@例え.jp", "a@xn--r8jz45g。jp"),
    ("a@straße.example", "a@STRASSE.example"),
    ("a@xn--strae-oqa.example", "a@strasse.example"),
]
ODD = [
    *["", " ", "@", "a@", "@b", "a@.", "a@xn--", "a@xn--.b", "a@xn--\uffff", "a@xn--a", "\x1f7"],
    *["a@" + "xn--" + "9" * 59, "a@" + "x" * 300, "a@xn--8", "a@xn--ls8h-.b", "a\u0344" * 3000],
    *["ﷺ" * 255, "a@xn--xn--a-kva", "a@xn--zzzzzzzz99999", "\U0010ffff@\U000e0001"],
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_spellings_of_one_name_have_one_key(one, other):
    assert username_key(one) == username_key(other)


@pytest.mark.parametrize(("one", "other"), SAME_EMAILS)
def test_spellings_of_one_e_mail_have_one_key(one, other):
    assert email_key(one) == email_key(other)


@pytest.mark.parametrize(
    ("one", "other"), [("дима", "дина"), ("bücher@example.org", "bucher@example.org")]
)
def test_other_names_have_other_keys(one, other):
    assert fold(one) != fold(other)
    assert email_key(one) != email_key(other)


@pytest.mark.parametrize("text", ODD)
def test_odd_texts_have_keys_that_are_their_own_keys_and_fit(text):
    for key_of in (username_key, email_key):
        key = key_of(text)
        assert key_of(key) == key
        assert len(key) <= 255
        assert "\x1f" not in key


def sign_up(client, **fields):
    form = {"username": "new", "email": "new@example.org"}
    form |= {"password1": PASSWORD, "password2": PASSWORD}
    return client.post("/accounts/signup/", form | fields)


@pytest.mark.parametrize(("one", "other"), SAME[:6])
def test_sign_up_takes_no_other_spelling_of_a_name(client, db, one, other):
    User.objects.create_user(one, "first@example.org", PASSWORD)
    response = sign_up(client, username=other)
    assert response.context["form"].errors["username"] == ["This user name is taken."]
    assert User.objects.count() == 1


@pytest.mark.parametrize(("one", "other"), SAME_EMAILS[1:2])
def test_sign_up_takes_no_other_spelling_of_an_e_mail(client, db, one, other):
    User.objects.create_user("first", one, PASSWORD)
    response = sign_up(client, email=other)
    assert response.context["form"].errors["email"] == ["This e-mail already has an account."]


@pytest.mark.parametrize("login", ["ДИМА", "дима", "Дима", "ИВАН@bücher.example"])
def test_every_spelling_logs_in(client, db, login):
    user = User.objects.create_user("Дима", "Иван@xn--bcher-kva.example", PASSWORD)
    client.post("/accounts/login/", {"username": login, "password": PASSWORD})
    assert get_user(client) == user


def test_a_reset_finds_every_spelling_and_writes_to_what_is_stored(client, db, mailoutbox):
    User.objects.create_user("dima", "Dima@bücher.example", PASSWORD)
    client.post("/accounts/password/reset/", {"email": "DIMA@xn--bcher-kva.example"})
    assert [mail.to for mail in mailoutbox] == [["Dima@bücher.example"]]


def test_profile_and_admin_refuse_a_taken_spelling(client, db, organiser):
    person("Élan")
    client.force_login(organiser)
    profile = {"username": "éLAN", "email": organiser.email}
    response = client.post("/accounts/profile/", profile)
    assert response.context["form"].errors["username"] == ["This user name is taken."]
    address = f"/admin/accounts/user/{organiser.pk}/change/"
    response = client.post(address, profile)
    errors = response.context["adminform"].form.errors
    assert errors["username"] == ["This user name is taken."]


def test_createsuperuser_says_what_is_taken(db, monkeypatch):
    User.objects.create_user("first", "straße@example.org", PASSWORD)
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)
    for name, email, message in (
        ("second", "STRASSE@example.org", "This e-mail already has an account."),
        ("FIRST", "second@example.org", "taken"),
    ):
        with pytest.raises(CommandError, match=message):
            call_command("createsuperuser", interactive=False, username=name, email=email)
    assert User.objects.count() == 1


# Ways of writing a row


def refuses(write):
    """Return whether the database refuses what `write` does."""
    try:
        with transaction.atomic():
            write()
    except IntegrityError:
        return True
    return False


def test_every_way_of_writing_keeps_keys_apart(db):
    person("Дима")
    other = person("other")

    def save():
        other.username = "дима"
        other.save(update_fields=["username"])

    def bulk_update():
        other.username = "дИма"
        User.objects.bulk_update([other], ["username"])

    users = User.objects.filter(pk=other.pk)
    assert refuses(save)
    assert refuses(bulk_update)
    assert refuses(lambda: users.update(username="ДИМА"))
    assert refuses(lambda: User.objects.bulk_create([User(username="дима", email="x@y.example")]))
    assert refuses(lambda: User.objects.update_or_create({"username": "дима"}, pk=other.pk))
    with pytest.raises(TypeError):
        users.update(username=users.values("email"))


def test_a_new_name_logs_in_however_it_was_written(client, db):
    user = person("before")
    User.objects.filter(pk=user.pk).update(username="Ёж", email="ё@example.org")
    assert User.objects.find("ёЖ") == user
    assert User.objects.find("Ё@example.org") == user
    assert User.objects.find("before") is None


def test_a_fixture_without_keys_brings_them(db, tmp_path):
    person("Ёж")
    file = tmp_path / "people.json"
    call_command("dumpdata", "accounts.user", output=str(file), verbosity=0)
    rows = json.loads(file.read_text())
    for row in rows:
        del row["fields"]["username_key"], row["fields"]["email_key"]
    file.write_text(json.dumps(rows))
    User.objects.all().delete()
    call_command("loaddata", str(file), verbosity=0)
    assert User.objects.find("ёж")


def test_names_with_surplus_marks_are_cut_in_linear_time(db):
    user = User.objects.create_user("a" + "\u0327" * 45, "a@example.org", PASSWORD)
    assert user.username == "a" + "\u0327" * 30 or len(user.username) == 30


# Accounts of before


OLD = [("Дима", "dima@example.org"), ("дима", "second@example.org"), ("x", "DIMA@Example.org")]


@pytest.fixture
def collided(db):
    """Three accounts of a database without keys, of which the first collides with the others."""
    users = [person(f"p{number}") for number in range(3)]
    with connection.cursor() as cursor:
        for user, (name, email) in zip(users, OLD, strict=True):
            cursor.execute(
                "UPDATE sample_users SET username = %s, email = %s,"
                " username_key = NULL, email_key = NULL WHERE id = %s",
                [name, email, user.pk],
            )
    return [User.objects.get(pk=user.pk) for user in users]


def said(command, *arguments, **options):
    output = io.StringIO()
    call_command(command, *arguments, stdout=output, **options)
    return output.getvalue()


def settle(*arguments):
    return said("settle_accounts", *arguments)


def names():
    return list(User.objects.order_by("pk").values_list("username", "email"))


def test_migrate_and_doctor_name_the_accounts_and_the_command(collided):
    first, second, third = (user.pk for user in collided)
    told = said("migrate")
    assert f"Account {second} (дима) has the user name of account {first} (Дима)." in told
    assert f"Account {third} (DIMA@Example.org) has the e-mail of account {first}" in told
    assert "settle_accounts" in told
    assert names() == OLD
    found = list(check_accounts())
    assert f"Account {second} (дима)" in found[0].title
    assert "settle_accounts" in found[0].fix


def test_whoever_collides_logs_in_by_the_exact_spelling_and_saves(client, collided):
    said("migrate")
    client.post("/accounts/login/", {"username": "дима", "password": PASSWORD})
    assert get_user(client) == collided[1]
    form = {"username": "дима", "email": "second@example.org", "language": "en", "time_zone": ""}
    assert client.post("/accounts/profile/", form).status_code == 302
    collided[1].refresh_from_db()
    collided[1].save()
    assert client.post("/accounts/profile/", form | {"username": "vanya"}).status_code == 302
    assert User.objects.find("VANYA") == collided[1]


def test_settling_by_rename_gives_the_newer_ones_other_names(collided):
    said("migrate")
    with pytest.raises(CommandError, match="--rename"):
        settle()
    assert names() == OLD
    told = settle("--rename")
    assert "“дима” becomes “дима-2”" in told
    assert names() == [OLD[0], ("дима-2", "second@example.org"), ("x", "DIMA+2@Example.org")]
    assert User.objects.find("ДИМА-2") == collided[1]
    assert "No two accounts" in settle()


def test_settling_by_a_file_takes_its_names_or_nothing(collided, tmp_path):
    file = tmp_path / "people.csv"
    settle("--template", str(file))
    text = file.read_text(encoding="utf-8-sig")
    assert "дима-2" in text
    for wrong, message in (("a b", "no spaces|invalid|valid"), ("ДИМА", "--rename|same name")):
        file.write_text(text.replace("дима-2", wrong), encoding="utf-8")
        with pytest.raises(CommandError, match=message):
            settle("--file", str(file))
    file.write_text(text.replace("дима-2", "vanya"), encoding="utf-8")
    settle("--file", str(file))
    assert names()[1][0] == "vanya"


def test_a_name_that_became_free_is_given_to_who_has_it(collided):
    said("migrate")
    User.objects.filter(pk=collided[0].pk).update(username="other", email="other@example.org")
    said("migrate")
    assert User.objects.find("ДИМА") == collided[1]
    assert User.objects.find("dima@EXAMPLE.org") == collided[2]


def test_accounts_of_another_program_get_their_keys(db):
    user = person("before")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE sample_users SET username = 'Ёж' WHERE id = %s", [user.pk])
    assert User.objects.find("ёж") is None
    settle()
    assert User.objects.find("ёж") == user
