"""What one request may ask of the admin, whoever sends it."""

import threading

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.db import connections
from django.test import Client
from django.urls import reverse

from accounts.models import User
from camp.admin.limits import AT_ONCE, StrictChangeList
from camp.admin.site import CampAdminSite
from files.models import File, Share
from sessions_app.models import Session
from tests.admin_pages import browser, changelist, helper, names, queries

MODELS = {one._meta.label_lower.replace(".", "_"): one for one in admin.site._registry}
HUGE = "9" * 20


@pytest.fixture
def as_organiser(organiser):
    return browser(organiser)


@pytest.fixture
def file(owner):
    return File.objects.create(user=owner, filename="plan.txt", size=1, storage_path="aa/bb/none")


class TestLookups:
    @pytest.mark.parametrize("model", MODELS)
    def test_no_list_takes_a_lookup_that_it_does_not_offer(self, as_organiser, model):
        fields = [one.name for one in MODELS[model]._meta.get_fields() if one.concrete]
        lookups = [f"{fields[0]}__{lookup}" for lookup in ("regex", "contains", "gt", "in")]
        for lookup in [*lookups, *(f"{name}__startswith" for name in fields)]:
            address = changelist(model, f"?{lookup}=(.%2B)%2B!")
            assert as_organiser.get(address).status_code == 400, address

    @pytest.mark.parametrize("model", MODELS)
    def test_no_list_takes_an_unknown_parameter(self, as_organiser, model):
        response = as_organiser.get(changelist(model, "?nothing=1"))
        assert response.status_code == 400
        assert "This list has no such filter" in response.content.decode()

    @pytest.mark.parametrize("model", MODELS)
    def test_every_admin_is_strict(self, model, rf):
        assert issubclass(
            admin.site._registry[MODELS[model]].get_changelist(rf.get("/")), StrictChangeList
        )

    def test_hashes_of_links_cannot_be_asked_for(self, owner):
        Share.objects.create(user=owner, password="pbkdf2", expires_at="2100-01-01T00:00Z")
        client = browser(helper("files.view_share"))
        for query in ("?password__startswith=p", "?nonce__gt=0", "?user__password__gt=a"):
            assert client.get(changelist("files_share", query)).status_code == 400

    @pytest.mark.parametrize("model", ["files_file", "sessions_app_session", "files_share"])
    def test_a_value_that_no_row_has_is_no_error_of_camp(self, as_organiser, model):
        for value in (HUGE, f"-{HUGE}", "x", "", "1,2", "%00", "1.5", "９"):
            response = as_organiser.get(changelist(model, f"?user__id__exact={value}"))
            assert response.status_code in (200, 400), value

    @pytest.mark.parametrize(
        "query",
        ["created_at__gte=0001-01-01+00:00%2B23:59", "created_at__lt=9999-12-31+23:59-23:59"],
    )
    def test_dates_at_the_ends_of_the_calendar_are_no_error_of_camp(self, as_organiser, query):
        assert as_organiser.get(changelist("files_file", f"?{query}")).status_code in (200, 400)

    def test_filters_of_the_list_still_work(self, as_organiser, file, owner):
        for query in (f"?user__id__exact={owner.pk}", "?owner=none"):
            assert names(as_organiser.get(changelist("files_file", query))) in ([file.pk], [])
        assert names(as_organiser.get(changelist("files_file", "?trash=no"))) == [file.pk]


