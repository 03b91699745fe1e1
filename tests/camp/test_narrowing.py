"""A page of what a search leaves over is the same, whichever way it is found."""

import pytest
from django.db import connection
from django.db.models import Q
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext

from camp import narrowing
from camp.narrowing import Narrowing
from camp.paging import KeyPage
from files.models import File

ORDERS = [["-created_at", "-id"], ["search_text", "id"], ["size", "id"]]
SEVENTH, RARE, LAST = Q(size__gte=0, filename__contains="7"), Q(filename="n199"), Q(size__gt=180)


@pytest.fixture(autouse=True)
def short_ways(monkeypatch):
    """Let 200 rows be many."""
    monkeypatch.setattr(narrowing, "NEAR", 10)
    monkeypatch.setattr(narrowing, "FAR", 50)
    monkeypatch.setattr(narrowing, "HOPEFUL", 2)


@pytest.fixture
def files(owner):
    return File.objects.bulk_create(
        File(user=owner, filename=f"n{number:03}", size=number, storage_path=f"p{number}")
        for number in range(200)
    )


def narrowed(owner, wanted, asked):
    """Return what finds the owner's rows that match `wanted`, and notes the last resort."""

    def by_index(rows):
        asked.append(1)
        return rows.filter(wanted)

    within = File.objects.filter(user=owner)
    return Narrowing(within=within, walked=lambda rows: rows.filter(wanted), by_index=by_index)


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: order[0])
@pytest.mark.parametrize("wanted", [SEVENTH, RARE, LAST, Q(size=-1)], ids=range(4))
@pytest.mark.parametrize("turned", [False, True])
def test_pages_forth_and_back_hold_what_matches(files, owner, order, wanted, turned):
    if turned:
        order = [key[1:] if key.startswith("-") else f"-{key}" for key in order]
    find = narrowed(owner, wanted, [])
    expected = list(File.objects.filter(wanted).order_by(*order))
    page = KeyPage(File.objects.all(), order, QueryDict(), size=6, find=find)
    seen, pages = list(page), [list(page)]
    while page.has_next:
        query = QueryDict(page.next_url[1:])
        page = KeyPage(File.objects.all(), order, query, size=6, find=find)
        seen += page
        pages.append(list(page))
    assert seen == expected
    while page.has_previous:
        query = QueryDict(page.previous_url[1:])
        page = KeyPage(File.objects.all(), order, query, size=6, find=find)
        pages.pop()
        assert list(page) == pages[-1]


def test_what_is_near_needs_no_index_of_its_own(files, owner):
    asked = []
    find = narrowed(owner, Q(size__gt=100), asked)
    with CaptureQueriesContext(connection) as queries:
        assert len(find(File.objects.all(), ["-size", "-id"], Q(), 6)) == 6
    assert (asked, len(queries)) == ([], 2)


def test_what_stands_far_down_is_fetched_at_once(files, owner):
    asked = []
    find = narrowed(owner, Q(size__lt=100), asked)
    with CaptureQueriesContext(connection) as queries:
        found = find(File.objects.all(), ["-size", "-id"], Q(), 6)
    assert [file.size for file in found] == [99, 98, 97, 96, 95, 94]
    assert (asked, len(queries)) == ([1], 3)


def test_it_costs_five_queries_at_most(files, owner):
    asked = []
    find = narrowed(owner, Q(size__in=[199, 198, 1]), asked)
    with CaptureQueriesContext(connection) as queries:
        assert len(find(File.objects.all(), ["-size", "-id"], Q(), 6)) == 3
    assert (asked, len(queries)) == ([1], 5)


def test_few_rows_are_all_walked(owner):
    File.objects.create(user=owner, filename="one", size=1, storage_path="p")
    asked = []
    assert narrowed(owner, RARE, asked)(File.objects.all(), ["size", "id"], Q(), 6) == []
    assert asked == []
