"""Links to files: making, using and ending them."""

import html
import io
import re
import zipfile
from datetime import timedelta
from urllib.parse import unquote, urlsplit

import pytest
from django.contrib.messages import get_messages
from django.core.cache import cache
from django.utils import timezone

from camp.fs.filenames import download_name
from files.library import shares
from files.models import File, Share
from tests.files.conftest import browser

NEW = "/files/links/new/"


def make(client, *files, **fields):
    """Make a link through the form; returns its path."""
    data = {"id": [file.pk for file in files], "days": "7", **fields}
    response = client.post(NEW, data)
    assert response.status_code == 302, response.context["form"].errors
    [*_others, message] = get_messages(response.wsgi_request)
    return urlsplit(re.search(r'href="([^"]+)"', str(message))[1]).path


@pytest.fixture
def link(as_owner, file):
    """A link to one file."""
    return make(as_owner, file)


def test_whoever_has_the_link_gets_the_file(client, link, file):
    page = client.get(link)
    assert page.status_code == 200
    assert "notes.txt" in page.content.decode()
    response = client.get(f"{link}{file.pk}/")
    assert response.getvalue() == b"hello"
    assert response.headers["Content-Disposition"].startswith("attachment")


def test_several_files_come_as_one_zip(as_owner, client, keep):
    path = make(as_owner, keep("a.txt", b"a"), keep("b.txt", b"b"))
    archive = zipfile.ZipFile(io.BytesIO(client.get(f"{path}zip/").getvalue()))
    assert archive.namelist() == ["a.txt", "b.txt"]


@pytest.mark.parametrize("name", ["東京 #1?.txt", "100%.txt", "a;b&c.txt", "..."])
def test_addresses_end_in_the_name_of_what_they_give(as_owner, client, keep, name, caplog):
    path = make(as_owner, keep(name), keep("other.txt"))
    page = client.get(path).content.decode()
    addresses = re.findall(rf'href="({path}[^"]+)"', page)
    saved = {unquote(urlsplit(html.unescape(one)).path.rpartition("/")[2]) for one in addresses}
    assert saved == {download_name(name), "other.txt", "camp.zip"}
    for address in addresses:
        assert client.get(html.unescape(address)).status_code == 200
    for log in caplog.messages:
        assert not any(each in unquote(log) for each in saved - {"file"})


def test_no_search_engine_and_no_other_site_learns_of_it(client, link, file):
    for address in (link, f"{link}{file.pk}/", f"{link}zip/", "/s/wrong/"):
        headers = client.get(address).headers
        assert headers["X-Robots-Tag"] == "noindex, nofollow"
        assert headers["Referrer-Policy"] == "same-origin"
    assert '<meta name="robots" content="noindex, nofollow">' in client.get(link).content.decode()


def test_the_token_is_long_and_not_in_the_database(link):
    token = link.split("/")[2]
    share = Share.objects.get()
    assert len(token) == 38
    assert token == shares.token_of(share)
    assert not any(token in str(value) for value in vars(share).values())
    assert not any(token[16:] in str(value) for value in vars(share).values())


@pytest.mark.parametrize("place", [0, 15, 16, -1])
def test_a_token_with_another_letter_leads_nowhere(client, link, place):
    token = list(link.split("/")[2])
    token[place] = "x" if token[place] != "x" else "y"
    assert client.get(f"/s/{''.join(token)}/").status_code == 404


def test_a_link_survives_another_secret(owner, client, link, file, settings):
    settings.SECRET_KEY = "another one"
    as_owner = browser(owner)
    assert client.get(f"{link}{file.pk}/").getvalue() == b"hello"
    # The hash alone does not tell the address.
    page = as_owner.get("/files/links/").content.decode()
    assert link not in page
    assert "its address cannot be shown here" in page
    again = make(as_owner, file)
    assert client.get(again).status_code == 200
    assert again in as_owner.get("/files/links/").content.decode()


def test_a_link_of_before_the_hashes_goes_by_its_signature(client, link, settings):
    Share.objects.update(token_hash="")
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another one"
    assert client.get(link).status_code == 200
    settings.SECRET_KEY_FALLBACKS = []
    assert client.get(link).status_code == 404


def test_the_address_is_shown_while_an_earlier_secret_counts(as_owner, client, link, settings):
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another one"
    assert link in as_owner.get("/files/links/").content.decode()
    assert client.get(link).status_code == 200