class TestSearches:
    # U+FDFA is one character and, normalised, four words.
    @pytest.mark.parametrize("text", ["x" * 201, "a " * 11, "\ufdfa" * 200, "\ufdfa " * 10])
    def test_a_long_search_is_refused_before_it_is_looked_for(
        self, as_organiser, text, django_assert_num_queries
    ):
        response = as_organiser.get(changelist("files_file"), {"q": text})
        assert response.status_code == 400
        assert "Search for at most" in response.content.decode()
        query = {"app_label": "files", "model_name": "file", "field_name": "user", "term": text}
        assert as_organiser.get(reverse("admin:autocomplete"), query).status_code == 400

    @pytest.mark.parametrize("text", ["\ufdfa" * 200, "a b " * 50, "ab " * 66])
    @pytest.mark.parametrize("address", ["/files/", "/sessions/"])
    def test_people_search_for_ten_words_at_most(self, owner, file, address, text):
        client = browser(owner)
        usual = sum(map(len, queries(client, f"{address}?q={'ab+' * 10}")))
        longest = sum(map(len, queries(client, f"{address}?q={text}")))
        assert longest < 3 * usual

    def test_ten_words_are_looked_for(self, as_organiser, file):
        response = as_organiser.get(changelist("files_file"), {"q": "plan " * 10})
        assert names(response) == [file.pk]

    def test_only_tables_that_one_may_view_are_searched(self, file):
        client = browser(helper("files.view_file"))
        assert names(client.get(changelist("files_file"), {"q": "owner@example.org"})) == []
        assert names(client.get(changelist("files_file"), {"q": "plan"})) == [file.pk]
        client = browser(helper("files.view_file", "accounts.view_user", name="other"))
        assert names(client.get(changelist("files_file"), {"q": "owner@example.org"})) == [file.pk]


class TestTurns:
    @pytest.mark.django_db(transaction=True)
    def test_only_a_few_requests_are_answered_at_once(self, organiser, monkeypatch):
        entered, go_on = threading.Semaphore(0), threading.Event()

        original = CampAdminSite.get_app_list

        def list_slowly(site, request, app_label=None):
            if request.path == address:
                entered.release()
                go_on.wait(20)
            return original(site, request, app_label)

        monkeypatch.setattr(CampAdminSite, "get_app_list", list_slowly)
        address = reverse("admin:app_list", args=["files"])

        def ask(client):
            client.get(address)
            connections.close_all()

        clients = [browser(organiser) for _ in range(AT_ONCE)]
        threads = [threading.Thread(target=ask, args=[one]) for one in clients]
        for thread in threads:
            thread.start()
        try:
            assert all(entered.acquire(timeout=20) for _ in range(AT_ONCE))
            response = browser(organiser).get(changelist("files_file"))
        finally:
            go_on.set()
            for thread in threads:
                thread.join()
        assert response.status_code == 503
        assert int(response.headers["Retry-After"]) > 0
        assert "busy with other requests" in response.content.decode()
        assert browser(organiser).get(changelist("files_file")).status_code == 200


