"""Several people in one session, each at a browser: what one does appears for the others."""

import pytest

from tests import shared_session
from tests.browser.test_everyday import DESK, PHONE

pytestmark = [pytest.mark.browser, pytest.mark.client]

TEXT = "#id_content"
SHOWN = "[data-live] article"
WAITING = "[data-outbox] article"
SEATS = [
    {"locale": "en-US", "viewport": DESK},
    {"locale": "ja-JP", "viewport": PHONE, "color_scheme": "dark"},
    {"locale": "en-US", "viewport": PHONE},
]


@pytest.fixture
def make_people(visit, camp_server):
    """A function that seats the owner and other writers of a new session, and opens it."""

    def make(count, messages=0):
        run = lambda *words: camp_server.manage(*words).stdout  # noqa: E731
        made = shared_session.make(run, count=count, messages=messages)
        people = [visit(**seat) for seat in SEATS[:count]]
        for person, name, key in zip(people, made["names"], made["keys"], strict=True):
            person.name = name
            cookie = {"name": "camp_session", "value": key, "url": camp_server.base_url}
            person.context.add_cookies([cookie])
            person.path = made["path"]
            person.open(made["path"])
        return people

    return make


def texts(person):
    return [text.strip() for text in person.page.locator(f"{SHOWN} .prose").all_inner_texts()]


def write(person, text):
    """Write a message, without waiting until it has arrived."""
    person.page.locator(TEXT).fill(text)
    person.page.locator(TEXT).press("Control+Enter")


def wait_for(person, count):
    """Wait until that many messages are shown, and none is on its way."""
    person.page.wait_for_function(
        "([shown, waiting, count]) => document.querySelectorAll(shown).length === count"
        " && !document.querySelector(waiting)",
        arg=[SHOWN, WAITING, count],
    )


def test_three_people_keep_a_session(make_people, tmp_path):
    people = owner, second, third = make_people(3)
    third.context.set_offline(True)
    for number in range(3):
        for person, name in zip(people, ("owner", "二人目", "third"), strict=True):
            write(person, f"{name} {number}")
    # Who is offline sees their own messages wait, even after a look elsewhere.
    assert third.page.locator(WAITING).count() == 3
    third.page.get_by_text("Waiting for the connection").first.wait_for()
    for person in (owner, second):
        wait_for(person, 6)
    third.page.locator(TEXT).fill("a draft")
    third.context.set_offline(False)
    for person in people:
        wait_for(person, 9)
    assert texts(owner) == texts(second) == texts(third)
    for name in ("owner", "二人目", "third"):
        assert [each for each in texts(owner) if each.startswith(name)] == [
            f"{name} {number}" for number in range(3)
        ]
    assert third.page.locator(TEXT).input_value() == "a draft"

    # The second answers the first message, and names the third.
    article = second.page.locator(SHOWN).first
    answered = article.locator(".prose").inner_text().strip()
    article.locator(".menu summary").click()
    article.get_by_role("link", name="返信").click()
    second.page.wait_for_url("**reply=*")
    second.page.locator(TEXT).press_sequentially(f"はい @{third.name[:-2]}")
    second.page.get_by_role("option", name=third.name).click()
    second.page.locator(TEXT).press("Control+Enter")
    for person in people:
        wait_for(person, 10)
        answer = person.page.locator(SHOWN).last
        assert answered in answer.locator(".message__quote").inner_text()
        assert answer.locator(".mention").inner_text() == f"@{third.name}"

    (tmp_path / "plan.txt").write_text("plan")
    owner.page.locator("form[data-upload] input[type=file]").set_input_files(tmp_path / "plan.txt")
    for person in people:
        person.page.locator("#files").get_by_role("link", name="plan.txt").first.wait_for()

    owner.open(f"{owner.path}rename/")
    owner.submit({"title": "Winter camp"})
    third.page.locator("h1", has_text="Winter camp").wait_for()
    assert third.page.title() == "Winter camp · Camp"

    owner.open(owner.path)
    for person in people:
        person.console[:] = [line for line in person.console if "ERR_INTERNET" not in line]
        person.check()

    # The third leaves.
    second.page.locator(TEXT).fill("書きかけ")
    third.open(f"{third.path}members/leave/")
    third.page.locator("main form button").last.click()
    third.page.wait_for_url("**/sessions/")
    owner.page.locator("[data-live-part=people]", has_text=third.name).wait_for(state="detached")
    assert second.page.locator(TEXT).input_value() == "書きかけ"


