import pytest
from django.contrib.auth import get_user
from django.contrib.auth.hashers import identify_hasher

from accounts.models import User
from tests.conftest import PASSWORD

SIGNUP = "/accounts/signup/"
GOOD = {
    "username": "hana",
    "email": "hana@Example.ORG",
    "password1": PASSWORD,
    "password2": PASSWORD,
}


@pytest.fixture(autouse=True)
def open_sign_up(settings, db):
    settings.SIGNUP_OPEN = True


def sign_up(client, **fields):
    return client.post(SIGNUP, GOOD | fields)


def errors(response):
    return response.context["form"].errors


def test_page_tells_password_managers_what_is_what(client):
    page = client.get(SIGNUP).content.decode()
    assert 'autocomplete="username"' in page
    assert 'autocomplete="email"' in page
    assert page.count('autocomplete="new-password"') == 2
    assert "at least 8 characters" in page


def test_account_is_made_and_logged_in(client):
    response = client.post(SIGNUP, GOOD, follow=True)
    assert response.redirect_chain == [("/", 302)]
    assert "Welcome! Your account is ready." in response.content.decode()
    user = User.objects.get()
    assert get_user(client) == user
    assert (user.username, user.email) == ("hana", "hana@example.org")
    assert user.check_password(PASSWORD)
    assert not user.is_staff
    assert not user.is_superuser


def test_password_is_stored_as_argon2(client, settings):
    settings.PASSWORD_HASHERS = settings.PASSWORD_HASHERS[1:]  # without the one for tests
    sign_up(client)
    assert identify_hasher(User.objects.get().password).algorithm == "argon2"


def test_nobody_becomes_an_organiser_by_asking(client):
    sign_up(client, is_staff="on", is_superuser="on", is_active="")
    user = User.objects.get()
    assert (user.is_staff, user.is_superuser, user.is_active) == (False, False, True)


@pytest.mark.parametrize("username", ["花子", "o.neil", "a" * 50, "é+_-.1"])
def test_names_of_any_script_are_welcome(client, username):
    assert sign_up(client, username=username).status_code == 302
    assert User.objects.get().username == username


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("username", "OWNER", "This user name is taken."),
        ("username", "owner", "This user name is taken."),
        ("username", "ｏｗｎｅｒ", "This user name is taken."),
        ("email", "OWNER@example.org", "This e-mail already has an account."),
        ("email", "owner@EXAMPLE.ORG", "This e-mail already has an account."),
        ("username", "a" * 51, "at most 50 characters"),
        ("username", "with space", "no spaces, no @"),
        ("username", "owner@example.org", "no spaces, no @"),
        ("username", "", "This field is required."),
        ("email", "nonsense", "Enter a valid email address."),
        ("email", "", "This field is required."),
        ("password2", "something else 7", "The two password fields didn’t match."),
        ("password1", "", "This field is required."),
    ],
)
def test_a_field_that_is_wrong_says_so_itself(client, owner, field, value, message):
    response = sign_up(client, **{field: value})
    assert response.status_code == 200
    assert set(errors(response)) == {field}
    assert message in errors(response)[field][0]
    assert 'aria-invalid="true"' in response.content.decode()
    assert list(User.objects.all()) == [owner]


@pytest.mark.parametrize("password", ["short", "password", "8462951730", "hana@example"])
def test_weak_password_is_refused(client, password):
    response = sign_up(client, password1=password, password2=password)
    assert set(errors(response)) == {"password2"}
    assert not User.objects.exists()


@pytest.mark.parametrize(
    ("rival", "field"),
    [
        ({"username": "HANA", "email": "other@example.org"}, "username"),
        ({"username": "other", "email": "HANA@example.org"}, "email"),
    ],
)
def test_somebody_quicker_takes_the_name_without_an_error_page(client, monkeypatch, rival, field):
    hash_password = User.set_password

    def rival_comes_between(user, password):
        if not User.objects.exists():
            User.objects.bulk_create([User(**rival)])
        hash_password(user, password)

    monkeypatch.setattr(User, "set_password", rival_comes_between)
    response = sign_up(client)
    assert response.status_code == 200
    assert set(errors(response)) == {field}
    assert User.objects.count() == 1
    assert not get_user(client).is_authenticated


def test_whoever_is_logged_in_is_sent_home(client, owner):
    client.force_login(owner)
    assert client.get(SIGNUP).headers["Location"] == "/"
    assert sign_up(client).headers["Location"] == "/"
    assert User.objects.count() == 1


@pytest.mark.parametrize("method", ["get", "post"])
def test_closed_sign_up_says_so(client, settings, method):
    settings.SIGNUP_OPEN = False
    response = getattr(client, method)(SIGNUP, GOOD)
    assert response.status_code == 403
    assert "Sign-up is closed" in response.content.decode()
    assert not User.objects.exists()


@pytest.mark.parametrize("method", ["put", "delete", "patch"])
def test_other_verbs_are_refused(client, method):
    assert getattr(client, method)(SIGNUP).status_code == 405
