"""Lists whose length nobody counts."""

import pytest
from django.contrib.auth.models import Group
from django.core.paginator import EmptyPage, PageNotAnInteger

from camp.admin.pagination import LAST_PAGE, WindowPaginator
from tests.admin_pages import browser, changelist, counts, queries

LIST = "auth_group"


def groups(number):
    """Make groups that are called as they are sorted."""
    Group.objects.bulk_create([Group(name=f"group {index:05}") for index in range(number)])


def shown(response):
    """Return the names on a list's page."""
    return [row.name for row in response.context["cl"].result_list]


@pytest.fixture
def as_organiser(organiser):
    return browser(organiser)


def test_no_page_counts_the_table(as_organiser):
    groups(1200)
    for query in ("", "?p=2", "?p=24", "?q=group", "?o=-1"):
        assert counts(queries(as_organiser, changelist(LIST, query))) == []


def test_every_page_is_reached_by_following_the_numbers(as_organiser):
    groups(634)
    page, names = 1, []
    while True:
        response = as_organiser.get(changelist(LIST, f"?p={page}"))
        names += shown(response)
        following = f'href="?p={page + 1}"'
        if following not in response.content.decode():
            break
        page += 1
    assert page == 13
    assert names == [f"group {index:05}" for index in range(634)]


def test_a_length_that_was_not_counted_is_called_more_than(as_organiser):
    groups(1200)
    assert "more than 500 groups" in as_organiser.get(changelist(LIST)).content.decode()
    html = as_organiser.get(changelist(LIST, "?p=20")).content.decode()
    assert "1200 groups" in html
    assert "more than" not in html


@pytest.mark.parametrize("number", [0, 1, 49, 50, 51, 500, 501])
def test_the_length_of_a_short_list_is_exact(as_organiser, number):
    groups(number)
    changes = as_organiser.get(changelist(LIST)).context["cl"]
    assert changes.result_count == min(number, 500)
    assert changes.paginator.more == (number > 500)
    assert len(changes.result_list) == min(number, 50)


@pytest.mark.parametrize("page", ["3", "0", "-1", "99999", "99999999999999999999"])
def test_a_page_that_is_not_there_leads_to_the_first(as_organiser, page):
    groups(60)
    response = as_organiser.get(changelist(LIST, f"?p={page}"), follow=True)
    assert response.redirect_chain == [("/admin/auth/group/?e=1", 302)]
    assert len(shown(response)) == 50


@pytest.mark.parametrize("page", ["2", "3", "500", "x", "²"])
def test_a_page_beyond_a_list_of_one_page_never_loads_more_than_that(as_organiser, page):
    groups(50)
    response = as_organiser.get(changelist(LIST, f"?p={page}"), follow=True)
    assert len(shown(response)) == 50


def test_a_list_of_up_to_200_may_be_shown_whole(as_organiser):
    groups(200)
    assert len(shown(as_organiser.get(changelist(LIST, "?all=")))) == 200
    groups_more = [Group(name="zzz")]
    Group.objects.bulk_create(groups_more)
    assert len(shown(as_organiser.get(changelist(LIST, "?all=")))) == 50


def test_the_paginator_refuses_what_is_no_page(db):
    groups(3)
    pages = WindowPaginator(Group.objects.order_by("pk"), 2)
    assert [group.name for group in pages.page(2)] == ["group 00002"]
    for number in (3, 0, LAST_PAGE + 1):
        with pytest.raises(EmptyPage):
            pages.page(number)
    with pytest.raises(PageNotAnInteger):
        pages.page("x")
    assert [group.name for group in pages.page(1)] == ["group 00000", "group 00001"]
