"""Choosing many files with mouse and keys, and what is done with them."""

import pytest

from tests.browser.conftest import csrf_token, sign_up

pytestmark = [pytest.mark.browser, pytest.mark.client]

NAMES = ["a.txt", "b.txt", "c.txt", "d.txt"]


@pytest.fixture
def person(visit):
    """Somebody with four files, on the list of them by name."""
    person = visit(locale="en-US", java_script_enabled=True)
    sign_up(person)
    add_files(person, NAMES)
    person.open("/files/?sort=name")
    return person


def add_files(person, names):
    """Upload small files of those names."""
    token = csrf_token(person)
    for name in names:
        part = {"name": name, "mimeType": "text/plain", "buffer": name.encode()}
        answer = person.page.request.post(
            f"{person.base_url}/files/upload/",
            multipart={"csrfmiddlewaretoken": token, "files": part},
            headers={"Accept": "application/json"},
        )
        assert answer.status == 201


def chosen(person):
    """Return the names of the rows that are chosen."""
    rows = person.page.locator(".list__item:has([form=selection][name=id]:checked) .list__title")
    return [text.strip() for text in rows.all_inner_texts()]


def test_with_the_mouse(person):
    boxes = person.page.locator("[form=selection][name=id]")
    boxes.nth(0).click()
    boxes.nth(2).click(modifiers=["Shift"])
    assert chosen(person) == NAMES[:3]
    assert person.page.locator("[data-selection-count]").inner_text() == "3 selected"
    boxes.nth(1).click()
    assert chosen(person) == ["a.txt", "c.txt"]
    person.check()
    with person.page.expect_navigation():
        person.page.get_by_role("button", name="Delete", exact=True).click()
    assert "Delete 2 files?" in person.page.locator("h1").inner_text()
    person.check()
    with person.page.expect_navigation():
        person.page.get_by_role("button", name="Delete", exact=True).click()
    assert "2 files were deleted." in person.page.locator("main").inner_text()
    assert person.page.locator("main .list__title").all_inner_texts() == ["b.txt", "d.txt"]
    with person.page.expect_navigation():
        person.page.get_by_role("button", name="Undo").click()
    assert person.page.locator("main .list__title").count() == 4


def test_with_the_keys(person):
    page = person.page
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("x")
    assert chosen(person) == ["b.txt"]
    page.keyboard.press("Escape")
    assert chosen(person) == []
    page.keyboard.press("Control+a")
    assert chosen(person) == NAMES
    page.keyboard.press("/")
    page.keyboard.type("jx?")
    assert page.locator("[name=q]").input_value() == "jx?"
    page.locator("[form=selection][name=id]").first.focus()
    page.keyboard.press("?")
    assert page.get_by_role("dialog", name="Keyboard shortcuts").is_visible()
    person.check()
    page.keyboard.press("Escape")
    assert chosen(person) == NAMES
    with page.expect_navigation():
        page.keyboard.press("Delete")
    assert "Delete 4 files?" in page.locator("h1").inner_text()


def test_all_that_match(person):
    person.open("/files/?q=a")
    person.page.get_by_label("All matching").check()
    with person.page.expect_download() as download:
        person.page.get_by_role("button", name="Download as ZIP").click()
    assert download.value.suggested_filename.endswith(".zip")
