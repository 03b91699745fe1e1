"""What organisers read of sessions, messages and people in the admin."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from files.models import File
from sessions_app.models import Message, Session
from tests.admin_pages import browser, changelist, helper, page, queries

SESSION, MESSAGE, USER = "sessions_app_session", "sessions_app_message", "accounts_user"


@pytest.fixture
def session(owner):
    session = Session.objects.create(user=owner, title="Camp fire")
    Message.objects.create(session=session, role="user", content="**bold** " + "x" * 5000)
    File.objects.create(
        user=owner, session=session, filename="plan.txt", size=9, storage_path="aa/bb/none"
    )
    return session


def read(session):
    return reverse("admin:sessions_app_session_read", args=[session.pk])


class TestSession:
    def test_it_is_shown_as_its_owner_sees_it(self, organiser, session):
        client = browser(organiser)
        assert read(session) in client.get(page(SESSION, "change", session.pk)).content.decode()
        html = client.get(read(session)).content.decode()
        for text in ("Session of owner", "<strong>bold</strong>", "x" * 5000, "plan.txt"):
            assert text in html
        file = File.objects.get()
        assert page("files_file", "change", file.pk) in html
        assert reverse("admin:files_file_download", args=[file.pk]) in html
        assert file.get_absolute_url() not in html.replace("/admin/files/file/", "")
        session.trash()
        assert "In the trash" in client.get(read(session)).content.decode()

    def test_it_has_pages(self, organiser, session):
        messages = [Message(session=session, role="user", content=f"n{n};") for n in range(250)]
        Message.objects.bulk_create(messages)
        client = browser(organiser)
        response = client.get(read(session))
        assert "n249;" in response.content.decode()
        earlier = client.get(read(session) + response.context["page"].next_url)
        assert "**bold**" not in (html := earlier.content.decode())
        assert "n0;" in html
        assert "Newest messages" in html

    def test_only_what_one_may_view_is_shown(self, session, owner):
        for number, names in enumerate([["view_session"], ["view_message"]]):
            client = browser(helper(*(f"sessions_app.{n}" for n in names), name=f"h{number}"))
            assert client.get(read(session)).status_code == 403
        both = ("sessions_app.view_session", "sessions_app.view_message")
        html = browser(helper(*both, name="both")).get(read(session)).content.decode()
        assert "bold" in html
        assert "plan.txt" not in html
        assert browser(owner).get(read(session)).status_code == 403

    def test_wrong_addresses(self, organiser, session):
        client = browser(organiser)
        assert client.post(read(session)).status_code == 405
        for pk in ("0", "x", "9" * 20):
            assert client.get(f"/admin/sessions_app/session/{pk}/read/").status_code == 404


class TestMessages:
    def test_authors_are_named(self, organiser, session, stranger):
        Message.objects.create(session=session, author=stranger, content="Hello")
        client = browser(organiser)
        link = page(USER, "change", stranger.pk)
        assert link in client.get(changelist(MESSAGE)).content.decode()
        message = Message.objects.get(author=stranger)
        assert link in client.get(page(MESSAGE, "change", message.pk)).content.decode()
        for address in (read(session), page(SESSION, "change", session.pk)):
            html = client.get(address).content.decode()
            assert "stranger" in html
            assert "A former member" in html

    def test_the_list_has_the_owner(self, organiser, session, owner):
        html = browser(organiser).get(changelist(MESSAGE)).content.decode()
        assert page(USER, "change", owner.pk) in html
        client = browser(helper("sessions_app.view_message"))
        html = client.get(changelist(MESSAGE)).content.decode()
        assert "owner" in html
        assert page(USER, "change", owner.pk) not in html
        assert page(SESSION, "change", session.pk) not in html


class TestLastActivity:
    def shown(self, client):
        """Return the times by user name."""
        html = client.get(changelist(USER)).content.decode()
        return html.count("5 minutes ago"), html.count("3 minutes ago")

    def test_it_is_the_latest_of_log_in_session_and_file(self, organiser, session):
        now = timezone.now()
        User.objects.update(last_login=None, created_at=now - timedelta(days=9))
        Session.objects.update(updated_at=now - timedelta(minutes=5))
        File.objects.update(created_at=now - timedelta(minutes=9))
        client = browser(organiser)
        User.objects.filter(pk=organiser.pk).update(last_login=None)
        assert self.shown(client) == (1, 0)
        File.objects.update(created_at=now - timedelta(minutes=3))
        assert self.shown(client) == (0, 1)
        html = client.get(page(USER, "change", session.user_id)).content.decode()
        assert "3 minutes ago" in html

    def test_it_tells_nothing_of_tables_that_one_may_not_view(self, session):
        Session.objects.update(updated_at=timezone.now() - timedelta(minutes=5))
        client = browser(helper("accounts.view_user"))
        assert self.shown(client)[0] == 0

    def test_it_costs_no_query_a_row(self, organiser, session, stranger):
        client = browser(organiser)
        few = len(queries(client, changelist(USER)))
        for number in range(5):
            Session.objects.create(
                user=User.objects.create(username=f"u{number}", email=f"u{number}@example.org")
            )
        assert len(queries(client, changelist(USER))) == few
