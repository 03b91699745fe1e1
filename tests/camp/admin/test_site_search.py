"""One search across the tables of the admin."""

import pytest
from django.db import OperationalError
from django.urls import reverse

from camp.admin.model_admin import CampModelAdmin
from files.models import File, Share
from sessions_app.models import Message, Session
from tests.admin_pages import browser, changelist, helper, page, queries

ADDRESS = "/admin/search/"


@pytest.fixture
def rows(owner):
    session = Session.objects.create(user=owner, title="Lagerfeuer")
    file = File.objects.create(
        user=owner, filename="lagerplan.txt", size=1, storage_path="aa/bb/none", sha256="ab" * 32
    )
    share = Share.objects.create(user=owner, expires_at="2100-01-01T00:00Z")
    share.files.add(file)
    return {
        "accounts_user": owner,
        "sessions_app_session": session,
        "sessions_app_message": Message.objects.create(
            session=session, role="user", content="Wer bringt Holz ins Lager?"
        ),
        "files_file": file,
        "files_share": share,
    }


def found(client, text):
    """Return the addresses of the rows that are found."""
    results = client.get(ADDRESS, {"q": text}).context["results"]
    return {url for table in results for _label, url in table.rows}


def test_it_finds_rows_of_all_kinds(organiser, rows):
    client = browser(organiser)
    everything = {page(model, "change", row.pk) for model, row in rows.items()}
    assert found(client, "lager") == everything - {
        page("accounts_user", "change", rows["accounts_user"].pk)
    }
    assert found(client, "owner@example.org") >= {
        page(model, "change", rows[model].pk) for model in ("accounts_user", "files_file")
    }
    assert found(client, "ab" * 32) == {
        page(model, "change", rows[model].pk) for model in ("files_file",)
    }
    session = rows["sessions_app_session"]
    assert page("sessions_app_session", "change", session.pk) in found(client, session.session_id)
    assert page("files_file", "change", rows["files_file"].pk) in found(
        client, str(rows["files_file"].pk)
    )


def test_a_session_is_found_by_its_messages(organiser, rows):
    session = page("sessions_app_session", "change", rows["sessions_app_session"].pk)
    assert session in found(browser(organiser), "holz")
    assert session not in found(browser(helper("sessions_app.view_session")), "holz")


def test_only_what_one_may_view_is_searched(rows):
    client = browser(helper("files.view_file"))
    assert found(client, "lager") == {page("files_file", "change", rows["files_file"].pk)}
    assert found(client, "owner@example.org") == set()
    assert "Nothing was found" in client.get(ADDRESS, {"q": "owner@example.org"}).content.decode()
    assert (
        "Nothing was found"
        in browser(helper(name="none")).get(ADDRESS + "?q=lager").content.decode()
    )


def test_the_first_few_are_shown_with_a_link_to_all(organiser, owner):
    for number in range(7):
        Session.objects.create(user=owner, title=f"Zelt {number}")
    client = browser(organiser)
    html = client.get(ADDRESS, {"q": "zelt"}).content.decode()
    assert html.count(">Zelt ") == 5
    assert changelist("sessions_app_session", "?q=zelt") in html
    few = len(queries(client, f"{ADDRESS}?q=zelt"))
    for number in range(7):
        Session.objects.create(user=owner, title=f"Zelt {number}")
    assert len(queries(client, f"{ADDRESS}?q=zelt")) == few


def test_a_table_that_takes_too_long_does_not_hide_the_others(organiser, rows, monkeypatch):
    original = CampModelAdmin.first_matches

    def interrupt(model_admin, request, text, count):
        if model_admin.model is Message:
            raise OperationalError from Exception("interrupted")
        return original(model_admin, request, text, count)

    monkeypatch.setattr(CampModelAdmin, "first_matches", interrupt)
    html = browser(organiser).get(ADDRESS, {"q": "lager"}).content.decode()
    assert "This took too long" in html
    assert "lagerplan.txt" in html


def test_the_form_is_in_the_header_of_every_page(organiser, rows):
    client = browser(organiser)
    for address in (reverse("admin:index"), changelist("files_file"), ADDRESS):
        assert f'action="{ADDRESS}"' in client.get(address).content.decode()


def test_wrong_requests(organiser, owner):
    client = browser(organiser)
    assert client.post(ADDRESS).status_code == 405
    assert client.get(ADDRESS, {"q": "x" * 201}).status_code == 400
    assert client.get(ADDRESS, {"q": "a " * 11}).status_code == 400
    for text in ("", " ", "\x00", "%", "9" * 30, "'"):
        assert client.get(ADDRESS, {"q": text}).status_code == 200
    assert browser(owner).get(ADDRESS).status_code == 403
