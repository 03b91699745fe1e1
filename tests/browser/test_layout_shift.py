"""Nothing moves while a page loads, however late its scripts and pictures come."""

import time

import pytest

from tests.browser.conftest import sign_up
from tests.browser.test_selection import add_files

pytestmark = [pytest.mark.browser, pytest.mark.sqlite]

DELAY = 0.1  # seconds for each script, one after another: some two in all
OBSERVE = """
window.shift = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) window.shift += entry.value;
}).observe({type: "layout-shift", buffered: true});
"""


def delay(route):
    time.sleep(DELAY)
    route.continue_()


@pytest.mark.parametrize("width", [390, 1280])
def test_the_list_of_files(visit, width):
    person = visit(locale="en-US", viewport={"width": width, "height": 900})
    sign_up(person)
    add_files(person, ["a.txt", "b.png"])
    page = person.page
    page.add_init_script(OBSERVE)
    page.route("**/*.js", delay)
    page.route("**/thumbnail/", delay)
    person.open("/files/")
    page.locator(".list--rows summary").first.wait_for()
    page.locator(".dropzone--ready").wait_for()
    page.wait_for_timeout(300)
    assert page.evaluate("window.shift") < 0.02
