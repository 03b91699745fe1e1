"""A session while the connection, the server, the log-in or the right to see it fails."""

import re

import pytest
from playwright.sync_api import Error

from tests import shared_session
from tests.browser.conftest import sign_up, start_session
from tests.browser.test_everyday import DESK, PHONE
from tests.browser.test_other_tab import log_in, log_out
from tests.browser.test_together import TEXT, WAITING, texts, wait_for, write

pytestmark = [pytest.mark.browser, pytest.mark.client]

MINUTE = 60_000  # ms
UNSENT = "[data-unsent]"
POSTED = re.compile(r"/messages/$")
# What the browser keeps
KEPT = "Object.keys(localStorage).filter((key) => /draft|outbox/.test(key))"


@pytest.fixture
def make_people(visit, camp_server):
    """A function that seats the people of a new session, each with a clock, and opens it."""

    def make(count):
        made = shared_session.make(lambda *words: camp_server.manage(*words).stdout, count=count)
        people = []
        for name, key in zip(made["names"], made["keys"], strict=True):
            person = visit(locale="en-US", viewport=PHONE if people else DESK)
            person.name, person.path = name, made["path"]
            person.cookie = {"name": "camp_session", "value": key, "url": camp_server.base_url}
            person.context.add_cookies([person.cookie])
            person.page.clock.install()
            person.open(made["path"])
            people.append(person)
        return people

    return make


def pass_time(person, ms=MINUTE):
    """Let the time of a page pass, with all that its scripts do in it."""
    person.page.clock.run_for(ms)


def state(person):
    """Return what is said about the message that waits."""
    return person.page.locator(f"{WAITING} [data-outbox-state]").first