class TestAddresses:
    def test_nothing_leads_from_the_admin_to_the_site(self, session_of_owner):
        client = browser(helper())
        kind = ContentType.objects.get_for_model(Session).pk
        for pk in (session_of_owner.pk, HUGE, "x"):
            response = client.get(f"/admin/r/{kind}/{pk}/")
            assert response.status_code == 404
            assert session_of_owner.session_id not in response.headers.get("Location", "")

    @pytest.fixture
    def session_of_owner(self, owner):
        return Session.objects.create(user=owner, title="Camp")

    @pytest.mark.parametrize("model", MODELS)
    def test_values_for_a_new_row_that_are_none_are_left_out(self, as_organiser, model):
        names = [one.name for one in MODELS[model]._meta.get_fields() if not one.auto_created]
        for value in ("zip", HUGE, "", "%00", "1,x", "-1"):
            query = "&".join(f"{name}={value}" for name in names)
            response = as_organiser.get(f"{reverse(f'admin:{model}_add')}?{query}")
            assert response.status_code in (200, 403), value

    @pytest.mark.parametrize("model", MODELS)
    def test_a_form_with_a_choice_that_is_none_is_shown_again(self, as_organiser, model):
        names = [one.name for one in MODELS[model]._meta.get_fields() if not one.auto_created]
        addresses = [reverse(f"admin:{model}_add")]
        if row := MODELS[model].objects.first():
            addresses.append(reverse(f"admin:{model}_change", args=[row.pk]))
        for value in ("zip", HUGE, "a\0b", "-1", "x" * 5000):
            for address in addresses:
                response = as_organiser.post(address, dict.fromkeys(names, value))
                assert response.status_code in (200, 400, 403), (address, value)

    @pytest.mark.parametrize("number", ["2", "50", "99999999", "9" * 30, "0", "-1", "x", "²", ""])
    def test_a_history_without_such_a_page_shows_its_first(self, as_organiser, organiser, number):
        address = reverse("admin:accounts_user_history", args=[organiser.pk])
        assert as_organiser.get(f"{address}?p={number}").status_code == 200

    @pytest.mark.parametrize("model", MODELS)
    def test_rows_are_found_by_their_key_alone(self, as_organiser, organiser, model):
        row = MODELS[model].objects.first()
        addresses = [reverse(f"admin:{model}_add"), changelist(model)]
        for what in ("change", "delete", "history"):
            addresses.append(reverse(f"admin:{model}_{what}", args=[row.pk if row else 1]))
        for value in ("zip", "logentry", "user", "id"):
            for address in addresses:
                response = as_organiser.get(f"{address}?_to_field={value}&_popup=1")
                assert response.status_code < 500, (address, value)

    @pytest.mark.parametrize("model", MODELS)
    def test_keys_that_no_row_has_are_not_found(self, as_organiser, model):
        for pk in (HUGE, f"-{HUGE}", "x", "_5F", "%00"):
            for what in ("change", "delete", "history"):
                address = reverse(f"admin:{model}_{what}", args=["row"]).replace("row", pk)
                assert as_organiser.get(address).status_code < 500, address


class TestGroups:
    @pytest.fixture
    def group(self, db):
        return Group.objects.create(name="Helpers")

    @pytest.fixture
    def client(self, db):
        return browser(
            helper("auth.view_group", "auth.change_group", "auth.delete_group", "auth.add_group")
        )

    def test_permissions_are_changed_by_administrators_alone(self, client, group, as_organiser):
        every = list(Permission.objects.values_list("pk", flat=True)[:5])
        address = reverse("admin:auth_group_change", args=[group.pk])
        client.post(address, {"name": "Renamed", "permissions": every})
        group.refresh_from_db()
        assert (group.name, group.permissions.count()) == ("Renamed", 0)
        client.post(reverse("admin:auth_group_add"), {"name": "Own", "permissions": every})
        assert not Group.objects.get(name="Own").permissions.exists()
        as_organiser.post(address, {"name": "Renamed", "permissions": every[:1]})

    def test_groups_with_organisers_in_them_are_left_alone(self, client, group):
        group.user_set.add(User.objects.get(username="helper"))
        address = reverse("admin:auth_group_change", args=[group.pk])
        assert client.post(address, {"name": "Mine"}).status_code == 403
        assert (
            client.post(
                reverse("admin:auth_group_delete", args=[group.pk]), {"post": "yes"}
            ).status_code
            == 403
        )
        data = {"action": "delete_selected", "_selected_action": [group.pk], "post": "yes"}
        client.post(changelist("auth_group"), data)
        assert Group.objects.filter(pk=group.pk).exists()


@pytest.mark.machine
@pytest.mark.parametrize("charset", ["rot13", "utf-7", "undefined", "x"])
@pytest.mark.parametrize(
    "kind", ["multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "text/plain"]
)
def test_forms_are_in_utf_8(db, charset, kind):
    client = Client()
    for address in ("/accounts/login/", "/accounts/signup/", "/files/", "/admin/", "/language/"):
        for method in ("get", "post", "put"):
            response = client.generic(
                method.upper(), address, b"a=b", content_type=f"{kind}; charset={charset}"
            )
            assert response.status_code == 400
    assert "Camp accepts forms in UTF-8 only." in response.content.decode()
