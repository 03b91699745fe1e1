import pytest
from django.utils import translation

from accounts import time_zones
from accounts.models import User
from tests.conftest import PASSWORD

PROFILE = "/accounts/profile/"
GOOD = {
    "username": "owner",
    "email": "owner@example.org",
    "time_zone": "Europe/Berlin",
    "language": "en",
}


def save(client, **fields):
    return client.post(PROFILE, GOOD | {"current_password": PASSWORD} | fields, follow=True)


def test_strangers_are_asked_to_log_in(client, db):
    assert client.get(PROFILE).headers["Location"] == f"/accounts/login/?next={PROFILE}"
    assert client.post(PROFILE, GOOD).headers["Location"] == f"/accounts/login/?next={PROFILE}"


def test_page_shows_what_is_set(client, owner):
    owner.time_zone = "America/New_York"
    owner.save()
    client.force_login(owner)
    page = client.get(PROFILE).content.decode()
    assert 'value="owner"' in page
    assert 'value="owner@example.org"' in page
    assert '<option value="America/New_York" selected>New York</option>' in page
    assert "/accounts/password/change/" in page
    assert "/accounts/delete/" in page


def test_changes_are_kept_and_reported(client, owner):
    client.force_login(owner)
    response = save(client, username="hana", email="Hana@EXAMPLE.net")
    assert response.redirect_chain == [(PROFILE, 302)]
    assert "Your profile is saved." in response.content.decode()
    owner.refresh_from_db()
    assert (owner.username, owner.email) == ("hana", "Hana@example.net")
    assert (owner.time_zone, owner.language) == ("Europe/Berlin", "en")


def test_case_of_ones_own_name_can_change(client, owner):
    client.force_login(owner)
    save(client, username="Owner", email="OWNER@example.org")
    owner.refresh_from_db()
    assert (owner.username, owner.email) == ("Owner", "OWNER@example.org")


def test_time_zone_and_language_can_be_left_to_camp(client, owner):
    owner.time_zone, owner.language = "Europe/Berlin", "en"
    owner.save()
    client.force_login(owner)
    save(client, time_zone="", language="")
    owner.refresh_from_db()
    assert (owner.time_zone, owner.language) == ("", "")


def test_report_is_in_the_language_just_chosen(client, owner):
    client.force_login(owner)
    response = save(client, language="ja")
    assert response.headers["Content-Language"] == "ja"
    with translation.override("ja"):
        assert translation.gettext("Your profile is saved.") in response.content.decode()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("username", "MEMBER"),
        ("username", "a@b.example"),
        ("username", ""),
        ("email", "Member@Example.org"),
        ("email", "nonsense"),
        ("time_zone", "Mars/Base"),
        ("time_zone", "../../etc/passwd"),
        ("language", "fr"),
    ],
)
def test_wrong_value_is_refused_and_nothing_changes(client, owner, member, field, value):
    client.force_login(owner)
    response = client.post(PROFILE, GOOD | {"current_password": PASSWORD, field: value})
    assert response.status_code == 200
    assert set(response.context["form"].errors) == {field}
    before = User.objects.get(pk=owner.pk)
    assert (before.username, before.email, before.time_zone) == (owner.username, owner.email, "")


def test_header_keeps_the_name_while_the_form_has_errors(client, owner, member):
    client.force_login(owner)
    page = client.post(PROFILE, GOOD | {"username": "member"}).content.decode()
    assert "Account: owner" in page


def test_only_ones_own_preferences_can_be_set(client, owner, member):
    client.force_login(owner)
    save(client, id=member.pk, pk=member.pk, is_staff="on", is_superuser="on", password="x")
    owner.refresh_from_db()
    member.refresh_from_db()
    assert member.username == "member"
    assert not owner.is_staff
    assert not owner.is_superuser
    assert owner.password


def test_other_verbs_are_refused(client, owner):
    client.force_login(owner)
    assert client.put(PROFILE).status_code == 405


def test_zone_that_is_not_offered_stays_until_another_is_chosen(client, owner):
    owner.time_zone = "Japan"  # an old spelling
    owner.save()
    client.force_login(owner)
    assert '<option value="Japan" selected>' in client.get(PROFILE).content.decode()
    save(client, time_zone="Japan")
    owner.refresh_from_db()
    assert owner.time_zone == "Japan"


def test_every_zone_on_offer_exists():
    assert "Asia/Tokyo" in time_zones.zone_names()
    assert all(time_zones.get_zone(name) for name in time_zones.zone_names())
    assert {name.partition("/")[0] for name in time_zones.zone_names()} == set(time_zones.REGIONS)
