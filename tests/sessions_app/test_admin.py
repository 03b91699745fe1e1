"""Sessions and messages in the admin."""

import pytest
from django.urls import reverse

from sessions_app.models import Message, Session
from tests.admin_pages import (
    NO_MEMBERS,
    act,
    browser,
    changelist,
    counts,
    helper,
    names,
    page,
    queries,
    told,
)
from tests.conftest import person

SESSION, MESSAGE = "sessions_app_session", "sessions_app_message"


@pytest.fixture
def as_organiser(organiser):
    return browser(organiser)


def sessions(query=""):
    return changelist(SESSION, query)


class TestSessionList:
    def test_it_shows_whose_they_are_and_what_is_in_them(self, as_organiser, session, file):
        html = as_organiser.get(sessions()).content.decode()
        assert "Summer camp" in html
        assert f'<a href="{page("accounts_user", "change", session.user_id)}">owner</a>' in html
        messages = changelist(MESSAGE, f"?session__id__exact={session.pk}")
        assert f'<a href="{messages}">3</a>' in html
        assert len(names(as_organiser.get(messages))) == 3
        files = changelist("files_file", f"?session__id__exact={session.pk}")
        assert f'<a href="{files}">1</a>' in html
        assert names(as_organiser.get(files)) == [file.pk]

    @pytest.mark.parametrize("text", ["summer", "ＳＵＭＭＥＲ camp", "owner", "owner@example"])
    def test_it_is_searched_by_title_and_person(self, as_organiser, session, stranger, text):
        Session.objects.create(user=stranger, title="Winter")
        assert names(as_organiser.get(sessions(f"?q={text}"))) == [session.pk]

    def test_it_is_searched_by_the_public_identifier(self, as_organiser, session, untitled):
        text = session.session_id.upper()
        assert names(as_organiser.get(sessions(f"?q={text}"))) == [session.pk]

    def test_it_is_searched_in_japanese(self, as_organiser, owner):
        found = Session.objects.create(user=owner, title="夏の東京キャンプ")
        assert names(as_organiser.get(sessions("?q=東京"))) == [found.pk]

    def test_it_is_filtered_by_trash_and_person(self, as_organiser, session, untitled, stranger):
        untitled.trash()
        assert names(as_organiser.get(sessions("?trash=yes"))) == [untitled.pk]
        assert names(as_organiser.get(sessions("?trash=no"))) == [session.pk]
        assert names(as_organiser.get(sessions(f"?user__id__exact={stranger.pk}"))) == []
        assert as_organiser.get(sessions("?user__id__exact=x")).status_code == 400

    def test_it_costs_the_same_for_few_and_many_and_counts_no_table(self, as_organiser, session):
        few = queries(as_organiser, sessions())
        for number in range(40):
            other = Session.objects.create(user=person(f"user{number}"), title="x")
            other.messages.create(content="Hello")
        many = queries(as_organiser, sessions())
        assert len(many) == len(few) <= 6
        assert counts(many) == []

    def test_it_is_closed_to_helpers_without_the_permission(self, session):
        client = browser(helper("files.view_file"))
        for address in (sessions(), page(SESSION, "change", session.pk), changelist(MESSAGE)):
            assert client.get(address).status_code == 403

    def test_it_is_closed_to_everybody_else(self, as_owner, client, session):
        assert as_owner.get(sessions()).status_code == 403
        assert client.get(sessions()).status_code == 302

    def test_a_helper_gets_no_links_to_closed_tables(self, session):
        html = browser(helper("sessions_app.view_session")).get(sessions()).content.decode()
        assert "owner" in html
        assert page("accounts_user", "change", session.user_id) not in html
        assert "column-messages_held" not in html


