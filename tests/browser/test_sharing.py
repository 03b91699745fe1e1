"""A link to files, made by one person and opened by another who has no account."""

import re

import pytest

from tests.browser.conftest import sign_up
from tests.browser.test_everyday import DESK, NOT_JAPANESE, PHONE
from tests.browser.test_uploads import choose, listed

pytestmark = [pytest.mark.browser, pytest.mark.client]

SECRET = "river stones"


@pytest.fixture
def sender(visit):
    """Somebody who has uploaded two files, on the list of their files."""
    person = visit(locale="en-US")
    sign_up(person)
    person.open("/files/")
    choose(person, ("songs.txt", b"one, two, three"), ("map.txt", b"over the hill"))
    for name in ("songs.txt", "map.txt"):
        listed(person, name).wait_for()
    return person


def share(person, *names, **fields):
    """Choose files of the list and make a link to them; returns its path."""
    page = person.page
    for name in names:
        listed(person, name).get_by_role("checkbox").check()
    with page.expect_navigation():
        page.get_by_role("button", name="Share", exact=True).click()
    person.check()
    person.submit(fields)
    person.check()
    return re.search(r"/s/[^/\s\"]+/", page.content())[0]


def fetched(person, name):
    """Return the bytes behind the link of that name."""
    address = person.page.get_by_role("link", name=name).get_attribute("href")
    return person.page.context.request.get(person.base_url + address).body()


def test_who_has_the_link_gets_the_files(sender, visit):
    path = share(sender, "songs.txt", "map.txt")
    guest = visit(locale="en-US", viewport=DESK)
    guest.open(path)
    guest.check()
    assert fetched(guest, "songs.txt") == b"one, two, three"
    assert fetched(guest, "map.txt") == b"over the hill"
    assert guest.page.get_by_role("link", name="Download all as ZIP").count() == 1


def test_who_knows_the_password_too_gets_the_file(sender, visit):
    path = share(sender, "map.txt", password=SECRET)
    guest = visit(locale="ja-JP", color_scheme="dark", viewport=PHONE)

    def looks_right():
        assert not NOT_JAPANESE.findall(guest.page.locator("body").inner_text())
        guest.check()

    guest.open(path)
    looks_right()
    assert "map.txt" not in guest.page.content()
    guest.submit({"password": "guessed"})
    assert guest.page.locator("#wrong").inner_text()
    looks_right()
    guest.submit({"password": SECRET})
    looks_right()
    assert fetched(guest, "map.txt") == b"over the hill"
    assert guest.page.get_by_role("link", name="songs.txt").count() == 0


def test_a_revoked_link_leads_nowhere(sender, visit):
    path = share(sender, "map.txt")
    with sender.page.expect_navigation():
        sender.page.get_by_role("button", name="End", exact=True).click()
    guest = visit(locale="en-US")
    guest.open(path)
    assert "map.txt" not in guest.page.content()
    assert guest.page.get_by_text("This link does not exist, or it has expired.").count() == 1


def test_an_address_is_copied_where_it_is_listed(sender):
    path = share(sender, "map.txt")
    page = sender.page
    address = sender.base_url + path
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    button = page.get_by_role("button", name=f"Copy {address}")
    button.click()
    page.locator("main li [role=status]").get_by_text("Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == address
    # As on a local network, without HTTPS
    page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    page.evaluate(
        "document.addEventListener('copy', () => { window.copied = getSelection() + '' })"
    )
    button.click()
    page.wait_for_function("window.copied !== undefined")
    sender.check()
