"""What the front page of the admin says about the state of the place."""

import threading

import pytest

from camp.models import SharedResult
from camp.operations.diagnostics import runner
from camp.operations.diagnostics.runner import Topic
from camp.web.findings import ERROR, OK, WARNING, Finding
from tests.admin_pages import browser, helper
from tests.markup import Page

INDEX = "/admin/"


@pytest.fixture
def findings(monkeypatch):
    """What there is to find, instead of the state of this machine."""
    found = []
    monkeypatch.setattr(runner, "TOPICS", (Topic("only", lambda: found),))
    return found


def shown(user):
    """Return the front page, once it is well-formed."""
    html = browser(user).get(INDEX).content.decode()
    assert Page(html).judge("en") == []
    return html


def test_what_is_not_well_is_shown_with_what_mends_it(organiser, findings):
    findings += [
        Finding("a", OK, "All is fine with a"),
        Finding("b", WARNING, "b is late", fix="python3 manage.py hurry"),
        Finding("c", ERROR, "c is <broken>", "Completely."),
    ]
    html = shown(organiser)
    assert "All is fine with a" not in html
    assert "<code>python3 manage.py hurry</code>" in html
    assert "c is &lt;broken&gt;" in html
    assert html.index("c is") < html.index("b is late")  # the worst first


def test_no_problems_are_one_line(organiser, findings):
    html = shown(organiser)
    assert "No problems found." in html
    assert 'class="findings"' not in html


def test_it_is_not_for_every_helper(owner, findings):
    findings.append(Finding("b", WARNING, "b is late"))
    assert "b is late" not in shown(helper("files.view_file"))
    assert "b is late" in shown(helper("camp.view_instance", name="operator"))


def test_what_was_found_is_kept_for_a_while(organiser, findings):
    assert "b is late" not in shown(organiser)
    findings.append(Finding("b", WARNING, "b is late"))
    assert "b is late" not in shown(organiser)
    SharedResult.objects.all().delete()
    assert "b is late" in shown(organiser)


def test_the_real_state_is_shown(organiser, settings):
    settings.MAX_UPLOAD_SIZE = 2**60
    html = shown(organiser)
    assert "left for files" in html
    assert "manage.py sweep" in html


def test_it_waits_for_nothing_long(organiser, findings, monkeypatch):
    release = threading.Event()
    monkeypatch.setattr(runner, "PAGE_TIME_LIMIT", 0.1)
    monkeypatch.setattr(runner, "TOPICS", (Topic("hangs", lambda: release.wait(20)),))
    html = shown(organiser)
    release.set()
    assert "takes too long" in html
