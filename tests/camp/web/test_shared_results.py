"""The admin's front page never waits for figures that take long, and counts them once."""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from camp.admin.limits import AT_ONCE
from camp.admin.site import CampAdminSite
from camp.models import SharedResult
from camp.web import shared_results
from tests.admin_pages import browser
from tests.conftest import person
from tests.markup import Page

INDEX = "/admin/"
PENDING = "The figures are being counted."


class SlowCount:
    """Has the figures counted slowly: not before `go` is set."""

    def __init__(self, monkeypatch):
        self.go, self.calls = threading.Event(), 0
        count = CampAdminSite.count_numbers

        def wait(site):
            self.calls += 1
            assert self.go.wait(20)
            return count(site)

        monkeypatch.setattr(CampAdminSite, "count_numbers", wait)

    def finish(self):
        """Let the counting end, and wait for it."""
        self.go.set()
        for thread in threading.enumerate():
            if thread.name.startswith("result-"):
                thread.join(20)


@pytest.fixture
def slow_count(transactional_db, monkeypatch, settings):
    settings.BACKGROUND_JOBS_INLINE = False
    monkeypatch.setattr(shared_results, "WAIT", 0.01)
    count = SlowCount(monkeypatch)
    yield count
    count.finish()


def shown(user):
    html = browser(user).get(INDEX).content.decode()
    assert Page(html).judge("en") == []
    return html


def test_many_readers_at_once_have_it_counted_once_and_nobody_waits(slow_count, organiser):
    pages = []

    def read():
        pages.append(browser(organiser).get(INDEX).content.decode())
        connection.close()

    threads = [threading.Thread(target=read) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert [PENDING in html for html in pages] == [True] * AT_ONCE
    slow_count.finish()
    assert slow_count.calls == 1
    assert PENDING not in shown(organiser)


def test_meanwhile_the_last_figures_are_shown_with_their_age(slow_count, organiser):
    slow_count.go.set()
    shown(organiser)
    slow_count.finish()
    assert "New figures" not in shown(organiser)
    person("newcomer")
    slow_count.go.clear()
    SharedResult.objects.update(computed_at=timezone.now() - timedelta(minutes=5))
    html = shown(organiser)
    assert "5 minutes ago</time>. New figures are being counted." in html
    assert "figures__value" in html
    slow_count.finish()
    assert "New figures" not in shown(organiser)


def test_a_change_during_the_count_has_it_counted_again(slow_count, organiser):
    shown(organiser)
    shared_results.outdate("admin:")
    slow_count.finish()
    assert slow_count.calls == 1
    shown(organiser)
    slow_count.finish()
    assert slow_count.calls == 2


def test_a_count_that_was_killed_is_made_again(slow_count, organiser):
    for minutes, calls in ((0, 0), (2, 1)):
        begun = timezone.now() - timedelta(minutes=minutes)
        SharedResult.objects.update_or_create(key="admin:numbers", defaults={"claimed_at": begun})
        assert PENDING in shown(organiser)
        assert slow_count.calls == calls
