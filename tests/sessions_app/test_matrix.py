"""What everyone gets at every address of a session, of its messages and of its files.

Addresses come from the resolver: a new one fails here until its row is written.
"""

import base64
from dataclasses import dataclass, field

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from files.library import shares
from files.models import Version
from files.uploads import form, resumable
from sessions_app.models import Member, Message, Session
from tests.addresses import names
from tests.conftest import person
from tests.files.conftest import stage
from tests.files.serving.test_previews import picture

pytestmark = pytest.mark.django_db

LOGIN = "log-in"
INSIDERS = ("owner", "writer", "reader", "everyone")
OUTSIDERS = ("removed", "stranger", "staff")
NOBODY = ("anonymous", "deactivated")
PEOPLE = (*INSIDERS, *OUTSIDERS, *NOBODY)


def answers(owner, writer, reader, everyone, *, outsiders=404, nobody=LOGIN):
    """Return {who: status}."""
    inside = zip(INSIDERS, (owner, writer, reader, everyone), strict=True)
    return dict(inside) | dict.fromkeys(OUTSIDERS, outsiders) | dict.fromkeys(NOBODY, nobody)


def read(status=200, **others):
    """All who are in the session."""
    return answers(status, status, status, status, **others)


def write(status=302, **others):
    """Those who may write."""
    return answers(status, status, 403, 403, **others)


def own(status, **others):
    """The owner; the others in the session know that it exists."""
    return answers(status, 403, 403, 403, **others)


def private(status, **others):
    """The owner; for all others it does not exist."""
    return answers(status, 404, 404, 404, **others)


@dataclass
class Row:
    """A request, and its answers. `kwargs` and `data` name what the world has, as `{name}`."""

    name: str
    kwargs: tuple
    verb: str
    expected: dict
    data: dict = field(default_factory=dict)
    query: str = ""
    headers: dict = field(default_factory=dict)


SESSION = ("session_id",)
MESSAGE = ("session_id", "message")
MEMBER = ("session_id", "member")
FILE = ("file",)
VERSION = ("file", "version")
TUS = {"Tus-Resumable": "1.0.0"}

ROWS = [
    Row("sessions:detail", SESSION, "get", read()),
    Row("sessions:rename", SESSION, "get", own(200)),
    Row("sessions:rename", SESSION, "post", own(302), {"title": "Changed"}),
    Row("sessions:delete", SESSION, "post", own(302)),
    Row("sessions:restore", SESSION, "post", private(302)),
    Row("sessions:message_create", SESSION, "post", write(), {"content": "Hello"}),
    Row("sessions:message_edit", MESSAGE, "get", own(200)),
    Row("sessions:message_edit", MESSAGE, "post", own(302), {"content": "Changed"}),
    Row("sessions:message_delete", MESSAGE, "get", own(200)),
    Row("sessions:message_delete", MESSAGE, "post", own(302)),
    Row("sessions:message", MESSAGE, "get", read(302)),
    # It was not deleted.
    Row("sessions:message_restore", MESSAGE, "post", read(302)),
    # Without the permission; an organiser who is not in the session does not see it.
    Row("sessions:announce", SESSION, "get", read(403)),
    Row("sessions:announce", SESSION, "post", read(403)),
    Row("sessions:withdraw", SESSION, "post", read(403)),
    Row("sessions:changes", SESSION, "get", read()),
    Row("sessions:members", SESSION, "get", read()),
    Row("sessions:members", SESSION, "post", own(302), {"names": "stranger", "right": "read"}),
    Row("sessions:leave", SESSION, "get", answers(404, 200, 200, 404)),
    Row("sessions:leave", SESSION, "post", answers(404, 302, 302, 404), {"files": "keep"}),
    Row("sessions:member_change", MEMBER, "post", own(302), {"right": "read"}),
    Row("sessions:member_remove", MEMBER, "get", own(200)),
    Row("sessions:member_remove", MEMBER, "post", own(302)),
    Row("sessions:member_hand_over", MEMBER, "get", own(200)),
    Row("sessions:member_hand_over", MEMBER, "post", own(302), {"files": "stay"}),
    Row("sessions:export_markdown", SESSION, "get", read()),
    Row("sessions:export_json", SESSION, "get", read()),
    Row("files:list", (), "get", read(), query="session={session_id}"),
    Row("files:zip", (), "get", read(), query="session={session_id}"),
    Row("files:zip", (), "get", read(), query="id={file}"),
    Row("files:attach", (), "get", write(200), query="session={session_id}"),
    Row("files:attach", (), "post", write(), {"session": "{session_id}", "files": "{own_file}"}),
    Row("files:upload", (), "get", write(200), query="session={session_id}"),
    Row("files:upload", (), "post", write(), {"session": "{session_id}", "files": None}),
    Row(
        "files:selection",
        (),
        "post",
        # Nothing is chosen that one does not see.
        read(outsiders=302),
        {"action": "zip", "id": "{file}"},
    ),
    Row(
        "files:selection",
        (),
        "post",
        answers(302, 302, 403, 403),
        {"action": "move", "id": "{own_file}", "to": "{session_id}", "sure": "1"},
    ),
    Row("files:link_new", (), "get", private(200), query="id={file}"),
    Row("files:link_revoke", ("share",), "post", private(302)),
    Row("files:detail", FILE, "get", read()),
    Row("files:download", FILE, "get", read()),
    Row("files:inline", FILE, "get", read()),
    Row("files:thumbnail", ("picture",), "get", read()),
    Row("files:rename", FILE, "post", own(302), {"filename": "Changed"}),
    Row("files:delete", FILE, "post", own(302)),
    Row("files:restore", FILE, "post", private(302)),
    Row("files:detach", FILE, "post", own(302)),
    Row("files:replace", FILE, "get", own(200)),
    Row("files:replace", FILE, "post", own(302), {"files": None}),
    Row("files:version_download", VERSION, "get", private(200)),
    Row("files:version_restore", VERSION, "post", private(302)),
    Row("files:version_delete", VERSION, "get", private(200)),
    Row("files:version_delete", VERSION, "post", private(302)),
    # First: the next two remove its bytes, which no transaction brings back.
    Row("uploads:upload", ("upload",), "head", private(200, nobody=403), headers=TUS),
    Row("files:upload_giveup", ("upload",), "post", private(302)),
    Row("uploads:upload", ("upload",), "delete", private(204, nobody=403), headers=TUS),
    Row(
        "uploads:uploads",
        (),
        "post",
        write(201, nobody=403),
        headers=TUS | {"Upload-Length": "5", "Upload-Metadata": "session {session_base64}"},
    ),
]
# These show or take what is one's own, whatever the session; links are for whoever has them.
OTHERS = {
    *("sessions:list", "sessions:new", "files:unfinished", "files:trash", "files:purge"),
    *("files:undo", "files:links"),
    *("share", "share_zip", "share_download", "share_thumbnail"),
}
# What is shown there must not name the session, its messages and files to outsiders.
LISTS = ("/", "/sessions/", "/files/", "/files/?owner=shared", "/files/trash/", "/files/links/")


