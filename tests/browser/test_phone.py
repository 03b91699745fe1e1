"""What a narrow screen must show whole: tables in messages, and menus."""

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.sqlite]

WIDTHS = [320, 360, 390, 480, 768, 1280]
WIDE = "| 品目 | 数量 | 担当 | 置き場所 | 備考 |\n|---|--:|---|---|---|\n" + (
    "| テントと寝袋 | 12 | 佐藤さん | 倉庫の左側の棚 | 雨の日は乾かしてから片付ける |\n" * 3
)
NARROW = "| a | b |\n|---|---|\n| 1 | 2 |"
OUTSIDE = """(panels) => panels.map((panel) => panel.getBoundingClientRect())
  .filter((box) => box.width && (box.left < 0 || box.right > document.documentElement.clientWidth))
  .map((box) => [box.left, box.right])"""


def write_session(person, *messages):
    """Start a session with the messages."""
    person.open("/sessions/new/")
    person.submit({"title": "Packing list"})
    for text in messages:
        person.send(text)


def test_a_wide_table_in_a_message_scrolls(person):
    write_session(person, WIDE, NARROW)
    page = person.page
    for width in WIDTHS[:4]:
        page.set_viewport_size({"width": width, "height": 844})
        box = page.get_by_role("group", name="Table").filter(has_text="品目")
        assert box.evaluate("(box) => box.scrollWidth > box.clientWidth"), width
        cells = box.locator("td").evaluate_all("(all) => all.map((one) => one.clientWidth)")
        assert min(cells) >= 90
        box.focus()
        page.keyboard.press("ArrowRight")
        page.wait_for_function("(box) => box.scrollLeft > 0", arg=box.element_handle())
        box.evaluate("(box) => { box.scrollLeft = 0; }")
    person.check()


@pytest.mark.parametrize("locale", ["en-US", "ja-JP"])
def test_every_menu_is_whole_at_every_width(visit, account, locale):
    person = visit(locale=locale, storage_state=account)
    page = person.page
    write_session(person, "A message")
    session = page.url.removeprefix(person.base_url)
    page.goto(person.base_url + "/files/upload/")
    page.locator("main input[type=file]").set_input_files(
        {"name": "tent.txt", "mimeType": "text/plain", "buffer": b"tent"}
    )
    page.get_by_role("link", name="tent.txt").first.wait_for()
    opened = 0
    for address in (session, "/files/"):
        person.open(address)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 844})
            for menu in page.locator("details[data-menu]:visible").all():
                menu.locator("summary").click()
                found = menu.locator(".menu__panel").evaluate_all(OUTSIDE)
                assert found == [], (address, width)
                page.keyboard.press("Escape")
                opened += 1
    # At the width of a desktop the filters of the library stand in one line, with their button.
    tops = page.locator("form.toolbar :is(select, button)").evaluate_all(
        "(all) => all.map((one) => one.getBoundingClientRect().top)"
    )
    assert len(tops) == 6
    assert len(set(tops)) == 1
    assert opened >= 4 * len(WIDTHS)


def test_the_upload_box_of_a_session_comes_first(person):
    write_session(person, "A message")
    page = person.page
    page.set_viewport_size({"width": 390, "height": 844})
    box, message = page.locator(".dropzone"), page.locator(".message").first
    assert box.bounding_box()["y"] < message.bounding_box()["y"]
    page.set_viewport_size({"width": 1280, "height": 844})
    assert box.bounding_box()["x"] > message.bounding_box()["x"]
    files = page.locator("#files").bounding_box()
    assert files["x"] == pytest.approx(box.bounding_box()["x"], abs=1)
    assert files["y"] > box.bounding_box()["y"]
    person.check()


def test_slash_leads_to_a_search_from_everywhere(person):
    page = person.page
    for address in ("/files/", "/sessions/"):
        person.open(address)
        page.keyboard.press("/")
        assert page.evaluate("document.activeElement.type") == "search"
        page.keyboard.type("a/b")  # which is text there
        assert page.locator("main input[type=search]").input_value() == "a/b"
    for address in ("/", "/accounts/profile/"):
        person.open(address)
        page.keyboard.press("/")
        page.wait_for_url("**/files/#search")
        page.wait_for_function("document.activeElement.type === 'search'")
