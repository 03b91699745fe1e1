"""Writing in a real browser: keys, drafts, and nothing sent twice."""

import pytest

from tests.browser.test_everyday import sign_up

pytestmark = [pytest.mark.browser, pytest.mark.client]

TEXT = "#id_content"
SENT = "main article"
COMPOSING = """text => text.dispatchEvent(new KeyboardEvent("keydown", {
    key: "Enter", ctrlKey: true, isComposing: true, bubbles: true, cancelable: true}))"""
TWICE = """form => { form.requestSubmit(); form.requestSubmit(); }"""


@pytest.fixture
def writer(visit):
    """Somebody on the page of a new session; `address` is its path."""
    person = visit(locale="en-US")
    sign_up(person)
    person.open("/sessions/new/")
    person.submit({"title": "Notes"})
    person.address = person.page.url.removeprefix(person.base_url)
    return person


def sent(person):
    return [text.strip() for text in person.page.locator(f"{SENT} .prose").all_inner_texts()]


def test_enter_makes_a_line_and_ctrl_enter_sends(writer):
    page = writer.page
    # A new session is there to be written in.
    page.wait_for_function("document.activeElement.id === 'id_content'")
    page.keyboard.type("one")
    page.keyboard.press("Enter")
    page.keyboard.type("two")
    assert sent(writer) == []
    with page.expect_navigation():
        page.keyboard.press("Control+Enter")
    assert sent(writer) == ["one\ntwo"]
    assert page.locator(TEXT).input_value() == ""
    page.locator(TEXT).fill("three")
    with page.expect_navigation():
        page.keyboard.press("Meta+Enter")
    assert sent(writer) == ["one\ntwo", "three"]


def test_enter_of_an_input_method_sends_nothing(writer):
    page = writer.page
    page.locator(TEXT).fill("かんじ")
    page.locator(TEXT).evaluate(COMPOSING)
    page.wait_for_timeout(300)
    assert page.locator(TEXT).input_value() == "かんじ"
    assert sent(writer) == []


def test_a_draft_is_there_again_after_leaving_and_gone_after_sending(writer):
    page = writer.page
    page.locator(TEXT).fill("half a thought")
    writer.open("/")
    writer.open(writer.address)
    assert page.locator(TEXT).input_value() == "half a thought"
    with page.expect_navigation():
        page.locator(TEXT).press("Control+Enter")
    writer.open("/")
    writer.open(writer.address)
    assert page.locator(TEXT).input_value() == ""
    assert sent(writer) == ["half a thought"]


def test_a_draft_survives_a_server_that_fails(writer):
    page = writer.page
    page.route("**/messages/", lambda route: route.fulfill(status=503, body="down"))
    page.locator(TEXT).fill("precious")
    with page.expect_navigation():
        page.locator(TEXT).press("Control+Enter")
    page.unroute("**/messages/")
    writer.open(writer.address)
    assert page.locator(TEXT).input_value() == "precious"
    assert sent(writer) == []


def test_a_double_click_sends_once(writer):
    page = writer.page
    page.locator(TEXT).fill("once")
    with page.expect_navigation():
        page.locator("form[data-compose]").evaluate(TWICE)
    writer.open(writer.address)
    assert sent(writer) == ["once"]


def test_long_lines_scroll_in_their_box(writer):
    code = "```\n" + "wide " * 100 + "\n```\n\n" + "x" * 500
    table = "|" + "column|" * 30 + "\n|" + "-|" * 30
    writer.page.locator(TEXT).fill(f"{code}\n\n{table}")
    with writer.page.expect_navigation():
        writer.page.locator(TEXT).press("Control+Enter")
    writer.check()