def test_every_address_has_a_row():
    found = {name for name, _ in names() if name.startswith(("sessions:", "files:", "uploads:"))}
    found |= {name for name, _ in names() if name.startswith("share")}
    assert found == {row.name for row in ROWS} | OTHERS


def make_world(who):
    """Make a session with messages, people and files; returns the values that rows name."""
    people = {name: person(name) for name in ("owner", "writer", "reader", "removed", "stranger")}
    people["everyone"] = person("everyone")
    people["staff"] = person("staff", is_staff=True, is_superuser=True)
    people["deactivated"] = person("deactivated")
    session = Session.objects.create(user=people["owner"], title="Secret plan")
    memberships = {
        name: Member.objects.create(session=session, user=people[name], may_write=name != "reader")
        for name in ("writer", "reader", "deactivated")
    }
    if who == "everyone":
        Member.objects.create(session=session, user=None)
    message = Message.objects.create(session=session, author=people["owner"], content="Secret")
    own = {"user": people["owner"], "session": session}
    file = form.store(staged=stage(b"sound"), filename="secret.mp3", **own)
    image = form.store(staged=stage(picture()), filename="secret.png", **own)
    version = Version.objects.create(
        file=file, filename="secret.mp3", content_type="audio/mpeg", size=5,
        storage_path=file.storage_path, since=timezone.now(), replaced_at=timezone.now(),
    )  # fmt: skip
    upload = resumable.create(filename="secret.bin", length=5, **own)
    share = shares.create(user=people["owner"], files=[file], days=1, password="", limit=None)
    own_file = people.get(who) and form.store(
        user=people[who], staged=stage(b"mine"), filename="mine.txt"
    )
    client = Client(headers={"accept-language": "en"})
    if who in people:
        client.force_login(people[who])
    people["deactivated"].is_active = False
    people["deactivated"].save()
    encoded = base64.b64encode(session.session_id.encode()).decode()
    member = memberships["writer" if who != "writer" else "reader"]
    return client, {
        "session_id": session.session_id,
        "session_base64": encoded,
        "message": message.pk,
        "member": member.pk,
        "file": file.pk,
        "picture": image.pk,
        "version": version.pk,
        "upload": upload.pk,
        "share": share.pk,
        "own_file": own_file.pk if own_file else 0,
    }


def send(client, world, row):
    """Send the request of a row; returns the status, or LOGIN."""
    arguments = [world[name] for name in row.kwargs]
    address = reverse(row.name, args=arguments)
    if row.query:
        address += f"?{row.query.format(**world)}"
    data = {
        name: SimpleUploadedFile("a.mp3", b"new") if value is None else value.format(**world)
        for name, value in row.data.items()
    }
    headers = {name: value.format(**world) for name, value in row.headers.items()}
    with transaction.atomic():
        response = getattr(client, row.verb)(address, data or None, headers=headers)
        if response.streaming:
            b"".join(response)  # closes it
        transaction.set_rollback(True)
    if response.status_code == 302 and response["Location"].startswith(reverse("accounts:login")):
        return LOGIN
    return 200 if response.status_code == 202 else response.status_code


@pytest.mark.parametrize("who", PEOPLE)
def test_everyone_gets_what_is_theirs(who):
    client, world = make_world(who)
    wrong = {}
    for number, row in enumerate(ROWS):
        status = send(client, world, row)
        if status != row.expected[who]:
            wrong[number, row.name, row.verb] = (status, row.expected[who])
    assert wrong == {}
    if who in INSIDERS:
        return
    for address in LISTS:
        assert "ecret" not in client.get(address).content.decode(), address
