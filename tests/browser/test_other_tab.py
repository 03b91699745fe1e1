"""An open page, while somebody logs out and in, in another tab of the same browser."""

import os

import pytest

from tests.browser.conftest import MESSAGES, PASSWORD, send_form, sign_up, start_session
from tests.browser.test_compose import TEXT, sent
from tests.browser.test_uploads import (
    MIB,
    choose,
    downloaded,
    listed,
    moved,
    row,
    sent_from,
    slow,
    unfinished,
)

pytestmark = [pytest.mark.browser, pytest.mark.client]

LOGGED_OUT = "You are logged out. Log in and try again."


@pytest.fixture
def person(visit):
    """Somebody with an account of their own, `name`, on the list of their files."""
    person = visit(locale="en-US")
    person.name = sign_up(person)
    person.open("/files/")
    return person


def log_out(person):
    """Log out, with the cookies that the page has."""
    send_form(person, "/accounts/logout/")


def log_in(person, name=None):
    """Log in likewise."""
    name = name or person.name
    send_form(person, "/accounts/login/", username=name, password=PASSWORD)


def log_out_and_in_by_pages(person):
    """Do both on the pages of another tab."""
    tab = person.page.context.new_page()
    tab.goto(f"{person.base_url}/sessions/")
    form = tab.locator("form[action='/accounts/logout/']")
    with tab.expect_navigation():
        form.evaluate("form => form.submit()")
    tab.goto(f"{person.base_url}/accounts/login/")
    fill_in(tab, person.name)
    tab.close()


def fill_in(tab, name):
    tab.locator("[name=username]").fill(name)
    tab.locator("[name=password]").fill(PASSWORD)
    with tab.expect_navigation():
        tab.locator("main form button").last.click()


def changed_by(person):
    """Return a list to which every request of the page is added that is to change something."""
    methods = []

    def note(request):
        if request.method not in ("GET", "HEAD"):
            methods.append(request.method)

    person.page.on("request", note)
    return methods


def test_after_another_log_in_files_are_still_taken(person):
    log_out_and_in_by_pages(person)
    choose(person, ("small.bin", b"m"), ("large.bin", b"m" * MIB))
    listed(person, "small.bin").wait_for()
    listed(person, "large.bin").wait_for()
    person.check()


def test_an_upload_that_was_paused_meanwhile_goes_on(person):
    content = os.urandom(2 * MIB)
    offsets = sent_from(person)
    slow(person, 300_000)
    choose(person, ("paused.bin", content))
    upload = row(person, "paused.bin")
    moved(upload, 0.3)
    upload.get_by_role("button", name="Pause: ").click()
    log_out(person)
    log_in(person)
    slow(person, -1)
    upload.get_by_role("button", name="Resume: ").click()
    listed(person, "paused.bin").wait_for()
    assert offsets[0] == 0 < offsets[1]
    assert downloaded(person, "paused.bin") == content


def test_an_upload_that_is_cancelled_after_another_log_in_is_forgotten(person):
    slow(person, 300_000)
    choose(person, ("cancelled.bin", b"m" * 2 * MIB))
    upload = row(person, "cancelled.bin")
    moved(upload, 0.2)
    upload.get_by_role("button", name="Pause: ").click()
    log_out(person)
    log_in(person)
    with person.page.expect_response(lambda answer: answer.request.method == "DELETE") as answer:
        upload.get_by_role("button", name="Cancel: ").click()
    assert answer.value.status == 204
    assert "cancelled.bin" not in unfinished(person)


def test_a_log_in_between_two_requests_of_an_upload_costs_nothing(person):
    """The token is good when the upload begins, and is not when its bytes are to be sent."""
    held = []
    person.page.route("**/uploads/", lambda route: held.append(route))
    with person.page.expect_request("**/uploads/"):
        choose(person, ("between.bin", b"m" * MIB))
    log_out(person)
    log_in(person)
    held[0].continue_()
    person.page.unroute("**/uploads/")
    listed(person, "between.bin").wait_for()


