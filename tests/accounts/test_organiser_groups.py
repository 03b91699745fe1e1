"""The ready-made groups of organisers."""

import pytest
from django.contrib.auth.models import Group
from django.urls import reverse

from accounts.models import User
from files.models import File
from sessions_app.models import Session
from tests.admin_pages import act, browser, changelist, helper, page, told
from tests.conftest import person

USER = "accounts_user"


@pytest.fixture
def as_organiser(organiser):
    return browser(organiser)


def member_of(name):
    """Return a client of an organiser in one ready-made group."""
    user = person(name.replace(" ", "").lower(), is_staff=True)
    user.groups.add(Group.objects.get(name=name))
    return browser(user)


def change(client, user, **fields):
    """Change a user as the form does, and return the page behind it."""
    data = {"username": user.username, "email": user.email, "is_active": "on"} | fields
    return client.post(page(USER, "change", user.pk), data, follow=True)


@pytest.fixture
def rows(owner):
    session = Session.objects.create(user=owner, title="Camp")
    return [
        session,
        File.objects.create(user=owner, filename="a", size=1, storage_path="aa/bb/none"),
    ]


LISTS = ["sessions_app_session", "files_file"]


class TestPermissions:
    def test_readers_read_and_change_nothing(self, rows):
        client = member_of("Readers")
        for model, row in zip(LISTS, rows, strict=True):
            assert client.get(page(model, "change", row.pk)).status_code == 200
            assert "trash_selected" not in client.get(changelist(model)).content.decode()
            assert client.post(page(model, "change", row.pk), {}).status_code == 403
        for model in (USER, "sessions_app_message", "files_share", "files_quota"):
            assert client.get(changelist(model)).status_code == 200
            assert client.get(reverse(f"admin:{model}_add")).status_code == 403

    def test_moderators_also_move_to_the_trash_and_restore(self, rows):
        client = member_of("Moderators")
        for model, row in zip(LISTS, rows, strict=True):
            assert "1 moved to the trash" in told(
                act(client, model, "trash_selected", row, post="Continue")
            )
            assert "1 restored" in told(act(client, model, "restore_selected", row))
            html = client.get(changelist(model)).content.decode()
            assert "hand_over_selected" not in html
            assert "delete_selected" not in html
            assert client.post(page(model, "change", row.pk), {}).status_code == 403

    def test_account_managers_look_after_people_and_read_nothing(self, rows, owner, organiser):
        client = member_of("Account managers")
        assert "1 user deactivated" in told(act(client, USER, "deactivate", owner))
        act(client, USER, "set_quota", owner, post="Continue", kind="own", size="1G")
        owner.refresh_from_db()
        assert (owner.is_active, owner.quota.limit) == (False, 2**30)
        for model in (*LISTS, "sessions_app_message", "files_share", "auth_group"):
            assert client.get(changelist(model)).status_code == 403

    def test_they_cannot_give_themselves_or_others_more(self, owner, organiser):
        client = member_of("Account managers")
        manager = User.objects.get(username="accountmanagers")
        every = list(Group.objects.values_list("pk", flat=True))
        more = {"is_staff": "on", "is_superuser": "on", "groups": every, "first_groups": every}
        for user in (owner, manager, organiser):
            before = (user.is_staff, user.is_superuser, set(user.groups.all()))
            change(client, user, **more)
            user.refresh_from_db()
            assert (user.is_staff, user.is_superuser, set(user.groups.all())) == before


class TestOffer:
    def test_a_new_organiser_gets_the_chosen_group(self, as_organiser, owner):
        html = as_organiser.get(page(USER, "change", owner.pk)).content.decode()
        readers, moderators = (
            Group.objects.get(name=name).pk for name in ("Readers", "Moderators")
        )
        assert html.count('name="first_groups"') == 3
        change(as_organiser, owner, is_staff="on", first_groups=[readers, moderators])
        assert set(owner.groups.values_list("pk", flat=True)) == {readers, moderators}
        assert browser(owner).get(changelist("files_file")).status_code == 200
        html = as_organiser.get(page(USER, "change", owner.pk)).content.decode()
        assert "first_groups" not in html

    def test_without_becoming_an_organiser_nobody_gets_one(self, as_organiser, owner):
        readers = Group.objects.get(name="Readers").pk
        change(as_organiser, owner, first_groups=[readers])
        assert not owner.groups.exists()

    def test_an_organiser_without_any_permission_is_pointed_out(self, as_organiser, owner):
        response = change(as_organiser, owner, is_staff="on")
        assert "owner has no permissions yet" in told(response)

    def test_only_administrators_are_offered_them(self, owner):
        client = browser(helper("accounts.change_user", "accounts.view_user"))
        assert "first_groups" not in client.get(page(USER, "change", owner.pk)).content.decode()

    def test_names_are_in_the_readers_language(self, as_organiser, owner):
        as_organiser.defaults["HTTP_ACCEPT_LANGUAGE"] = "ja"
        for address in (changelist("auth_group"), page(USER, "change", owner.pk), changelist(USER)):
            html = as_organiser.get(address).content.decode()
            assert "閲覧担当" in html
            assert ">Readers<" not in html
