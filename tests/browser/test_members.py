"""Two people keep a session together: at a desk in English, on a phone in Japanese."""

import pytest

from tests.browser.conftest import sign_up

pytestmark = [pytest.mark.browser, pytest.mark.client]

PHONE = {"viewport": {"width": 390, "height": 844}, "locale": "ja-JP", "color_scheme": "dark"}


def add_file(person, name):
    """Add a file to the session that is open."""
    file = {"name": name, "mimeType": "text/plain", "buffer": b"Hello"}
    person.page.set_input_files("input[name=files]", file)
    person.page.locator(".list__title", has_text=name).first.wait_for()


def test_two_people_keep_a_session_together(visit):
    owner, member = visit(locale="en-US"), visit(**PHONE)
    sign_up(owner)
    name = sign_up(member)
    owner.open("/sessions/new/")
    owner.submit({"title": "Summer camp"})
    session = owner.page.url.removeprefix(owner.base_url)
    add_file(owner, "plan.txt")
    owner.page.get_by_role("link", name="Add people").click()
    owner.check()
    owner.submit({"names": "nobody-like-that"})
    assert "No active account has this user name" in owner.page.locator("main").inner_text()
    owner.check()
    owner.page.get_by_label("read and write").check()
    owner.submit({"names": name.upper()})
    assert "1 person was added." in owner.page.locator("main").inner_text()
    owner.check()

    member.open(session)
    assert "plan.txt" in member.page.locator("main").inner_text()
    member.check()
    add_file(member, "photo.txt")
    member.page.locator(".list__title", has_text="plan.txt").click()
    member.check()
    assert member.page.locator("#rename").count() == 0
    member.open("/files/?owner=shared")
    assert member.page.locator("main .list__title").all_inner_texts() == ["plan.txt"]
    member.check()
    member.open(f"{session}members/")
    member.check()
    member.open("/sessions/new/")
    member.submit({"title": "夏のキャンプ"})
    member.page.locator("aside a[href$='/members/']").click()
    member.page.locator("input[name=known]").check()
    member.check()
    member.submit({})
    member.page.locator("a[href$='/remove/']").click()
    member.check()

    owner.open(session)
    row = owner.page.locator(".list__item", has_text="photo.txt")
    assert name in row.inner_text()
    row.locator("summary").click()
    assert row.get_by_role("button").all_inner_texts() == ["Remove from the session"]
    owner.check()
    owner.open(f"{session}members/")
    owner.page.get_by_role("link", name="Make owner").click()
    owner.check()
    owner.submit({})
    assert f"{name} is the owner now." in owner.page.locator("main").inner_text()
    owner.page.get_by_role("link", name="Leave the session").click()
    owner.check()
    owner.submit({})
    owner.open(session)
    assert owner.page.locator("h1").inner_text() == "Page not found"
    member.open(session)
    assert "plan.txt" in member.page.locator("main").inner_text()