def test_nothing_is_lost_or_doubled_in_a_minute_offline(make_people):
    people = owner, second, third = make_people(3)
    # Not by set_offline: that ends, with the event "online", for a page that is left.
    third.context.route("**/*", lambda route: route.abort("internetdisconnected"))
    for number in range(2):
        for person in people:
            write(person, f"{person.name} {number}")
        pass_time(third, MINUTE // 4)
    for person in (owner, second):
        wait_for(person, 4)
    # A tab that is loaded again in vain, with half a sentence in it
    third.page.locator(TEXT).fill("a draft")
    with pytest.raises(Error, match="ERR_INTERNET_DISCONNECTED"):
        third.page.reload()
    pass_time(third, MINUTE // 2)
    for person in (owner, second):
        write(person, f"{person.name} 2")
    for person in (owner, second):
        wait_for(person, 6)
    third.context.unroute_all()
    third.open(third.path)
    for person in people:
        pass_time(person, 10_000)
        wait_for(person, 8)
    assert texts(owner) == texts(second) == texts(third)
    for person in people:
        own = [text for text in texts(owner) if text.startswith(person.name)]
        assert own == [f"{person.name} {number}" for number in range(len(own))]
    assert third.page.locator(TEXT).input_value() == "a draft"


def test_a_server_that_fails_gets_each_message_once(make_people):
    owner, other = make_people(2)
    failures = iter([(503, False), (500, True), (503, False)])

    def fail(route):
        status, is_stored = next(failures, (None, False))
        if status is None:
            return route.continue_()
        if is_stored:
            route.fetch()  # but the answer is lost
        route.fulfill(status=status, headers={"Retry-After": "5"}, body="<h1>Oops</h1>")

    owner.page.route(POSTED, fail)
    write(owner, "First")
    write(owner, "Second")
    state(owner).get_by_text("Waiting for the connection").wait_for()
    for _attempt in range(4):
        pass_time(owner)
        owner.page.wait_for_timeout(200)  # for answers, which take real time
    for person in (owner, other):
        pass_time(person, 10_000)
        wait_for(person, 2)
        assert texts(person) == ["First", "Second"]


def test_an_answer_that_is_not_from_camp_refuses_a_message_in_words(make_people):
    (owner,) = make_people(1)
    owner.page.route(POSTED, lambda route: route.fulfill(status=413, body="<h1>Too Large</h1>"))
    write(owner, "A long message")
    state(owner).get_by_text("Not sent").wait_for()
    owner.page.get_by_role("button", name="Edit message").click()
    assert owner.page.locator(TEXT).input_value() == "A long message"


def test_a_message_waits_for_the_next_log_in(make_people):
    (owner,) = make_people(1)
    owner.context.clear_cookies(name="camp_session")
    write(owner, "Written too late")
    state(owner).get_by_text("You are logged out").wait_for()
    pass_time(owner)
    owner.page.locator("[data-live-log-in]").wait_for()
    owner.context.add_cookies([owner.cookie])
    owner.page.locator("[data-live-log-in]").click()
    owner.open(owner.path)
    wait_for(owner, 1)
    assert texts(owner) == ["Written too late"]


def test_who_was_removed_meanwhile_can_copy_what_was_not_sent(make_people):
    owner, other = make_people(2)
    other.context.set_offline(True)
    write(other, "Written in the train")
    owner.open(f"{owner.path}members/")
    owner.page.get_by_role("link", name="Remove").click()
    owner.page.locator("main form button").last.click()
    owner.page.wait_for_url("**/members/")
    other.context.set_offline(False)
    state(other).get_by_text("You can no longer see this session").wait_for()
    pass_time(other)
    other.page.locator("[data-live-notice]").get_by_text("no longer see").wait_for()
    # The page itself is gone; others have the text.
    other.open(other.path)
    other.open("/files/")
    notice = other.page.locator(UNSENT)
    notice.get_by_text("1 message has not been sent yet").click()
    assert notice.locator("textarea").input_value() == "Written in the train"
    assert "no longer see" in notice.inner_text()
    other.console.clear()  # Chromium notes the 404s
    other.check()
    notice.get_by_role("button", name="Delete").click()
    assert notice.is_hidden()
    other.open("/")
    assert notice.is_hidden()


def test_every_page_leads_to_unsent_messages(make_people):
    owner, _other = make_people(2)
    owner.context.set_offline(True)
    write(owner, "From the mountain")
    assert owner.page.locator(UNSENT).is_hidden()  # it is on the page
    owner.page.route(POSTED, lambda route: route.abort())
    owner.context.set_offline(False)
    for path in ("/", "/sessions/", "/accounts/profile/"):
        owner.open(path)
        owner.page.locator(UNSENT).get_by_text("1 message has not been sent yet").wait_for()
    owner.page.unroute(POSTED)
    owner.page.locator(f"{UNSENT} summary").click()
    owner.page.get_by_role("link", name="Evening talk").click()
    wait_for(owner, 1)
    owner.open("/")
    assert owner.page.locator(UNSENT).is_hidden()


@pytest.fixture
def writer(visit):
    """Somebody with an account, whose message cannot be sent, on the page of their session."""
    person = visit(locale="en-US")
    person.name = sign_up(person)
    start_session(person)
    person.page.route(POSTED, lambda route: route.abort())
    write(person, "Not yet sent")
    person.page.locator(TEXT).fill("A draft")
    assert len(person.page.evaluate(KEPT)) == 2
    return person


def test_who_logs_in_next_gets_nothing_that_others_wrote(writer, visit):
    other = visit(locale="en-US")
    name = sign_up(other)
    log_out(writer)  # without the script, as when the log-in has expired
    log_in(writer, name)
    writer.page.unroute(POSTED)
    state(writer).get_by_text("This browser is now logged in as somebody else.").wait_for()
    assert writer.page.locator(WAITING).inner_text().endswith("Not yet sent")
    writer.open("/")
    assert writer.page.evaluate(KEPT) == []
    assert writer.page.locator(UNSENT).is_hidden()


def test_a_log_out_asks_about_unsent_messages_and_removes_what_was_written(writer):
    page = writer.page
    page.locator("header .user-menu").click()
    log_out = page.get_by_role("button", name="Log out")
    page.once("dialog", lambda dialog: dialog.dismiss())
    log_out.click()
    assert len(page.evaluate(KEPT)) == 2
    asked = []
    page.once("dialog", lambda dialog: (asked.append(dialog.message), dialog.accept()))
    with page.expect_navigation():
        log_out.click()
    assert page.evaluate(KEPT) == []
    assert asked == ["You have 1 unsent message. If you log out, it is deleted from this browser."]
