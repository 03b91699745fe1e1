"""The admin site: who comes in, and what its front page shows."""

from datetime import UTC, datetime, time, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from camp.web import shared_results
from files.models import File
from sessions_app.models import Message, Session
from tests.admin_pages import browser, changelist, helper, queries
from tests.conftest import PASSWORD, person
from tests.markup import Page

INDEX = "/admin/"


def keep_file(user, size=1000, **fields):
    """Make a file's row; these tests need no bytes."""
    return File.objects.create(
        user=user, filename="a.txt", size=size, storage_path="aa/bb/none", **fields
    )


def started_at(session, moment):
    """Have a session begin at a moment of the past."""
    Session.objects.filter(pk=session.pk).update(created_at=moment)


def figures(response):
    """Return the front page's figures by their label."""
    return {figure.label: figure.value for figure in response.context["front"].figures}


def series(response):
    """Return the front page's numbers by day, by their label."""
    return {one.label: one.counts for one in response.context["front"].series}


class TestLogIn:
    def test_an_anonymous_person_logs_in_where_all_do_and_comes_back(self, client, organiser):
        response = client.get(changelist("files_file"), follow=True)
        address = response.redirect_chain[-1][0]
        assert address.startswith(reverse("accounts:login"))
        data = {"username": "Organiser@Example.org", "password": PASSWORD}
        response = client.post(address, data | {"next": changelist("files_file")}, follow=True)
        assert response.redirect_chain[-1][0] == changelist("files_file")
        assert response.status_code == 200

    def test_without_a_destination_the_front_page_is_it(self, client, db):
        response = client.get("/admin/login/")
        assert response["Location"] == f"{reverse('accounts:login')}?next=%2Fadmin%2F"

    def test_who_posts_to_the_admins_own_address_is_let_in(self, client, organiser):
        data = {"username": "organiser", "password": PASSWORD}
        assert client.post("/admin/login/", data)["Location"] == INDEX

    def test_who_posts_to_the_admins_own_address_is_throttled(self, client, organiser, settings):
        data = {"username": "organiser", "password": "wrong"}
        for _try in range(settings.AXES_FAILURE_LIMIT):
            response = client.post("/admin/login/", data)
        assert response.status_code == 429
        response = client.post("/admin/login/", data | {"password": PASSWORD})
        assert response.status_code == 429

    def test_an_organiser_needs_no_second_log_in(self, organiser):
        assert browser(organiser).get("/admin/login/")["Location"] == INDEX

    @pytest.mark.parametrize("address", [INDEX, "/admin/login/", "/admin/files/file/", "/admin/x/"])
    def test_who_is_no_organiser_is_told_so_instead_of_asked_again(self, owner, address):
        response = browser(owner).get(address)
        assert response.status_code == 403
        assert "For organisers only" in response.content.decode()
        assert Page(response.content.decode()).judge("en") == []

    def test_who_is_no_organiser_any_more_is_out_at_the_next_request(self, organiser):
        client = browser(organiser)
        User.objects.update(is_staff=False)
        assert client.get(INDEX).status_code == 403
        User.objects.update(is_active=False)
        assert client.get(INDEX).status_code == 302

    def test_a_log_out_ends_it(self, organiser):
        client = browser(organiser)
        client.post("/admin/logout/")
        assert client.get(INDEX).status_code == 302

    def test_passwords_are_changed_in_one_place(self, organiser):
        response = browser(organiser).get("/admin/password_change/")
        assert response["Location"] == reverse("accounts:password_change")


