"""What organisers with some permissions see of tables that they may not view."""

import re

import pytest
from django.contrib import admin
from django.contrib.admin.models import ADDITION, LogEntry
from django.urls import reverse

from files.models import File, Quota, Share, Upload
from sessions_app.models import Message, Session
from tests.admin_pages import act, browser, changelist, helper, names, page

MODELS = {one._meta.label_lower.replace(".", "_"): one for one in admin.site._registry}
PERMISSION = {
    name: f"{one._meta.app_label}.{{}}_{one._meta.model_name}" for name, one in MODELS.items()
}


@pytest.fixture
def rows(owner):
    """A row of each table that refers to others."""
    session = Session.objects.create(user=owner, title="Secret title")
    file = File.objects.create(
        user=owner, session=session, filename="plan.txt", size=1, storage_path="aa/bb/none"
    )
    share = Share.objects.create(user=owner, expires_at="2100-01-01T00:00Z")
    share.files.add(file)
    upload = {"filename": "b", "length": 5, "content_type": "text/plain"}
    LogEntry.objects.log_actions(owner.pk, [file], ADDITION, single_object=True)
    return {
        "accounts_user": owner,
        "sessions_app_session": session,
        "sessions_app_message": Message.objects.create(session=session, role="user", content="x"),
        "files_file": file,
        "files_share": share,
        "files_quota": Quota.objects.create(user=owner, limit=5),
        "files_upload": Upload.objects.create(
            user=owner, session=session, expires_at="2100-01-01T00:00Z", **upload
        ),
        "admin_logentry": LogEntry.objects.get(),
    }


def links(client, address):
    """Return the addresses in the admin to which the main part of a page links."""
    html = client.get(address).content.decode()
    main = html[html.index('id="content"') :]
    return set(re.findall(r'href="(/admin/[^"?#]+)', main))


@pytest.mark.parametrize("action", ["view", "change", "delete"])
@pytest.mark.parametrize("model", MODELS)
def test_no_link_leads_where_one_may_not_go(rows, model, action):
    client = browser(helper(PERMISSION[model].format(action)))
    addresses = [changelist(model)]
    if model in rows:
        addresses += [page(model, what, rows[model].pk) for what in ("change", "history")]
        if action == "delete":
            addresses = [page(model, "delete", rows[model].pk)]
    for address in addresses:
        if client.get(address).status_code == 403:
            continue
        for link in links(client, address):
            assert client.get(link).status_code != 403, (address, link)


@pytest.mark.parametrize("model", [name for name in MODELS if name != "admin_logentry"])
def test_no_field_searches_a_table_that_one_may_not_view(rows, model):
    client = browser(helper(*(PERMISSION[model].format(one) for one in ("add", "change"))))
    addresses = [reverse(f"admin:{model}_add")]
    if model in rows:
        addresses.append(page(model, "change", rows[model].pk))
    for address in addresses:
        html = client.get(address).content.decode()
        for field in re.findall(r'data-field-name="(\w+)"', html):
            app, _dot, name = MODELS[model]._meta.label_lower.partition(".")
            query = {"app_label": app, "model_name": name, "field_name": field}
            assert client.get(reverse("admin:autocomplete"), query).status_code == 200


class TestFiles:
    def test_one_renames_a_file_without_seeing_users_and_sessions(self, rows, owner):
        client, file = browser(helper("files.change_file")), rows["files_file"]
        html = client.get(page("files_file", "change", file.pk)).content.decode()
        assert "owner" in html
        assert 'name="user"' not in html
        data = {"filename": "new.txt", "user": "", "session": ""}
        client.post(page("files_file", "change", file.pk), data)
        file.refresh_from_db()
        assert (file.filename, file.user, file.session) == ("new.txt", owner, rows_session(rows))

    def test_a_session_of_somebody_else_is_refused_all_the_same(self, rows, stranger):
        client = browser(helper("files.change_file", "sessions_app.view_session"))
        other = Session.objects.create(user=stranger)
        file = rows["files_file"]
        data = {"filename": "new.txt", "session": other.pk}
        response = client.post(page("files_file", "change", file.pk), data)
        assert "belong to different users" in response.content.decode()
        client = browser(helper("files.change_file", "accounts.view_user", name="other"))
        data = {"filename": "new.txt", "user": stranger.pk}
        response = client.post(page("files_file", "change", file.pk), data)
        assert "belong to different users" in response.content.decode()


def rows_session(rows):
    return rows["sessions_app_session"]


class TestFilters:
    def test_names_cannot_be_found_out_by_number(self, rows, owner):
        client = browser(helper("files.view_file", "sessions_app.view_message"))
        session = rows_session(rows)
        for model, query in (
            ("files_file", f"?user__id__exact={owner.pk}"),
            ("files_file", f"?session__id__exact={session.pk}"),
            ("sessions_app_message", f"?session__id__exact={session.pk}"),
        ):
            assert client.get(changelist(model, query)).status_code == 400

    def test_those_who_may_view_the_table_filter_by_it(self, rows, owner):
        client = browser(helper("files.view_file", "accounts.view_user"))
        response = client.get(changelist("files_file", f"?user__id__exact={owner.pk}"))
        assert names(response) == [rows["files_file"].pk]


@pytest.mark.parametrize(
    ("permissions", "text"),
    [
        (["files.view_file"], "Searches: name, ID, SHA-256, storage path."),
        (
            ["files.view_file", "accounts.view_user"],
            "Searches: name, ID, SHA-256, storage path, user name, e-mail.",
        ),
    ],
)
def test_the_help_names_what_one_may_search(db, permissions, text):
    assert text in browser(helper(*permissions)).get(changelist("files_file")).content.decode()


class TestShares:
    def test_files_are_plain_text_for_those_who_may_not_view_them(self, rows):
        address = page("files_share", "change", rows["files_share"].pk)
        file = page("files_file", "change", rows["files_file"].pk)
        html = browser(helper("files.view_share")).get(address).content.decode()
        assert "plan.txt" in html
        assert file not in html
        client = browser(helper("files.view_share", "files.view_file", name="other"))
        assert file in client.get(address).content.decode()


def test_a_row_that_needs_another_is_added_by_those_who_may_view_that(rows):
    client = browser(helper("sessions_app.add_message", "files.add_quota"))
    for model in ("sessions_app_message", "files_quota"):
        assert client.get(reverse(f"admin:{model}_add")).status_code == 403
    client = browser(helper("sessions_app.add_message", "sessions_app.view_session", name="other"))
    assert client.get(reverse("admin:sessions_app_message_add")).status_code == 200


def test_actions_of_other_tables_need_their_permissions(rows, owner):
    client = browser(helper("accounts.view_user", "files.view_quota"))
    assert "set_quota" not in client.get(changelist("accounts_user")).content.decode()
    act(client, "accounts_user", "set_quota", owner, post="x", kind="none")
    assert Quota.objects.get().limit == 5
