"""Pictures, mentions, answers and links of messages in a real browser."""

import io
import time

import pytest
from PIL import Image

from tests.browser.conftest import sign_up, start_session

pytestmark = [pytest.mark.browser, pytest.mark.client]

TEXT = "#id_content"
# An event with a picture, as a browser makes it when somebody pastes or drops one.
GIVE = """([selector, type, bytes, name, kind]) => {
    const data = new DataTransfer();
    data.items.add(new File([new Uint8Array(bytes)], name, { type: kind }));
    const init = { bubbles: true, cancelable: true };
    document.querySelector(selector).dispatchEvent(
        type === "paste"
            ? new ClipboardEvent(type, { ...init, clipboardData: data })
            : new DragEvent(type, { ...init, dataTransfer: data }),
    );
}"""


def picture():
    """Return a small PNG as a list of numbers."""
    file = io.BytesIO()
    Image.new("RGB", (120, 80), "green").save(file, "PNG")
    return list(file.getvalue())


@pytest.fixture
def writer(visit):
    """Somebody on the page of a new session; `address` is its path, `name` their user name."""
    person = visit(locale="en-US")
    person.name = sign_up(person)
    person.address = start_session(person)
    return person


def until(is_true, seconds=20):
    """Wait: the policy of the pages forbids playwright's own way."""
    end = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < end
        time.sleep(0.05)


def send(person, text):
    page = person.page
    page.locator(TEXT).fill(text)
    page.locator(TEXT).press("Control+Enter")
    page.locator("article .prose", has_text=text).wait_for()


@pytest.mark.parametrize("event", ["paste", "drop"])
def test_a_picture_appears_where_one_writes(writer, event):
    page = writer.page
    page.locator(TEXT).fill("Look: . Nice?")
    page.locator(TEXT).evaluate("field => field.setSelectionRange(6, 6)")
    page.evaluate(GIVE, [TEXT, event, picture(), "my [tent].png", "image/png"])
    until(lambda: "inline" in page.locator(TEXT).input_value())
    text = page.locator(TEXT).input_value()
    assert text.startswith("Look: ![my tent .png](/files/")
    assert text.endswith("/inline/). Nice?")
    assert page.locator("#files .list__title").inner_text() == "my [tent].png"
    page.locator(TEXT).press("Control+Enter")
    shown = page.locator("article .picture img")
    shown.wait_for()
    until(lambda: shown.evaluate("image => image.naturalWidth > 1"))
    assert page.locator(TEXT).input_value() == ""
    writer.check()


def test_a_picture_that_cannot_be_stored_leaves_the_text_and_says_why(writer):
    page = writer.page
    page.route("**/uploads/**", lambda route: route.fulfill(status=400, body="No room."))
    page.locator(TEXT).fill("Look: ")
    page.locator(TEXT).evaluate("field => field.setSelectionRange(6, 6)")
    page.evaluate(GIVE, [TEXT, "paste", picture(), "tent.png", "image/png"])
    page.get_by_text("Not uploaded: tent.png").first.wait_for()
    assert page.locator(TEXT).input_value() == "Look: "


def test_people_are_completed_after_an_at_sign(writer, visit):
    other = visit(locale="en-US")
    name = sign_up(other)
    page = writer.page
    writer.open(f"{writer.address}members/")
    writer.submit({"names": name}, within="main form")
    writer.open(writer.address)
    page.locator(TEXT).press_sequentially("Hi @hana")
    options = page.get_by_role("option")
    options.first.wait_for()
    writer.check()
    assert options.all_inner_texts() == [name]
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert page.locator(TEXT).input_value() == f"Hi @{name} "
    assert page.get_by_role("listbox").count() == 0
    page.keyboard.press("Control+Enter")
    page.locator("b.mention").wait_for()
    assert page.locator("b.mention").inner_text() == f"@{name}"


def test_a_message_is_answered_linked_deleted_and_brought_back(writer):
    page = writer.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    send(writer, "Who brings a tent?")
    page.reload()
    page.locator(".message summary").click()
    page.get_by_role("link", name="Copy link").click()
    page.locator("[aria-live]", has_text="Link copied").wait_for()
    link = page.evaluate("navigator.clipboard.readText()")
    page.get_by_role("link", name="Reply").click()
    until(lambda: page.evaluate("document.activeElement?.id") == "id_content")
    writer.check()
    send(writer, "I do.")
    quote = page.locator("article .message__quote a")
    assert "Who brings a tent?" in quote.inner_text()
    page.goto(link)
    assert page.url.startswith(writer.base_url + writer.address)
    first = page.locator("article", has_text="Who brings a tent?").first
    first.locator("summary").click()
    page.get_by_role("link", name="Delete message").click()
    writer.submit({})
    assert "Deleted message" in page.locator("article").inner_text()
    page.get_by_role("button", name="Undo").click()
    page.get_by_text("The message is back.").wait_for()
    assert page.locator("article").count() == 2
