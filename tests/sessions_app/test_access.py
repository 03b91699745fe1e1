"""Who reaches which address of a session, and with which verb."""

import pytest
from django.urls import reverse

from sessions_app.models import Message, Session

# Name, the verbs it takes beside HEAD, and whether it stands for one message.
ADDRESSES = [
    ("detail", {"get"}, False),
    ("rename", {"get", "post"}, False),
    ("delete", {"post"}, False),
    ("restore", {"post"}, False),
    ("message_create", {"post"}, False),
    ("message_edit", {"get", "post"}, True),
    ("message_delete", {"get", "post"}, True),
    ("export_markdown", {"get"}, False),
    ("export_json", {"get"}, False),
]
ALLOWED = [(name, verb, single) for name, verbs, single in ADDRESSES for verb in sorted(verbs)]
REFUSED = [
    (name, verb, single)
    for name, verbs, single in ADDRESSES
    for verb in ("get", "post", "put", "patch", "delete")
    if verb not in verbs
]
DATA = {"content": "Changed", "title": "Changed"}


def address(name, session, single):
    message = session.messages.order_by("id").first()
    return reverse(f"sessions:{name}", args=[session.session_id] + [message.pk] * single)


def everything():
    """Return all that a request could have changed."""
    return list(Session.objects.values()), list(Message.objects.values())


@pytest.mark.parametrize(("name", "verb", "single"), ALLOWED)
def test_owners_reach_their_session(as_owner, session, name, verb, single):
    response = getattr(as_owner, verb)(address(name, session, single), DATA)
    assert response.status_code in (200, 302)


@pytest.mark.machine
@pytest.mark.parametrize(("name", "verb", "single"), ALLOWED)
def test_anonymous_people_are_asked_to_log_in(client, session, name, verb, single):
    before = everything()
    url = address(name, session, single)
    response = getattr(client, verb)(url, DATA if verb == "post" else None)
    # A log-in comes back by GET: where only POST works, that is the session.
    back = url if (name, "get", single) in ALLOWED else session.get_absolute_url()
    assert response.status_code == 302
    assert response.headers["Location"] == f"{reverse('accounts:login')}?next={back}"
    assert everything() == before


@pytest.mark.machine
@pytest.mark.parametrize(("name", "verb", "single"), ALLOWED)
def test_sessions_of_others_do_not_exist(as_stranger, session, name, verb, single):
    before = everything()
    response = getattr(as_stranger, verb)(address(name, session, single), DATA)
    assert response.status_code == 404
    assert everything() == before


@pytest.mark.machine
@pytest.mark.parametrize(("name", "verb", "single"), ALLOWED)
def test_deleted_sessions_only_come_back(as_owner, session, name, verb, single):
    session.trash()
    response = getattr(as_owner, verb)(address(name, session, single), DATA)
    assert response.status_code == (302 if name == "restore" else 404)


@pytest.mark.machine
@pytest.mark.parametrize("who", ["as_owner", "client"])
def test_wrong_verbs_are_refused(request, session, who):
    before = everything()
    browser = request.getfixturevalue(who)
    for name, verb, single in REFUSED:
        response = getattr(browser, verb)(address(name, session, single))
        assert response.status_code == 405, (name, verb)
    assert everything() == before


@pytest.mark.parametrize("name", ["list", "new"])
def test_the_list_and_new_ask_for_a_log_in(client, db, name):
    url = reverse(f"sessions:{name}")
    response = client.get(url)
    assert response.status_code == 302
    assert response.headers["Location"] == f"{reverse('accounts:login')}?next={url}"


def test_the_list_takes_no_post(as_owner):
    assert as_owner.post(reverse("sessions:list")).status_code == 405


@pytest.mark.parametrize("name", ["detail", "export_markdown", "export_json"])
def test_head_works_as_get(as_owner, session, name):
    assert as_owner.head(address(name, session, False)).status_code == 200


@pytest.mark.parametrize("path", ["none", "%00", "a%00b", "~00", "~2F", "%F0%9F%8F%95", "x" * 3000])
def test_session_ids_that_do_not_exist_are_not_found(as_owner, path):
    assert as_owner.get(f"/sessions/{path}/").status_code == 404


@pytest.mark.parametrize(
    "session_id",
    [
        "1",
        "a/b",
        "/",
        "new",
        ".",
        "..",
        "~",
        "a~2Fb",
        "~6Eew",
        "50%",
        "a b?c#d",
        "セッション",
        "é\n",
    ],
)
def test_any_id_of_an_old_database_has_an_address(as_owner, owner, session_id):
    session = Session.objects.create(user=owner, session_id=session_id, title="Old one")
    assert session.get_absolute_url() in as_owner.get("/sessions/").content.decode()
    response = as_owner.get(session.get_absolute_url())
    assert response.status_code == 200
    assert response.context["session"] == session


@pytest.mark.parametrize("verb", ["get", "post"])
def test_what_the_assistant_said_stays(as_owner, session, verb):
    message = session.messages.get(role="assistant")
    url = reverse("sessions:message_edit", args=[session.session_id, message.pk])
    assert getattr(as_owner, verb)(url, DATA).status_code == 403
    message.refresh_from_db()
    assert message.content == "Second"


@pytest.mark.parametrize("name", ["message_edit", "message_delete"])
def test_a_message_is_found_only_in_its_own_session(as_owner, session, untitled, name):
    message = session.messages.first()
    url = reverse(f"sessions:{name}", args=[untitled.session_id, message.pk])
    assert as_owner.get(url).status_code == 404


@pytest.mark.parametrize("pk", ["0", "9" * 30, "9" * 5000])
def test_messages_that_do_not_exist_are_not_found(as_owner, session, pk):
    url = f"{session.get_absolute_url()}messages/{pk}/edit/"
    assert as_owner.get(url).status_code == 404
