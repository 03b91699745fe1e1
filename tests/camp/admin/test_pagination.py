"""Lists whose length nobody counts."""

import re
from html import unescape

import pytest
from django.contrib.auth.models import Group
from django.db import OperationalError

from camp.admin import pagination
from tests.admin_pages import browser, changelist, counts, queries, told

LIST = "auth_group"


def groups(number):
    """Make groups that are called as they are sorted, instead of the ready-made ones."""
    Group.objects.all().delete()
    Group.objects.bulk_create([Group(name=f"group {index:05}") for index in range(number)])


def shown(response):
    """Return the names on a list's page."""
    return [row.name for row in response.context["cl"].result_list]


def link(response, direction):
    """Return the address of the "next" or "prev" page, "" without one."""
    found = re.search(rf'href="(\?[^"]*)" rel="{direction}"', response.content.decode())
    return unescape(found[1]) if found else ""


@pytest.fixture
def as_organiser(organiser):
    return browser(organiser)


def test_no_page_counts_the_table(as_organiser):
    groups(120)
    following = link(as_organiser.get(changelist(LIST)), "next")
    for query in ("", following, "?q=group", "?o=-1"):
        assert counts(queries(as_organiser, changelist(LIST, query))) == []


@pytest.mark.parametrize("query", ["", "?o=-1", "?q=group"])
def test_every_row_is_reached_there_and_back(as_organiser, query, monkeypatch):
    monkeypatch.setattr(pagination, "NEARBY", 70)
    groups(123)
    address, pages = query, []
    while address or not pages:
        response = as_organiser.get(changelist(LIST, address))
        pages.append(shown(response))
        address = link(response, "next")
    assert [len(page) for page in pages] == [50, 50, 23]
    every = [f"group {index:05}" for index in range(123)]
    assert [name for page in pages for name in page] == (every[::-1] if query == "?o=-1" else every)
    for page in reversed(pages[:-1]):
        response = as_organiser.get(changelist(LIST, link(response, "prev")))
        assert shown(response) == page
    assert not link(response, "prev")


@pytest.mark.parametrize("number", [0, 1, 49, 50, 51])
def test_the_length_of_a_short_list_is_told(as_organiser, number):
    groups(number)
    html = as_organiser.get(changelist(LIST)).content.decode()
    told = f"{number} group{'' if number == 1 else 's'}"
    assert (told if number <= 50 else "50 groups on this page") in html


@pytest.mark.parametrize(
    "page",
    ["p=3", "p=0", "p=x", "p=99999999999999999999", "after=x", "before=WzEs", "after=WyJhIl0"],
)
def test_a_page_that_is_not_there_leads_to_the_first_with_the_filters(as_organiser, page):
    groups(60)
    response = as_organiser.get(changelist(LIST, f"?q=group&{page}&o=-1"), follow=True)
    assert response.redirect_chain == [("/admin/auth/group/?q=group&o=-1", 302)]
    assert len(shown(response)) == 50


def test_links_to_other_orders_lead_to_their_first_page(as_organiser):
    groups(60)
    response = as_organiser.get(changelist(LIST, link(as_organiser.get(changelist(LIST)), "next")))
    links = re.findall(r'href="\?([^"]*)"', response.content.decode())
    assert {"o=-1"} <= {one for one in links if "after" not in one and "before" not in one}
    assert not [one for one in links if "o=" in one and "after" in one]


def test_what_takes_too_long_is_told_on_the_page(as_organiser, monkeypatch):
    def take_too_long(*args, **kwargs):
        raise OperationalError("interrupted") from Exception("interrupted")

    monkeypatch.setattr("camp.admin.changelist.ListPage", take_too_long)
    response = as_organiser.get(changelist(LIST, "?q=group"))
    assert response.status_code == 200
    assert "took too long" in told(response)
    assert shown(response) == []
