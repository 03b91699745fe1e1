"""Users in the admin, and the tables of Django and django-axes beside them."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import AttemptCounter, User
from files.models import File, Quota, Share, Upload
from sessions_app.models import Message, Session
from tests.admin_pages import act, browser, changelist, counts, helper, names, page, queries, told
from tests.conftest import PASSWORD, person

USER = "accounts_user"


@pytest.fixture
def as_organiser(organiser):
    return browser(organiser)


def users(query=""):
    return changelist(USER, query)


def things_of(user, sessions=2, files=3):
    """Give a user sessions with a message each, and files of 1 KiB."""
    for number in range(sessions):
        Session.objects.create(user=user, title=f"Day {number}").messages.create(content="Hello")
    for number in range(files):
        File.objects.create(
            user=user, filename=f"{number}.txt", size=1024, storage_path="aa/bb/none"
        )


class TestList:
    def test_it_shows_what_everybody_keeps_with_links_to_it(self, as_organiser, owner):
        things_of(owner)
        html = as_organiser.get(users()).content.decode()
        assert "owner@example.org" in html
        for model, count in (("sessions_app_session", 2), ("files_file", 3)):
            address = changelist(model, f"?user__id__exact={owner.pk}")
            assert f'<a href="{address}">{count}</a>' in html
            response = as_organiser.get(address)
            assert len(names(response)) == count
            assert "By user" in response.content.decode()
        assert "3\u00a0KiB" in html

    def test_it_is_sorted_by_what_an_index_has_in_order_alone(self, as_organiser, owner, member):
        changes = as_organiser.get(users()).context["cl"]
        columns = [getattr(column, "__name__", column) for column in changes.list_display]
        offered = [getattr(column, "__name__", column) for column in changes.sortable_by]
        assert offered == ["username", "created_at"]
        usual = names(as_organiser.get(users()))
        for place in map(columns.index, ("bytes_kept", "files_kept", "last_activity")):
            assert names(as_organiser.get(users(f"?o=-{place}"))) == usual
        place = columns.index("created_at")
        assert names(as_organiser.get(users(f"?o=-{place}"))) == sorted(usual, reverse=True)

    def test_what_is_kept_is_counted_up_to_a_bound(self, as_organiser, owner, monkeypatch):
        monkeypatch.setattr("camp.admin.model_admin.COUNTED", 2)
        monkeypatch.setattr("camp.admin.dashboard.COUNTED", 2)
        monkeypatch.setattr("files.admin.usage.COUNTED", 2)
        things_of(owner)
        html = as_organiser.get(users()).content.decode()
        assert "more than 2</a>" in html
        assert "3\u00a0KiB" in html

    @pytest.mark.parametrize("text", ["mei", "ＭＥＩ", "MEI@", "@example"])
    def test_it_is_searched_by_name_and_e_mail_in_any_width_and_case(self, as_organiser, text):
        mei = person("mei")
        assert mei.pk in names(as_organiser.get(users(f"?q={text}")))

    def test_it_is_searched_in_any_script(self, as_organiser):
        User.objects.create_user("山田太郎", "yamada@example.org", PASSWORD)
        assert len(names(as_organiser.get(users("?q=太郎")))) == 1

    def test_it_is_filtered(self, as_organiser, organiser, owner, stranger):
        User.objects.filter(pk=stranger.pk).update(is_active=False)
        assert names(as_organiser.get(users("?is_active__exact=0"))) == [stranger.pk]
        assert names(as_organiser.get(users("?is_staff__exact=1"))) == [organiser.pk]

    def test_hashes_cannot_be_asked_for(self, as_organiser, owner):
        assert as_organiser.get(users("?password__startswith=md5")).status_code == 400

    def test_it_costs_the_same_for_few_and_many_and_counts_no_table(self, as_organiser, owner):
        things_of(owner)
        few = queries(as_organiser, users())
        for number in range(30):
            things_of(person(f"user{number}"), sessions=1, files=1)
        many = queries(as_organiser, users())
        assert len(many) == len(few) <= 7
        assert counts(many) == []

    def test_what_users_keep_is_computed_for_the_shown_page_only(self, as_organiser):
        User.objects.bulk_create(
            User(username=f"user{n}", email=f"user{n}@example.org") for n in range(120)
        )
        totals = [sql for sql in queries(as_organiser, users()) if "SUM(" in sql]
        assert len(totals) == 1
        assert "IN (" in totals[0]

    def test_a_helper_sees_no_figures_of_tables_that_are_closed(self, owner):
        things_of(owner)
        client = browser(helper("accounts.view_user", "files.view_file"))
        html = client.get(users()).content.decode()
        assert changelist("files_file", f"?user__id__exact={owner.pk}") in html
        assert "column-sessions_kept" not in html

    def test_a_helper_without_the_permission_does_not_see_it(self, db):
        client = browser(helper("files.view_file"))
        assert client.get(users()).status_code == 403
        assert client.get("/admin/accounts/").status_code == 404

    def test_who_may_only_look_changes_nothing(self, owner):
        client = browser(helper("accounts.view_user"))
        html = client.get(page(USER, "change", owner.pk)).content.decode()
        assert "owner@example.org" in html
        assert "Set a new password" not in html
        assert client.post(page(USER, "change", owner.pk), {"username": "x"}).status_code == 403
        act(client, USER, "deactivate", owner)
        owner.refresh_from_db()
        assert owner.is_active


class TestPage:
    def test_the_hash_is_on_no_page(self, as_organiser, owner):
        addresses = [page(USER, what, owner.pk) for what in ("change", "delete", "history")]
        addresses += [users(), reverse("admin:auth_user_password_change", args=[owner.pk])]
        for address in addresses:
            html = as_organiser.get(address).content.decode()
            hidden = [owner.password, *owner.password.split("$")[1:], "md5", "algorithm", "salt"]
            assert [word for word in hidden if word in html] == []

    def test_it_leads_to_the_form_that_sets_a_password(self, as_organiser, owner):
        address = reverse("admin:auth_user_password_change", args=[owner.pk])
        assert address in as_organiser.get(page(USER, "change", owner.pk)).content.decode()
        his = browser(owner)
        data = {"password1": "quite another one", "password2": "quite another one"}
        response = as_organiser.post(address, data | {"usable_password": "true"})
        assert response.status_code == 302
        owner.refresh_from_db()
        assert owner.check_password("quite another one")
        assert his.get(reverse("accounts:profile")).status_code == 302  # that log-in has ended

    def test_it_saves_a_change_and_keeps_the_password(self, as_organiser, owner):
        data = {"username": "chef", "email": "chef@example.org", "is_active": "on"}
        response = as_organiser.post(page(USER, "change", owner.pk), data)
        assert response.status_code == 302
        owner.refresh_from_db()
        assert (owner.username, owner.email) == ("chef", "chef@example.org")
        assert owner.check_password(PASSWORD)

    @pytest.mark.parametrize(
        ("field", "value", "error"),
        [
            ("username", "OWNER", "This user name is taken."),
            ("username", "ｏｗｎｅｒ", "This user name is taken."),
            ("email", "Owner@Example.ORG", "This e-mail already has an account."),
        ],
    )
    def test_names_that_differ_by_case_are_taken(
        self, as_organiser, owner, member, field, value, error
    ):
        data = {"username": "member", "email": "member@example.org", "is_active": "on"}
        for address in (page(USER, "change", member.pk), reverse("admin:accounts_user_add")):
            passwords = {"password1": PASSWORD, "password2": PASSWORD}
            response = as_organiser.post(address, data | passwords | {field: value})
            assert error in response.context["adminform"].form.errors[field]

    def test_it_shows_and_links_what_belongs_to_the_user(self, as_organiser, owner):
        things_of(owner)
        html = as_organiser.get(page(USER, "change", owner.pk)).content.decode()
        assert changelist("sessions_app_session", f"?user__id__exact={owner.pk}") in html
        assert changelist("files_file", f"?user__id__exact={owner.pk}") in html

    def test_a_new_user_can_log_in(self, as_organiser):
        data = {"username": "newcomer", "email": "new@example.org"}
        passwords = {"password1": PASSWORD, "password2": PASSWORD}
        response = as_organiser.post(reverse("admin:accounts_user_add"), data | passwords)
        user = User.objects.get(username="newcomer")
        assert response["Location"] == page(USER, "change", user.pk)
        login = {"username": "newcomer", "password": PASSWORD}
        assert Client().post(reverse("accounts:login"), login).status_code == 302

    def test_users_are_found_by_autocomplete(self, as_organiser, owner):
        field = {"app_label": "files", "model_name": "file", "field_name": "user"}
        found = as_organiser.get("/admin/autocomplete/", field | {"term": "own"}).json()
        assert found["results"] == [{"id": str(owner.pk), "text": "owner (owner@example.org)"}]
        assert browser(owner).get("/admin/autocomplete/", field).status_code == 403


class TestDeactivation:
    def test_it_ends_log_ins_and_is_undone(self, as_organiser, owner, member):
        his = browser(owner)
        response = act(as_organiser, USER, "deactivate", owner, member)
        assert "2 users deactivated." in told(response)
        assert his.get(reverse("accounts:profile")).status_code == 302
        response = act(as_organiser, USER, "reactivate", owner)
        assert "1 user reactivated." in told(response)
        assert list(User.objects.filter(is_active=False)) == [member]

    def test_those_who_are_so_already_are_not_counted(self, as_organiser, owner, member):
        User.objects.filter(pk=owner.pk).update(is_active=False)
        assert "1 user deactivated." in told(act(as_organiser, USER, "deactivate", owner, member))
        assert "0 users deactivated." in told(act(as_organiser, USER, "deactivate", owner))

    def test_it_spares_oneself(self, as_organiser, organiser, owner):
        text = told(act(as_organiser, USER, "deactivate", organiser, owner))
        assert "You cannot deactivate yourself." in text
        assert "1 user deactivated." in text
        organiser.refresh_from_db()
        assert organiser.is_active

    def test_it_is_logged(self, as_organiser, owner):
        act(as_organiser, USER, "deactivate", owner)
        assert LogEntry.objects.get().get_change_message() == "Deactivated."
        assert "Deactivated." in as_organiser.get(page(USER, "history", owner.pk)).content.decode()

    def test_nobody_is_deactivated_who_was_not_ticked(self, as_organiser, owner, member):
        act(as_organiser, USER, "deactivate", owner, select_across="1")
        member.refresh_from_db()
        assert member.is_active


class TestDeletion:
    def test_it_names_numbers_and_takes_everything_along(self, as_organiser, owner, member):
        things_of(owner)
        things_of(member, sessions=1, files=1)
        response = as_organiser.get(page(USER, "delete", owner.pk))
        summary = {str(name): count for name, count in response.context["model_count"]}
        assert summary == {
            "users": "1",
            "sessions": "2",
            "messages": "2",
            "files": "3 (3\u00a0KiB)",
        }
        as_organiser.post(page(USER, "delete", owner.pk), {"post": "yes"})
        for model in (Session, File):
            assert set(model.objects.values_list("user", flat=True)) == {member.pk}
        assert Message.objects.count() == 1

    def test_its_confirmation_costs_the_same_however_much_goes(self, as_organiser, owner):
        things_of(owner)
        few = len(queries(as_organiser, page(USER, "delete", owner.pk)))
        session = Session.objects.first()
        Message.objects.bulk_create([Message(session=session, content="x") for _ in range(500)])
        things_of(owner, sessions=20, files=20)
        address = page(USER, "delete", owner.pk)
        assert len(queries(as_organiser, address)) == few
        assert len(as_organiser.get(address).content) < 20_000

    def test_its_confirmation_counts_up_to_a_bound(self, as_organiser, owner, monkeypatch):
        for module in ("camp.admin.dashboard", "camp.admin.deletion", "files.admin.files"):
            monkeypatch.setattr(f"{module}.COUNTED", 2)
        things_of(owner, sessions=3)
        response = as_organiser.get(page(USER, "delete", owner.pk))
        assert {str(name): count for name, count in response.context["model_count"]} == {
            "users": "1",
            "sessions": "more than 2",
            "messages": "not counted",
            "files": "more than 2 (3\u00a0KiB)",
        }
        client = browser(helper("accounts.delete_user", "accounts.view_user"))
        response = client.get(page(USER, "delete", owner.pk))
        assert "message" in {str(name) for name in response.context["perms_lacking"]}

    def test_its_history_counts_nothing_that_belongs_to_the_user(self, as_organiser, owner):
        things_of(owner)
        sql = queries(as_organiser, page(USER, "history", owner.pk))
        assert not [one for one in sql if "sample_messages" in one or "camp_versions" in one]

    def test_many_are_named_up_to_a_point(self, as_organiser):
        many = [person(f"user{number:02}") for number in range(30)]
        response = act(as_organiser, USER, "delete_selected", *many)
        html = response.content.decode()
        assert "user24" in html
        assert "… and 5 more" in html
        act(as_organiser, USER, "delete_selected", *many, post="yes")
        assert User.objects.count() == 1

    def test_an_organiser_with_a_history_can_be_deleted(self, as_organiser):
        other = person("other", is_staff=True, is_superuser=True)
        act(browser(other), USER, "deactivate", person("victim"))
        assert LogEntry.objects.filter(user=other).exists()
        as_organiser.post(page(USER, "delete", other.pk), {"post": "yes"})
        assert not User.objects.filter(username="other").exists()

    def test_it_needs_the_permission_for_all_that_goes_along(self, owner):
        things_of(owner)
        client = browser(helper("accounts.delete_user", "accounts.view_user"))
        response = client.get(page(USER, "delete", owner.pk))
        assert {str(name) for name in response.context["perms_lacking"]} == {
            "session",
            "message",
            "file",
        }
        assert client.post(page(USER, "delete", owner.pk), {"post": "yes"}).status_code == 403
        assert User.objects.filter(pk=owner.pk).exists()

    def test_one_cannot_delete_oneself(self, as_organiser, organiser):
        assert as_organiser.get(page(USER, "delete", organiser.pk)).status_code == 403
        act(as_organiser, USER, "delete_selected", organiser, post="yes")
        assert User.objects.filter(pk=organiser.pk).exists()


class TestPowers:
    """Who manages users does not become more than that."""

    @pytest.fixture
    def as_helper(self, db):
        return browser(helper("accounts.view_user", "accounts.change_user", "accounts.delete_user"))

    def test_a_helper_grants_nothing(self, as_helper, owner):
        everything = [permission.pk for permission in Permission.objects.all()]
        data = {
            "username": "owner",
            "email": "owner@example.org",
            "is_active": "on",
            "is_staff": "on",
            "is_superuser": "on",
            "user_permissions": everything,
        }
        assert as_helper.post(page(USER, "change", owner.pk), data).status_code == 302
        owner.refresh_from_db()
        assert not owner.is_staff
        assert not owner.is_superuser
        assert not owner.user_permissions.exists()

    def test_a_helper_does_not_touch_organisers(self, as_helper, organiser):
        assert as_helper.get(page(USER, "change", organiser.pk)).status_code == 200  # to look at
        assert as_helper.post(page(USER, "change", organiser.pk), {}).status_code == 403
        assert as_helper.get(page(USER, "delete", organiser.pk)).status_code == 403
        password = reverse("admin:auth_user_password_change", args=[organiser.pk])
        assert as_helper.get(password).status_code == 403
        text = told(act(as_helper, USER, "deactivate", organiser))
        assert "1 organiser was not changed" in text
        act(as_helper, USER, "delete_selected", organiser, post="yes")
        organiser.refresh_from_db()
        assert organiser.is_active

    def test_a_helper_deactivates_ordinary_users(self, as_helper, owner):
        assert "1 user deactivated." in told(act(as_helper, USER, "deactivate", owner))

    def test_the_last_administrator_stays_one(self, as_organiser, organiser):
        data = {"username": "organiser", "email": "organiser@example.org"}
        assert as_organiser.post(page(USER, "change", organiser.pk), data).status_code == 302
        organiser.refresh_from_db()
        assert organiser.is_active
        assert organiser.is_staff
        assert organiser.is_superuser


class TestOtherTables:
    def test_the_log_is_read_only(self, as_organiser, owner):
        act(as_organiser, USER, "deactivate", owner)
        entry = LogEntry.objects.get()
        assert "Deactivated." in as_organiser.get(changelist("admin_logentry")).content.decode()
        address = page("admin_logentry", "change", entry.pk)
        assert as_organiser.get(address).status_code == 200
        assert as_organiser.post(address, {}).status_code == 403
        assert as_organiser.get(page("admin_logentry", "delete", entry.pk)).status_code == 403
        assert as_organiser.get(reverse("admin:admin_logentry_add")).status_code == 403

    def test_failed_log_ins_show_the_name_and_not_what_else_was_sent(self, as_organiser, owner):
        data = {"username": "owner", "password": "my secret guess", "note": "also typed"}
        Client().post(reverse("accounts:login"), data)
        attempt = AttemptCounter.objects.get(kind="login")
        address = page("accounts_attemptcounter", "change", attempt.pk)
        for html in (
            as_organiser.get(changelist("accounts_attemptcounter")),
            as_organiser.get(address),
        ):
            assert "owner" in html.content.decode()
            assert "my secret guess" not in html.content.decode()
            assert "also typed" not in html.content.decode()
        assert as_organiser.post(address, {}).status_code == 403

    def test_deleting_a_failed_log_in_lets_its_user_in_again(self, as_organiser, owner, settings):
        login, client = reverse("accounts:login"), Client()
        for _try in range(settings.AXES_FAILURE_LIMIT):
            client.post(login, {"username": "owner", "password": "wrong"})
        right = {"username": "owner", "password": PASSWORD}
        assert client.post(login, right).status_code == 429
        act(
            as_organiser,
            "accounts_attemptcounter",
            "delete_selected",
            *AttemptCounter.objects.all(),
            post="yes",
        )
        assert client.post(login, right).status_code == 302

    def test_permissions_are_worded_in_the_readers_language(self, organiser, owner):
        client = Client(headers={"accept-language": "ja"})
        client.force_login(organiser)
        for address in (page(USER, "change", owner.pk), reverse("admin:auth_group_add")):
            told = client.get(address).content.decode()
            assert "共有リンクを見られる" in told
            assert "Can " not in told

    def test_a_permission_that_has_no_effect_is_kept_but_not_offered(self, as_organiser, owner):
        useless = Permission.objects.get(codename="view_contenttype")
        address = page(USER, "change", owner.pk)
        option = f'name="user_permissions" value="{useless.pk}"'
        assert option not in as_organiser.get(address).content.decode()
        owner.user_permissions.add(useless)
        assert option in as_organiser.get(address).content.decode()

    def test_groups_are_made_and_given(self, as_organiser, owner):
        permission = Permission.objects.get(codename="view_file")
        data = {"name": "librarians", "permissions": [permission.pk]}
        as_organiser.post(reverse("admin:auth_group_add"), data)
        group = Group.objects.get(name="librarians")
        change = {
            "username": "owner",
            "email": "owner@example.org",
            "is_active": "on",
            "is_staff": "on",
            "groups": [group.pk],
        }
        as_organiser.post(page(USER, "change", owner.pk), change)
        assert browser(owner).get(changelist("files_file")).status_code == 200
        assert browser(owner).get(users()).status_code == 403


OWNED = ["files_file", "files_share", "files_quota", "files_upload", "sessions_app_session"]


@pytest.mark.parametrize("text", ["straße", "STRASSE", "Strasse@", "ＳＴＲＡＳＳＥ"])
def test_every_list_finds_a_person_and_their_things_by_any_spelling(as_organiser, text):
    both = [
        User.objects.create_user("straße", "one@example.org"),
        User.objects.create_user("two", "STRASSE@example.org"),
    ]
    found = names(as_organiser.get(users(f"?q={text}")))
    assert found == [user.pk for user in both if "@" not in text or user.username == "two"]
    for user in both:
        things_of(user, sessions=1, files=1)
        share = Share.objects.create(user=user, expires_at=timezone.now())
        share.files.add(File.objects.get(user=user))
        Quota.objects.create(user=user, limit=1)
        Upload.objects.create(user=user, filename="part", length=1, expires_at=timezone.now())
    for model in OWNED:
        rows = as_organiser.get(changelist(model, f"?q={text}")).context["cl"].result_list
        assert {row.user_id for row in rows} == set(found), model


def test_the_page_of_a_user_says_which_e_mail_about_news_they_get(admin_client, member):
    url = reverse("admin:accounts_user_change", args=[member.pk])
    for choice, word in ((None, "Never"), (member.EmailNews.DAILY, "Once a day")):
        type(member).objects.filter(pk=member.pk).update(email_news=choice)
        html = admin_client.get(url).content.decode()
        assert word in html[html.index("E-mail about news") :][:200]