def test_nothing_else_of_the_owner_is_to_be_had(client, link, keep):
    other = keep("other.txt")
    assert client.get(f"{link}{other.pk}/").status_code == 404
    assert "other.txt" not in client.get(link).content.decode()


@pytest.mark.parametrize("end", ["expired", "used up", "revoked", "inactive owner"])
def test_a_link_that_is_over_leads_nowhere(as_owner, client, link, file, owner, end):
    share = Share.objects.get()
    if end == "expired":
        Share.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    elif end == "used up":
        Share.objects.update(limit=1, downloads=1)
    elif end == "revoked":
        as_owner.post(f"/files/links/{share.pk}/revoke/")
    else:
        type(owner).objects.filter(pk=owner.pk).update(is_active=False)
    for address in (link, f"{link}{file.pk}/", f"{link}zip/"):
        response = client.get(address)
        assert response.status_code == 404
    assert "or it has expired" in response.content.decode()


@pytest.mark.parametrize("change", ["trashed", "given away"])
def test_a_file_that_is_gone_is_not_given_out(client, link, file, stranger, change):
    if change == "trashed":
        file.trash()
    else:
        file.user = stranger
        file.save()
    assert client.get(f"{link}{file.pk}/").status_code == 404
    assert "These files are no longer available" in client.get(link).content.decode()


def test_downloads_are_counted_up_to_the_limit(as_owner, client, file):
    path = make(as_owner, file, limit="2")
    address = f"{path}{file.pk}/"
    client.head(address)
    assert client.get(address).status_code == 200
    # Going on with a download that was cut is no second one.
    assert client.get(address, headers={"range": "bytes=2-"}).status_code == 206
    assert client.get(f"{path}zip/").status_code == 200
    assert client.get(address).status_code == 404
    share = Share.objects.get()
    assert (share.downloads, share.is_closed) == (2, True)
    assert share.used_at is not None


def test_a_password_is_asked_for_once(as_owner, client, file):
    path = make(as_owner, file, password="open sesame")
    for address in (path, f"{path}{file.pk}/", f"{path}zip/"):
        response = client.get(address, follow=True)
        assert "notes.txt" not in response.content.decode()
        assert "Link password" in response.content.decode()
    assert "The password is wrong." in client.post(path, {"password": "x"}).content.decode()
    assert client.post(path, {"password": "open sesame"}).url == path
    assert client.get(f"{path}{file.pk}/").getvalue() == b"hello"
    assert Share.objects.get().password.count("open sesame") == 0


def test_a_link_without_a_password_asks_for_none(client, link):
    response = client.post(link, {"password": "x"})
    assert "notes.txt" in response.content.decode()
    assert Share.objects.get().failures == 0


def test_guessing_has_to_wait(as_owner, client, file, monkeypatch):
    monkeypatch.setattr("files.library.shares.MAX_WRONG_PASSWORDS", 3)
    path = make(as_owner, file, password="open sesame")
    for _ in range(3):
        client.post(path, {"password": "wrong"})
    response = client.post(path, {"password": "open sesame"})
    assert response.status_code == 429
    assert 890 <= int(response.headers["Retry-After"]) <= 900
    assert "Try again in 15 minutes." in response.content.decode()
    Share.objects.update(failed_at=timezone.now() - timedelta(minutes=12, seconds=30))
    response = client.post(path, {"password": "open sesame"})
    assert "Try again in 3 minutes." in response.content.decode()
    Share.objects.update(failed_at=timezone.now() - timedelta(minutes=16))
    assert client.post(path, {"password": "open sesame"}).status_code == 302


def test_tries_that_come_at_once_are_counted_too(as_owner, file, monkeypatch):
    monkeypatch.setattr("files.library.shares.MAX_WRONG_PASSWORDS", 3)
    make(as_owner, file, password="open sesame")
    at_once = [Share.objects.get() for _number in range(4)]
    assert shares.check_share_password(at_once[0], "open sesame") is True
    for share in at_once[1:]:
        assert shares.check_share_password(share, "wrong") is False
    assert shares.check_share_password(at_once[0], "open sesame") is None


def test_whoever_guesses_addresses_has_to_wait_and_nobody_else(client, link, monkeypatch):
    monkeypatch.setattr("files.library.shares.MAX_UNKNOWN_TOKENS", 3)
    for _number in range(3):
        assert client.get(f"/s/x{link[4:]}").status_code == 404  # no nonce has an x
    for address in ("/s/wrong/", link):
        response = client.get(address, headers={"accept-language": "en"})
        assert response.status_code == 429
        assert response.headers["Retry-After"] == "60"
        page = response.content.decode()
        assert "Try again in a minute." in page
        assert "forgot your password" not in page
    assert client.get(link, REMOTE_ADDR="192.0.2.7").status_code == 200
    cache.clear()
    assert client.get(link).status_code == 200