class TestSessionPage:
    def test_it_shows_the_messages_in_order(self, as_organiser, session):
        html = as_organiser.get(page(SESSION, "change", session.pk)).content.decode()
        assert html.index("First") < html.index("Second") < html.index("Third")
        for message in session.messages.all():
            assert page(MESSAGE, "change", message.pk) in html

    def test_of_a_huge_session_it_shows_the_end(self, as_organiser, session):
        Message.objects.bulk_create(
            Message(session=session, content=f"<b>number {n:04} " + "long " * 400)
            for n in range(1000)
        )
        address = page(SESSION, "change", session.pk)
        html = as_organiser.get(address).content.decode()
        assert html.count("&lt;b&gt;number ") == 100
        assert "number 0999" in html
        assert "number 0899" not in html
        assert "Only the last 100 messages are shown here." in html
        assert changelist(MESSAGE, f"?session__id__exact={session.pk}") in html
        assert len(html) < 150_000  # of messages of 2,000 characters

    def test_it_costs_the_same_for_few_and_many_messages(self, as_organiser, session):
        address = page(SESSION, "change", session.pk)
        as_organiser.get(address)  # fills the caches of Django
        few = len(queries(as_organiser, address))
        Message.objects.bulk_create(Message(session=session, content="x") for _ in range(300))
        assert len(queries(as_organiser, address)) == few

    def test_messages_are_hidden_from_who_may_not_view_them(self, session):
        client = browser(helper("sessions_app.view_session", "sessions_app.change_session"))
        html = client.get(page(SESSION, "change", session.pk)).content.decode()
        assert "Summer camp" in html
        assert "Second" not in html

    def test_it_saves_and_leaves_the_messages_alone(self, as_organiser, session, stranger):
        data = {"title": "Autumn camp", "user": stranger.pk, **NO_MEMBERS}
        response = as_organiser.post(page(SESSION, "change", session.pk), data)
        assert response.status_code == 302
        session.refresh_from_db()
        assert (session.title, session.search_text) == ("Autumn camp", "autumn camp")
        assert session.user == stranger
        assert session.messages.count() == 3

    def test_members_are_added_changed_and_logged(self, as_organiser, session, stranger, organiser):
        url = page(SESSION, "change", session.pk)
        data = {"title": session.title, "user": session.user_id, "members-TOTAL_FORMS": 1}
        data |= {"members-INITIAL_FORMS": 0, "members-0-user": stranger.pk}
        assert as_organiser.post(url, data).status_code == 302
        member = session.members.get()
        assert (member.user, member.may_write, member.added_by) == (stranger, False, organiser)
        assert Session.objects.get().revision > 0
        html = as_organiser.get(page(SESSION, "history", session.pk)).content.decode()
        assert "Added member “stranger”" in html
        data |= {"members-INITIAL_FORMS": 1, "members-0-id": member.pk, "members-0-DELETE": "on"}
        assert as_organiser.post(url, data).status_code == 302
        assert not session.members.exists()

    def test_the_owner_is_not_made_a_member(self, as_organiser, session):
        data = {"title": session.title, "user": session.user_id, "members-TOTAL_FORMS": 1}
        data |= {"members-INITIAL_FORMS": 0, "members-0-user": session.user_id}
        response = as_organiser.post(page(SESSION, "change", session.pk), data)
        assert "The owner needs no membership." in response.content.decode()
        assert not session.members.exists()

    def test_it_is_filtered_by_members(self, as_organiser, session, untitled, stranger):
        session.members.create(user=stranger)
        untitled.members.create(user=None)
        url = sessions(f"?members__user__id__exact={stranger.pk}")
        assert names(as_organiser.get(url)) == [session.pk]
        assert names(as_organiser.get(sessions("?shared=people"))) == [session.pk]
        assert names(as_organiser.get(sessions("?shared=everyone"))) == [untitled.pk]
        assert names(as_organiser.get(sessions("?shared=announced"))) == []
        assert (
            url in as_organiser.get(page("accounts_user", "change", stranger.pk)).content.decode()
        )

    def test_it_names_what_is_wrong(self, as_organiser, session):
        response = as_organiser.post(page(SESSION, "change", session.pk), {"title": "x", "user": 0})
        assert "user" in response.context["adminform"].form.errors
        assert "Second" in response.content.decode()

    def test_a_session_is_started_for_somebody(self, as_organiser, owner):
        address = reverse(f"admin:{SESSION}_add")
        assert as_organiser.get(address).status_code == 200
        as_organiser.post(address, {"title": "Rules", "user": owner.pk})
        assert Session.objects.get().user == owner

    def test_it_comes_back_from_the_trash(self, as_organiser, session, untitled):
        session.trash()
        assert "1 restored." in told(act(as_organiser, SESSION, "restore_selected", session))
        session.refresh_from_db()
        assert session.deleted_at is None
        looker = browser(helper("sessions_app.view_session"))
        session.trash()
        act(looker, SESSION, "restore_selected", session)
        session.refresh_from_db()
        assert session.deleted_at

    def test_autocomplete_tells_sessions_of_one_name_apart(self, as_organiser, session):
        field = "/admin/autocomplete/?app_label=files&model_name=file&field_name=session"
        [found] = as_organiser.get(f"{field}&term=ｓｕｍｍｅｒ").json()["results"]
        assert found["text"].startswith("Summer camp (owner, ")
        few = queries(as_organiser, f"{field}&term=summer")
        for number in range(30):
            Session.objects.create(user=person(f"user{number}"), title="Summer")
        many = queries(as_organiser, f"{field}&term=summer")
        assert len(many) == len(few)
        assert counts(many) == []
        found = as_organiser.get(f"{field}&term=summer").json()
        assert len(found["results"]) == 20
        assert found["pagination"] == {"more": True}
        assert len(as_organiser.get(f"{field}&term=s&page=2").json()["results"]) == 11


class TestMessages:
    def test_they_are_searched_by_what_they_say(self, as_organiser, session):
        message = session.messages.create(content="持ち物はテントです")
        assert names(as_organiser.get(changelist(MESSAGE, "?q=ﾃﾝﾄ"))) == [message.pk]

    def test_they_are_filtered_by_role(self, as_organiser, session):
        response = as_organiser.get(changelist(MESSAGE, "?role=assistant"))
        assert names(response) == list(
            session.messages.filter(role="assistant").values_list("pk", flat=True)
        )
        assert ">You<" not in response.content.decode()

    def test_their_list_costs_the_same_for_few_and_many(self, as_organiser, session):
        few = queries(as_organiser, changelist(MESSAGE))
        Message.objects.bulk_create(Message(session=session, content="x") for _ in range(600))
        many = queries(as_organiser, changelist(MESSAGE))
        assert len(many) == len(few) <= 6
        assert counts(many) == []

    def test_a_change_is_marked_and_stays_findable(self, as_organiser, session):
        message = session.messages.first()
        data = {"session": session.pk, "role": "user", "content": "Taken out"}
        response = as_organiser.post(page(MESSAGE, "change", message.pk), data)
        assert response.status_code == 302
        message.refresh_from_db()
        assert message.edited_at
        assert (message.content, message.search_text) == ("Taken out", "taken out")

    def test_a_helper_who_may_only_look_changes_nothing(self, session):
        client = browser(helper("sessions_app.view_message"))
        message = session.messages.first()
        address = page(MESSAGE, "change", message.pk)
        assert client.get(address).status_code == 200
        assert client.post(address, {"content": "x"}).status_code == 403
        assert client.post(page(MESSAGE, "delete", message.pk), {"post": "yes"}).status_code == 403