class TestFrontPage:
    def test_it_shows_counts_and_bytes(self, organiser, owner):
        session = Session.objects.create(user=owner, title="Day 1")
        Message.objects.bulk_create([Message(session=session, content="x") for _ in range(1200)])
        keep_file(owner, 2**20)
        keep_file(owner, 2**19, deleted_at=timezone.now())
        response = browser(organiser).get(INDEX)
        assert figures(response) == {
            "Users": "2",
            "Sessions": "1",
            "Messages": "1,200",
            "Files": "2",
            "Stored": "1.5\u00a0MiB",
        }
        assert "1 in the trash" in response.content.decode()

    def test_it_plots_fourteen_days_and_tells_them_in_words(self, organiser, owner):
        today = timezone.localdate()
        for days in (0, 0, 0, 5, 13, 14):
            session = Session.objects.create(user=owner)
            started_at(session, timezone.now() - timedelta(days=days))
        response = browser(organiser).get(INDEX)
        counts = series(response)["Sessions started"]
        assert sum(counts.values()) == 5
        assert counts[today] == 3
        html = response.content.decode()
        assert "5 in all; the most on" in html
        assert html.count('class="plot__bar"') == 3 + 1  # and one for the sign-ups of today
        assert html.count('<th scope="row">') >= 14
        assert Page(html).judge("en") == []

    def test_days_without_anything_are_plotted_as_that(self, organiser):
        assert "None in these days." in browser(organiser).get(INDEX).content.decode()

    @pytest.mark.parametrize(("zone", "later"), [("UTC", 0), ("Asia/Tokyo", 1), ("", 1)])
    def test_days_begin_at_the_readers_midnight(self, organiser, owner, zone, later):
        User.objects.filter(pk=organiser.pk).update(time_zone=zone)
        day = datetime.now(UTC).date() - timedelta(days=3)
        started_at(
            Session.objects.create(user=owner), datetime.combine(day, time(20, 0), tzinfo=UTC)
        )
        counts = series(browser(organiser).get(INDEX))["Sessions started"]
        assert counts == {day + timedelta(days=later): 1}

    def test_readers_of_different_time_zones_do_not_share_their_days(self, organiser, owner):
        other = person("other", is_staff=True, is_superuser=True, time_zone="UTC")
        day = datetime.now(UTC).date() - timedelta(days=3)
        started_at(
            Session.objects.create(user=owner), datetime.combine(day, time(20, 0), tzinfo=UTC)
        )
        here = series(browser(organiser).get(INDEX))["Sessions started"]
        there = series(browser(other).get(INDEX))["Sessions started"]
        assert here != there

    def test_figures_are_kept_for_a_minute_and_forgotten_after_a_change_here(
        self, organiser, owner, stranger, django_capture_on_commit_callbacks
    ):
        client = browser(organiser)
        assert figures(client.get(INDEX))["Users"] == "3"
        person("newcomer")
        assert figures(client.get(INDEX))["Users"] == "3"
        with django_capture_on_commit_callbacks(execute=True):
            client.post(reverse("admin:accounts_user_delete", args=[stranger.pk]), {"post": "yes"})
        assert figures(client.get(INDEX))["Users"] == "3"  # one more, one less
        with django_capture_on_commit_callbacks(execute=True):
            client.post(reverse("admin:accounts_user_delete", args=[owner.pk]), {"post": "yes"})
        assert figures(client.get(INDEX))["Users"] == "2"

    def test_it_costs_the_same_however_much_there_is(self, organiser, owner):
        client = browser(organiser)
        client.get(INDEX)
        shared_results.outdate("")
        few = len(queries(client, INDEX))
        session = Session.objects.create(user=owner)
        Message.objects.bulk_create([Message(session=session, content="x") for _ in range(300)])
        for number in range(20):
            keep_file(person(f"user{number}"))
        shared_results.outdate("")
        assert len(queries(client, INDEX)) == few
        assert not [sql for sql in queries(client, INDEX) if "COUNT(" in sql]

    def test_a_helper_sees_what_the_permissions_allow(self, owner):
        keep_file(owner)
        response = browser(helper("files.view_file")).get(INDEX)
        assert set(figures(response)) == {"Files", "Stored"}
        assert set(series(response)) == {"Files uploaded"}
        html = response.content.decode()
        assert changelist("files_file") in html
        for hidden in ("accounts_user", "sessions_app_session", "sessions_app_message"):
            assert changelist(hidden) not in html

    def test_a_helper_without_permissions_sees_an_empty_page(self, owner):
        response = browser(helper()).get(INDEX)
        assert response.status_code == 200
        assert figures(response) == {}
        assert series(response) == {}
        assert "<svg class=" not in response.content.decode().partition("<main")[2]

    def test_camps_own_tables_come_first(self, organiser):
        apps = [app["app_label"] for app in browser(organiser).get(INDEX).context["app_list"]]
        assert apps[:3] == ["accounts", "sessions_app", "files"]

    def test_it_leads_back_to_camp(self, organiser):
        html = browser(organiser).get(INDEX).content.decode()
        assert 'href="/"' in html
        assert reverse("accounts:profile") in html


@pytest.mark.parametrize(
    "name",
    [
        "accounts_user",
        "sessions_app_session",
        "sessions_app_message",
        "files_file",
        "auth_group",
        "admin_logentry",
        "accounts_attemptcounter",
    ],
)
def test_every_list_is_searchable_and_well_formed(organiser, name):
    client = browser(organiser)
    for query in ("", "?q=nobody", "?q=%00", "?p=0", "?p=x", "?o=1.-2", "?o=99"):
        response = client.get(changelist(name, query), follow=True)
        assert response.status_code == 200
        assert Page(response.content.decode()).judge("en") == []
