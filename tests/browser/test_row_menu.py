"""The menu of a row: by mouse and keyboard, from one template of the page."""

import pytest

from tests.browser.conftest import sign_up
from tests.browser.test_selection import add_files

pytestmark = [pytest.mark.browser, pytest.mark.client]


@pytest.fixture
def person(visit):
    """Somebody with two files, on the list of them by name."""
    person = visit(locale="en-US")
    sign_up(person)
    add_files(person, ["a.txt", "b.txt"])
    person.open("/files/?sort=name")
    return person


def test_by_keyboard(person):
    page = person.page
    button = page.locator(".list__item", has_text="b.txt").locator("summary")
    button.focus()
    page.keyboard.press("Enter")
    rename = page.get_by_role("link", name="Rename")
    rename.wait_for()
    person.check()
    page.keyboard.press("ArrowDown")
    assert rename.evaluate("element => element === document.activeElement")
    page.keyboard.press("ArrowUp")
    delete = page.locator(".menu__danger")
    assert delete.evaluate("element => element === document.activeElement")
    page.keyboard.press("Escape")
    rename.wait_for(state="detached")
    assert button.evaluate("element => element === document.activeElement")

    page.keyboard.press("Enter")
    rename.wait_for()
    page.keyboard.press("ArrowUp")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert "“b.txt” was deleted." in page.locator("main").inner_text()
    assert page.url.endswith("/files/?sort=name")
    assert page.locator("main .list__title").all_inner_texts() == ["a.txt"]


def test_each_row_has_its_own_addresses(person):
    page = person.page
    for name in ("b.txt", "a.txt"):  # the menu of the first covers the second
        row = page.locator(".list__item", has_text=name)
        row.locator("summary").click()
        address = row.locator(".list__title").get_attribute("href").partition("?")[0]
        assert row.get_by_role("link", name="Rename").get_attribute("href") == f"{address}#rename"
    assert page.locator(".menu__panel:visible").count() == 1


def test_a_message_is_edited_and_deleted_by_its_menu(person):
    page = person.page
    person.open("/sessions/new/")
    person.submit({"title": "Packing"})
    person.send("Bring a tent")
    page.locator(".message summary").click()
    person.check()
    page.get_by_role("link", name="Edit message").click()
    assert page.locator("textarea").input_value() == "Bring a tent"
    page.go_back()
    page.locator(".message summary").click()
    page.get_by_role("link", name="Delete message").click()
    assert "Delete this message?" in page.locator("h1").inner_text()
