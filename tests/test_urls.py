"""What somebody without a log-in gets at every address."""

import pytest
from django.urls import reverse

from tests.addresses import ADDRESSES, LOGIN, names

ALL = names()
ADMIN = sorted({name for name, _arguments in ALL if name.startswith("admin:")})
# What the admin's addresses need, by the name of the argument.
ADMIN_ARGUMENTS = {"object_id": "1", "app_label": "files", "content_type_id": 1, "id": 1}
ADMIN_ARGUMENTS |= {"suffix": "csv"}
ADMIN_DOORS = ("admin:login", "admin:logout")


def follows_to_login(response, address):
    """Return whether the answer sends to the log-in page, and from there back."""
    place, _mark, query = response.headers.get("Location", "").partition("?")
    return response.status_code == 302 and place == reverse("accounts:login") and "next=" in query


def test_every_address_is_listed():
    here = {name for name, _arguments in ALL if not name.startswith("admin:")}
    assert here == set(ADDRESSES)


@pytest.mark.django_db
@pytest.mark.machine
@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("name", ADDRESSES)
def test_an_anonymous_person(client, name, method):
    arguments, *answers = ADDRESSES[name]
    answer = answers[method == "post"]
    address = reverse(name, kwargs=arguments)
    response = getattr(client, method)(address)
    if answer is LOGIN:
        assert follows_to_login(response, address), response.status_code
    else:
        assert response.status_code == answer


@pytest.mark.django_db
@pytest.mark.machine
@pytest.mark.parametrize("method", ["get", "post"])
def test_an_anonymous_person_sees_nothing_of_the_admin(client, method):
    doors = (reverse("admin:login"), reverse("accounts:login"))
    for name in ADMIN:
        if name in ADMIN_DOORS:
            continue
        arguments = {word: ADMIN_ARGUMENTS[word] for word in dict(ALL)[name]}
        response = getattr(client, method)(reverse(name, kwargs=arguments))
        assert response.status_code == 302, name
        assert response["Location"].partition("?")[0] in doors, name


@pytest.mark.django_db
def test_an_address_nobody_knows_is_not_found(client):
    assert client.get("/nothing/here/").status_code == 404
