"""Writing in a real browser: keys, drafts, and nothing sent twice."""

import pytest

from tests.browser.conftest import sign_up, start_session

pytestmark = [pytest.mark.browser, pytest.mark.client]

TEXT = "#id_content"
SENT = "[data-live] article"
COMPOSING = """text => text.dispatchEvent(new KeyboardEvent("keydown", {
    key: "Enter", ctrlKey: true, isComposing: true, bubbles: true, cancelable: true}))"""
TWICE = """form => { form.requestSubmit(); form.requestSubmit(); }"""
WAITING = "[data-outbox] article"


@pytest.fixture
def writer(visit):
    """Somebody on the page of a new session; `address` is its path."""
    person = visit(locale="en-US")
    sign_up(person)
    person.address = start_session(person)
    return person


def sent(person):
    return [text.strip() for text in person.page.locator(f"{SENT} .prose").all_inner_texts()]


def wait_for(person, count):
    """Wait until that many messages are there, and none on its way."""
    person.page.wait_for_function(
        "([sent, waiting, count]) => document.querySelectorAll(sent).length === count"
        " && !document.querySelector(waiting)",
        arg=[SENT, WAITING, count],
    )


def test_enter_makes_a_line_and_ctrl_enter_sends(writer):
    page = writer.page
    # A new session is there to be written in.
    page.wait_for_function("document.activeElement.id === 'id_content'")
    page.keyboard.type("one")
    page.keyboard.press("Enter")
    page.keyboard.type("two")
    assert sent(writer) == []
    page.keyboard.press("Control+Enter")
    # One goes on writing at once.
    page.keyboard.type("three")
    wait_for(writer, 1)
    assert page.locator(TEXT).input_value() == "three"
    page.keyboard.press("Meta+Enter")
    wait_for(writer, 2)
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
    page.close()
    writer.page = page = writer.context.new_page()
    writer.open(writer.address)
    assert page.locator(TEXT).input_value() == "half a thought"
    page.locator(TEXT).press("Control+Enter")
    wait_for(writer, 1)
    writer.open(writer.address)
    assert page.locator(TEXT).input_value() == ""
    assert sent(writer) == ["half a thought"]


def test_messages_wait_for_the_server_and_arrive_once_and_in_order(writer):
    page = writer.page
    # The first arrives, but its answer is lost.
    page.route("**/messages/", lambda route: (route.fetch(), route.abort()), times=1)
    writer.page.locator(TEXT).fill("one")
    page.locator(TEXT).press("Control+Enter")
    page.get_by_text("Waiting for the connection").wait_for()
    page.route("**/messages/", lambda route: route.fulfill(status=503, body="down"))
    for text in ("two", "three"):
        page.locator(TEXT).fill(text)
        page.locator(TEXT).press("Control+Enter")
    page.locator(TEXT).fill("four")
    page.locator(WAITING).nth(2).wait_for()
    writer.console.clear()
    writer.check()
    page.reload()
    page.locator(WAITING).nth(2).wait_for()
    assert page.locator(TEXT).input_value() == "four"
    page.unroute("**/messages/")
    page.reload()
    wait_for(writer, 3)
    assert sent(writer) == ["one", "two", "three"]


def test_a_refused_message_says_why_and_can_be_changed(writer):
    page = writer.page
    page.locator(TEXT).fill("x" * 100_001)
    page.locator(TEXT).press("Control+Enter")
    page.get_by_text("Not sent: A message can have at most").wait_for()
    page.locator(WAITING).get_by_role("button").click()
    assert page.locator(TEXT).input_value() == "x" * 100_001
    assert page.locator(WAITING).count() == 0
    assert page.evaluate("Object.keys(localStorage).length") == 1  # the draft


def test_a_double_click_sends_once(writer):
    page = writer.page
    page.locator(TEXT).fill("once")
    page.locator("form[data-compose]").evaluate(TWICE)
    wait_for(writer, 1)
    writer.open(writer.address)
    assert sent(writer) == ["once"]


def test_long_lines_scroll_in_their_box(writer):
    code = "```\n" + "wide " * 100 + "\n```\n\n" + "x" * 500
    table = "|" + "column|" * 30 + "\n|" + "-|" * 30
    writer.send(f"{code}\n\n{table}")
    writer.check()