def test_who_is_logged_out_is_told_and_goes_on_after_a_log_in(person):
    log_out(person)
    names = ["one.bin", "two.bin"]
    posted = changed_by(person)
    choose(person, *((name, b"m") for name in names))
    for name in names:
        row(person, name).get_by_text(LOGGED_OUT).wait_for()
    assert posted == []
    person.check()
    with person.page.expect_popup() as popup:
        row(person, "one.bin").get_by_role("link", name="Log in").click()
    fill_in(popup.value, person.name)
    assert popup.value.url == f"{person.base_url}/files/"
    popup.value.close()
    # One is enough for all.
    row(person, "one.bin").get_by_role("button", name="Try again: ").click()
    for name in names:
        listed(person, name).wait_for()


def test_nothing_goes_to_somebody_elses_account(person, visit):
    other = visit(locale="en-US")
    other.name = sign_up(other)
    slow(person, 300_000)
    choose(person, ("begun.bin", b"m" * 2 * MIB))
    begun = row(person, "begun.bin")
    moved(begun, 0.3)
    begun.get_by_role("button", name="Pause: ").click()
    log_out(person)
    log_in(person, other.name)
    slow(person, -1)
    posted = changed_by(person)
    choose(person, ("mine.bin", b"m"))
    begun.get_by_role("button", name="Resume: ").click()
    told = f"This browser is now logged in as {other.name}."
    for name in ("mine.bin", "begun.bin"):
        upload = row(person, name)
        upload.get_by_text(told).wait_for()
        assert f"Log in as {person.name} and try again." in upload.inner_text()
        assert upload.get_by_role("link", name="Log in").count() == 0
    assert posted == []
    other.open("/files/")
    assert listed(other, "mine.bin").count() == 0
    assert unfinished(other) == []

    log_out(person)
    log_in(person)
    row(person, "mine.bin").get_by_role("button", name="Try again: ").click()
    for name in ("mine.bin", "begun.bin"):
        listed(person, name).wait_for()


def test_a_log_in_of_somebody_else_just_before_a_request_gives_them_nothing(person, visit):
    other = visit(locale="en-US")
    other.name = sign_up(other)
    held = []
    person.page.route("**/uploads/", lambda route: held.append(route))
    with person.page.expect_request("**/uploads/"):
        choose(person, ("close.bin", b"m"))
    log_out(person)
    log_in(person, other.name)
    held[0].continue_()
    row(person, "close.bin").get_by_text(f"now logged in as {other.name}").wait_for()
    other.open("/files/")
    assert listed(other, "close.bin").count() == 0


def test_the_list_is_not_replaced_by_somebody_elses(person, visit):
    other = visit(locale="en-US")
    other.name = sign_up(other)
    other.open("/files/")
    choose(other, ("theirs.bin", b"m"))
    listed(other, "theirs.bin").wait_for()
    held = []
    person.page.route("**/uploads/", lambda route: held.append((route, route.fetch())))
    choose(person, ("own.bin", b"m"))
    while not held:
        person.page.wait_for_timeout(50)
    log_out(person)
    log_in(person, other.name)
    route, answer = held[0]
    with person.page.expect_response("**/files/") as fetched:
        route.fulfill(response=answer)
    assert "theirs.bin" in fetched.value.text()
    row(person, "own.bin").get_by_text("Uploaded").wait_for()
    assert listed(person, "theirs.bin").count() == 0


def test_a_message_sent_after_another_log_in_is_not_lost(person):
    start_session(person)
    page = person.page
    page.locator(TEXT).fill("a long thought")
    log_out(person)
    log_in(person)
    page.keyboard.press("Control+Enter")
    page.locator(MESSAGES).wait_for()
    assert sent(person) == ["a long thought"]
    person.console.clear()  # Chromium notes the 403
    person.check()


def test_a_message_sent_after_logging_out_is_there_after_the_next_log_in(person):
    start_session(person)
    page = person.page
    address = page.url
    page.locator(TEXT).fill("a long thought")
    page.keyboard.press("Control+Enter")
    page.locator(MESSAGES).wait_for()
    page.locator(TEXT).fill("another one")
    log_out(person)
    page.keyboard.press("Control+Enter")
    page.locator(TEXT).fill("a draft")
    page.get_by_text("Log in to go on").first.wait_for()
    page.locator("[data-live-log-in]").click()
    fill_in(page, person.name)
    page.wait_for_url(address)
    page.locator(MESSAGES).nth(1).wait_for()
    assert sent(person) == ["a long thought", "another one"]
    assert page.locator(TEXT).input_value() == "a draft"
