"""Pages on paper: nothing is cut off, nothing depends on the hour, nothing is said twice."""

import pytest

from tests.browser.test_phone import WIDE, write_session

pytestmark = [pytest.mark.browser, pytest.mark.sqlite]

A4 = {"width": 718, "height": 1047}  # without the margins, at 96 dpi
MESSAGE = f"""\
https://example.org/map and [the plan](https://example.org/plan)

    {"x" * 300} {"word " * 60}

{WIDE}
"""
AFTER = "(one) => getComputedStyle(one, '::after').content"


def test_a_session(person):
    write_session(person, MESSAGE)
    page = person.page
    page.set_viewport_size(A4)
    page.emulate_media(media="print")
    cut = page.evaluate(
        """[...document.querySelectorAll("main *")].filter((one) =>
        !one.matches(".visually-hidden") && one.scrollWidth > document.body.clientWidth)
        .map((one) => one.outerHTML.slice(0, 80))"""
    )
    assert cut == []
    shown, labelled = page.locator(".prose a").all()
    assert shown.evaluate(AFTER) == "none"
    assert "example.org/plan" in labelled.evaluate(AFTER)
    written = page.locator(".message__header time")
    assert written.get_attribute("title") in written.evaluate(AFTER)
    assert written.evaluate("(one) => getComputedStyle(one).fontSize") == "0px"
    assert not page.locator("form[data-compose]").is_visible()
    for box in page.locator(".message, .list, .card").all():
        # Else one that is longer than a page would start on the second.
        assert box.evaluate("(one) => getComputedStyle(one).breakInside") == "auto"