def test_an_edit_and_a_deletion_appear_without_disturbing(make_people):
    owner, other = make_people(2, messages=2)
    first, second = [
        owner.page.locator(SHOWN).nth(n).get_attribute("id").removeprefix("message-")
        for n in range(2)
    ]
    page = owner.page
    page.locator(f"#message-{second} .menu summary").click()
    before = page.locator(f"#message-{second}").element_handle()
    # The same person in another tab
    tab = owner.context.new_page()
    for pk in (first, second):
        tab.goto(f"{owner.base_url}{owner.path}messages/{pk}/edit/")
        tab.locator("textarea").fill(f"Changed {pk}")
        tab.locator("textarea").press("Control+Enter")
        tab.wait_for_url("**/#message-*")
    page.bring_to_front()
    page.get_by_text(f"Changed {first}").wait_for()
    # Its menu is open.
    assert before.evaluate("(article) => article.isConnected")
    page.keyboard.press("Escape")
    page.locator("h1").click()
    page.evaluate("document.activeElement.blur()")
    page.get_by_text(f"Changed {second}").wait_for()
    other.page.get_by_text(f"Changed {second}").wait_for()
    tab.goto(f"{owner.base_url}{owner.path}messages/{first}/delete/")
    tab.locator("main form button").last.click()
    other.page.locator(f"#message-{first}").wait_for(state="detached")
    wait_for(other, 1)


def test_what_one_reads_stays_where_it_is(make_people):
    owner, reader = make_people(2, messages=40)
    page = reader.page
    top = "document.querySelectorAll('[data-live] article')[10].getBoundingClientRect().top"
    page.evaluate("document.querySelectorAll('[data-live] article')[10].scrollIntoView()")
    before = page.evaluate(top)
    write(owner, "Far below")
    page.get_by_role("button", name="新着メッセージ").wait_for()
    assert abs(page.evaluate(top) - before) < 2
    assert page.locator("[data-live-status]").text_content() == "新着メッセージ 1 件"
    reader.check()
    page.get_by_role("button", name="新着メッセージ").click()
    page.wait_for_function(
        "(() => { const [last] = [...document.querySelectorAll('[data-live] article')].slice(-1);"
        "const box = last.getBoundingClientRect();"
        "return box.top >= 0 && box.top < innerHeight })()"
    )
    assert page.locator("[data-live-jump]").is_hidden()
    # At the end the page follows, and what one writes stays in place.
    page.locator(TEXT).fill("Half a thought")
    page.locator(TEXT).scroll_into_view_if_needed()
    place = "document.querySelector('#id_content').getBoundingClientRect().top"
    before = page.evaluate(place)
    write(owner, "Another\n\none")
    wait_for(reader, 42)
    assert abs(page.evaluate(place) - before) < 2
    assert page.evaluate("document.activeElement.id") == "id_content"
    assert page.locator(TEXT).input_value() == "Half a thought"
    assert page.locator("[data-live-jump]").is_hidden()


def test_who_is_removed_is_told_and_keeps_what_they_wrote(make_people):
    owner, other = make_people(2)
    other.page.locator(TEXT).fill("書きかけ")
    owner.open(f"{owner.path}members/")
    owner.page.get_by_role("link", name="Remove").click()
    owner.page.locator("main form button").last.click()
    other.page.get_by_text("このセッションは表示できなくなりました").wait_for()
    assert other.page.locator(TEXT).input_value() == "書きかけ"
    other.console.clear()  # Chromium notes the 404
    other.check()


MANY = """
from sessions_app.models import Message, Session
session = Session.objects.get(session_id="{}")
rows = [Message(session=session, author=session.user, content=f"New {{n}}") for n in range({}, {})]
Message.objects.bulk_create(rows)
session.touch()
"""


def test_a_page_that_became_too_long_says_from_where_on_it_is_up_to_date(make_people, camp_server):
    (reader,) = make_people(1, messages=100)
    limit = reader.page.locator("[data-live-limit]")
    for begin, end, is_limited in ((0, 500, False), (500, 650, True)):
        code = MANY.format(reader.path.strip("/").rpartition("/")[2], begin, end)
        camp_server.manage("shell", "-v", "0", "-c", code)
        reader.page.get_by_text(f"New {end - 1}", exact=True).wait_for()
        assert limit.is_visible() == is_limited
    after = limit.locator("xpath=following-sibling::article")
    assert after.count() == 600
    reader.check()
    limit.get_by_role("link").click()
    reader.page.wait_for_function(
        "(shown) => document.querySelectorAll(shown).length === 200", arg=SHOWN
    )
    assert limit.is_hidden()