def test_a_link_that_is_over_is_no_guess(client, link, monkeypatch):
    monkeypatch.setattr("files.library.shares.MAX_UNKNOWN_TOKENS", 1)
    Share.objects.update(expires_at=timezone.now())
    assert [client.get(link).status_code for _number in range(3)] == [404, 404, 404]


def test_links_are_listed_with_their_use(as_owner, link, client, file):
    client.get(f"{link}{file.pk}/")
    page = as_owner.get("/files/links/").content.decode()
    assert f"http://testserver{link}" in page
    assert "notes.txt" in page
    assert "1 download" in page


def test_nobody_elses_links(as_stranger, link):
    share = Share.objects.get()
    assert link not in as_stranger.get("/files/links/").content.decode()
    assert as_stranger.post(f"/files/links/{share.pk}/revoke/").status_code == 404
    assert Share.objects.count() == 1


def test_nobody_elses_files_are_shared(as_stranger, file):
    assert as_stranger.get(NEW, {"id": file.pk}).status_code == 404
    assert as_stranger.post(NEW, {"id": file.pk, "days": "7"}).status_code == 404


@pytest.mark.parametrize("fields", [{"days": "9999"}, {"limit": "0"}, {"limit": "x"}, {"days": ""}])
def test_a_bad_form_is_shown_again(as_owner, file, fields):
    response = as_owner.post(NEW, {"id": file.pk, "days": "7", **fields})
    assert response.status_code == 200
    assert Share.objects.count() == 0


def test_a_selection_leads_there(as_owner, keep):
    files = [keep("a.txt"), keep("b.txt")]
    data = {"action": "share", "id": [file.pk for file in files]}
    response = as_owner.post("/files/selection/", data, follow=True)
    assert response.request["PATH_INFO"] == NEW
    assert "a.txt" in response.content.decode()


def test_five_hundred_chosen_files_fit_into_an_address(as_owner, owner, keep):
    kept = keep("0.txt")
    rows = [
        File(user=owner, filename=f"{n}.txt", size=5, storage_path=kept.storage_path)
        for n in range(1, 500)
    ]
    File.objects.bulk_create(rows)
    ids = list(File.objects.values_list("pk", flat=True))
    response = as_owner.post("/files/selection/", {"action": "share", "id": ids})
    assert len(response.url) < 100
    for _reload in range(2):  # Back and reload find the same files
        page = as_owner.get(response.url)
        assert page.content.decode().count('name="id"') == 500
    made = as_owner.post(NEW, {"id": ids, "days": "7"})
    assert made.status_code == 302
    assert Share.objects.get().files.count() == 500
    assert as_owner.get(response.url).status_code == 200


def test_choices_of_several_tabs_are_kept_apart(as_owner, keep):
    names = [f"{number}.txt" for number in range(6)]
    addresses = [
        as_owner.post("/files/selection/", {"action": "share", "id": keep(name).pk}).url
        for name in names
    ]
    for name, address in list(zip(names, addresses, strict=True))[1:]:
        assert f">{name}<" in as_owner.get(address).content.decode()
    # The oldest is forgotten.
    response = as_owner.get(addresses[0], follow=True)
    assert response.request["PATH_INFO"] == "/files/"
    assert "Choose the files again." in response.content.decode()


def test_a_choice_is_its_browsers_alone(as_owner, as_stranger, file):
    address = as_owner.post("/files/selection/", {"action": "share", "id": file.pk}).url
    assert as_stranger.get(address).url == "/files/"
    assert as_owner.get(f"{NEW}?chosen=nonsense").url == "/files/"
    file.trash()
    assert as_owner.get(address).url == "/files/"


def test_other_verbs_are_refused(as_owner, client, link, file):
    assert as_owner.get("/files/links/1/revoke/").status_code == 405
    assert client.post(f"{link}{file.pk}/").status_code == 405
    assert client.put(link).status_code == 405


@pytest.mark.parametrize("count", [2, 12])
def test_queries_do_not_grow(as_owner, keep, django_assert_max_num_queries, count):
    for number in range(count):
        make(as_owner, keep(f"{number}.txt"))
    with django_assert_max_num_queries(4):
        as_owner.get("/files/links/")
