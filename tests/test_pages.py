"""Every page that answers a GET is well-formed, in both languages and for everybody."""

import pytest
from django.urls import reverse

from camp.web.errors import SENTENCES
from files.models import File
from sessions_app.models import Session
from tests.addresses import ADDRESSES, LOGIN, NOT_TUS, REFUSED
from tests.markup import Page

LANGUAGES = ["en", pytest.param("ja", marks=pytest.mark.machine)]
TEXT = "# Day one\n\n- tent\n- lamp\n\n[map](https://example.org/)"
READABLE = [
    name for name, (_arguments, get, _post) in ADDRESSES.items() if get not in (REFUSED, NOT_TUS)
]
ADMIN = ["admin:index"] + [
    f"admin:{model}_{page}"
    for model in ("accounts_user", "sessions_app_session", "files_file")
    for page in ("changelist", "change")
]


def faults(response, language):
    """Return what is wrong with a page; nothing with an answer that is none."""
    is_page = response.headers.get("Content-Type", "").startswith("text/html")
    if not is_page or response.status_code in (301, 302):
        return []
    return Page(response.content.decode()).judge(language)


@pytest.fixture
def things(client, owner, settings):
    """The owner, logged in, with a session that has a message and a file."""
    session = Session.objects.create(user=owner, title="夏合宿の記録")
    message = session.messages.create(author=session.user, content=TEXT)
    (settings.LOCAL_STORAGE_PATH / "ab").mkdir(parents=True)
    (settings.LOCAL_STORAGE_PATH / "ab" / "1").write_bytes(b"north")
    File.objects.create(
        user=owner, filename="地図.txt", size=5, storage_path="ab/1", session=session
    )
    client.force_login(owner)
    return {"session_id": session.session_id, "message": message.pk}


def arguments(name, things):
    """Return what the address of that name needs to show one of `things`."""
    needed = ADDRESSES[name][0]
    pk = things["message"] if "session_id" in needed else File.objects.get().pk
    mine = {"session_id": things["session_id"], "pk": pk}
    return {word: mine.get(word, value) for word, value in needed.items()}


@pytest.mark.django_db
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", [name for name in READABLE if ADDRESSES[name][1] is not LOGIN])
def test_a_page_for_strangers(client, name, language):
    address = reverse(name, kwargs=ADDRESSES[name][0])
    response = client.get(address, headers={"accept-language": language})
    assert faults(response, language) == []


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", READABLE)
def test_a_page_for_its_owner(client, things, name, language):
    address = reverse(name, kwargs=arguments(name, things))
    response = client.get(address, headers={"accept-language": language})
    assert response.status_code in (200, 302, 403, 404)
    assert response.streaming or faults(response, language) == []


@pytest.mark.parametrize("name", ["home", "sessions:list", "files:list", "files:upload"])
def test_a_page_for_who_has_nothing_yet(client, owner, name):
    client.force_login(owner)
    assert faults(client.get(reverse(name)), "en") == []


@pytest.mark.parametrize(
    "name", ["accounts:signup", "accounts:login", "accounts:profile", "sessions:message_edit"]
)
def test_a_form_with_errors(client, things, name):
    if name in ("accounts:signup", "accounts:login"):
        client.logout()
    address = reverse(name, kwargs=arguments(name, things))
    response = client.post(address, {"username": "", "content": ""})
    assert faults(response, "en") == []
    assert 'aria-invalid="true"' in response.content.decode()


@pytest.mark.parametrize("name", ADMIN)
def test_a_page_of_the_admin(client, things, owner, organiser, name):
    client.force_login(organiser)
    objects = {"accounts_user": owner, "files_file": File.objects.get()}
    chosen = next((found for key, found in objects.items() if key in name), Session.objects.get())
    address = reverse(name, args=[chosen.pk] if name.endswith("change") else [])
    response = client.get(address)
    assert response.status_code == 200
    assert faults(response, "en") == []


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("status", SENTENCES)
def test_an_error_page(rf, status, language):
    """Drawn without a database: this test has none."""
    from camp.web.errors import error_response

    request = rf.get("/", headers={"accept-language": language})
    response = error_response(request, status, retry_after=120, limit=1024)
    assert response.status_code == status
    assert faults(response, language) == []
