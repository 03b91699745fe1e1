"""Messages are written, changed and deleted."""

from html import unescape

import pytest
from django.urls import reverse

from sessions_app.models import Message, Session
from tests.sessions_app.test_detail import contents, write

UNUSABLE = ["", "   ", "\n\t\u3000", "\u200b\u2060", "a\x00b", "x" * 100_001]


def post(browser, session, content, **options):
    url = reverse("sessions:message_create", args=[session.session_id])
    return browser.post(url, {"content": content}, **options)


def address(name, message):
    return reverse(f"sessions:{name}", args=[message.session.session_id, message.pk])


def test_a_message_is_kept_as_typed_and_shown(as_owner, session):
    text = "  indented\n\nこんにちは 🏕️ <b>  "
    response = post(as_owner, session, text)
    message = session.messages.latest("id")
    assert (message.role, message.content, message.edited_at) == ("user", text, None)
    assert response.headers["Location"] == f"{session.get_absolute_url()}#message-{message.pk}"
    assert contents(as_owner.get(session.get_absolute_url()))[-1] == text


def test_line_ends_of_browsers_become_plain(as_owner, session):
    post(as_owner, session, "a\r\nb\rc\n")
    assert session.messages.latest("id").content == "a\nb\nc\n"


def test_a_message_moves_its_session_up_and_is_found(as_owner, session, owner):
    Session.objects.create(user=owner, title="newer")
    post(as_owner, session, "東京")
    assert Session.objects.visible_to(owner).latest("updated_at") == session
    assert Session.objects.search("東京").get() == session


def test_the_role_and_session_cannot_be_posted(as_owner, session, untitled):
    url = reverse("sessions:message_create", args=[session.session_id])
    as_owner.post(url, {"content": "x", "role": "system", "session": untitled.pk})
    message = Message.objects.latest("id")
    assert (message.role, message.session) == ("user", session)


def test_the_longest_message_fits_with_the_line_ends_of_browsers(as_owner, session):
    text = "東\n" * 50_000
    post(as_owner, session, text.replace("\n", "\r\n"))
    assert session.messages.latest("id").content == text


@pytest.mark.parametrize("content", UNUSABLE)
def test_an_unusable_message_is_refused_and_stays_in_the_form(as_owner, session, content):
    response = post(as_owner, session, content)
    html = unescape(response.content.decode())
    assert response.status_code == 200
    assert response.context["form"].errors["content"]
    assert 'aria-invalid="true"' in html
    assert content in html
    assert session.messages.count() == 3
    assert contents(response) == ["First", "Second", "Third"]


def test_the_error_of_a_long_message_names_both_lengths(as_owner, session):
    html = post(as_owner, session, "x" * 100_001).content.decode()
    assert "A message can have at most 100000 characters; this one has 100001." in html


def test_a_refused_message_leaves_the_ways_to_earlier_ones_intact(as_owner, untitled):
    write(untitled, 201)
    response = post(as_owner, untitled, "")
    link = f"{untitled.get_absolute_url()}{response.context['page'].next_url}"
    assert f'href="{link}"' in response.content.decode()
    assert as_owner.get(link).status_code == 200


def test_no_content_at_all_is_refused(as_owner, session):
    url = reverse("sessions:message_create", args=[session.session_id])
    assert as_owner.post(url).context["form"].errors


def test_the_first_message_gives_an_untitled_session_its_title(as_owner, untitled):
    post(as_owner, untitled, "\n\n## 夏の**合宿**\nDetails")
    post(as_owner, untitled, "Another")
    untitled.refresh_from_db()
    assert untitled.title == "夏の合宿"
    assert Session.objects.search("合宿").get() == untitled


def test_a_title_stays_when_messages_come(as_owner, session):
    post(as_owner, session, "Other")
    session.refresh_from_db()
    assert session.title == "Summer camp"


def test_the_edit_page_holds_the_text(as_owner, session):
    message = session.messages.first()
    Message.objects.filter(pk=message.pk).update(content="\n a <&> b")
    html = as_owner.get(address("message_edit", message)).content.decode()
    assert "maxlength" not in html
    # Browsers drop one line break after the tag.
    assert ">\n\n a &lt;&amp;&gt; b</textarea>" in html


def test_an_edit_changes_the_text_marks_it_and_moves_the_session_up(as_owner, session):
    message = session.messages.first()
    before = session.updated_at
    response = as_owner.post(address("message_edit", message), {"content": "京都\r\nx"})
    message.refresh_from_db()
    session.refresh_from_db()
    assert message.content == "京都\nx"
    assert message.edited_at is not None
    assert session.updated_at > before
    assert session.title == "Summer camp"
    assert Session.objects.search("京都").get() == session
    assert not Session.objects.search("First")
    assert response.headers["Location"] == f"{session.get_absolute_url()}#message-{message.pk}"


def test_saving_without_a_change_marks_nothing(as_owner, session):
    message = session.messages.first()
    Message.objects.filter(pk=message.pk).update(content="a\nb")
    before = Session.objects.values().get()
    as_owner.post(address("message_edit", message), {"content": "a\r\nb"})
    message.refresh_from_db()
    assert message.edited_at is None
    assert Session.objects.values().get() == before


@pytest.mark.parametrize("content", UNUSABLE)
def test_an_unusable_edit_is_refused_and_stays_in_the_form(as_owner, session, content):
    message = session.messages.first()
    response = as_owner.post(address("message_edit", message), {"content": content})
    assert response.status_code == 200
    assert content in unescape(response.content.decode())
    message.refresh_from_db()
    assert (message.content, message.edited_at) == ("First", None)


@pytest.mark.parametrize("index", [0, 49, 50, 249, 250, 449])
def test_after_an_edit_the_page_with_the_message_opens(as_owner, untitled, index):
    message = write(untitled, 450)[index]
    response = as_owner.post(address("message_edit", message), {"content": "changed"}, follow=True)
    assert "changed" in contents(response)
    assert f'id="message-{message.pk}"' in response.content.decode()


def test_deleting_asks_first_and_shows_the_message(as_owner, session):
    message = session.messages.first()
    html = as_owner.get(address("message_delete", message)).content.decode()
    assert "Delete this message?" in html
    assert "First" in html
    assert session.messages.count() == 3


def test_a_deleted_message_is_gone_and_the_session_changed(as_owner, session):
    message = session.messages.first()
    before = session.updated_at
    response = as_owner.post(address("message_delete", message), follow=True)
    session.refresh_from_db()
    assert contents(response) == ["Second", "Third"]
    assert "The message was deleted." in response.content.decode()
    assert session.updated_at > before
    assert as_owner.post(address("message_delete", message)).status_code == 404
