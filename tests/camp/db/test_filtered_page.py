"""A page of what a search leaves over is the same, whichever way it is found."""

import pytest
from django.db import connection
from django.db.models import Q
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext

from camp.db import filtered_page
from camp.db.filtered_page import Narrowing
from camp.db.keyset import KeyPage
from files.models import File

ORDERS = [["-created_at", "-id"], ["search_text", "id"], ["size", "id"]]
SEVENTH, RARE, LAST = Q(size__gte=0, filename__contains="7"), Q(filename="n199"), Q(size__gt=180)


@pytest.fixture(autouse=True)
def short_ways(monkeypatch):
    """Let 200 rows be many."""
    monkeypatch.setattr(filtered_page, "NEAR", 10)
    monkeypatch.setattr(filtered_page, "FAR", 50)
    monkeypatch.setattr(filtered_page, "HOPEFUL", 2)


@pytest.fixture
def files(owner):
    return File.objects.bulk_create(
        File(user=owner, filename=f"n{number:03}", size=number, storage_path=f"p{number}")
        for number in range(200)
    )


def narrowed(owner, wanted, **more):
    """Return what finds the owner's rows that match `wanted`."""
    return Narrowing(
        within=File.objects.filter(user=owner),
        walked=lambda rows: rows.filter(wanted),
        matching=File.objects.filter(wanted),
        shown=File.objects.all(),
        **more,
    )


def asked(find, order, count=6):
    """Return (the sizes of what is found, how many queries that took)."""
    with CaptureQueriesContext(connection) as queries:
        found = [file.size for file in find(File.objects.all(), order, Q(), count)]
    return found, len(queries)


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: order[0])
@pytest.mark.parametrize("wanted", [SEVENTH, RARE, LAST, Q(size=-1)], ids=range(4))
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("likely", [False, True])
@pytest.mark.parametrize("sampled", [False, True])
def test_pages_forth_and_back_hold_what_matches(
    files, owner, order, wanted, turned, likely, sampled
):
    more = {"likely": File.objects.filter(wanted | Q(size__gt=150))} if likely else {}
    if sampled:
        more["sample"] = File.objects.filter(wanted, size__lt=20)
    if turned:
        order = [key[1:] if key.startswith("-") else f"-{key}" for key in order]
    find = narrowed(owner, wanted, **more)
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


def test_what_is_near_needs_no_other_index(files, owner):
    find = narrowed(owner, Q(size__gt=100))
    assert asked(find, ["-size", "-id"]) == ([199, 198, 197, 196, 195, 194], 2)


def test_what_stands_far_down_is_fetched_at_once(files, owner):
    find = narrowed(owner, Q(size__lt=100))
    assert asked(find, ["-size", "-id"]) == ([99, 98, 97, 96, 95, 94], 4)


def test_what_the_index_of_the_order_tells_is_fetched_by_it(files, owner):
    find = narrowed(owner, Q(size__lt=100), likely=File.objects.filter(size__lt=101))
    assert asked(find, ["-size", "-id"]) == ([99, 98, 97, 96, 95, 94], 2)


def test_where_it_tells_too_little_the_list_is_walked(files, owner):
    find = narrowed(owner, Q(size__lt=150), likely=File.objects.all())
    assert asked(find, ["-size", "-id"]) == ([149, 148, 147, 146, 145, 144], 6)


@pytest.mark.parametrize(("often", "expected"), [(1, [99, 98, 97]), (2, [])])
def test_what_a_sample_hardly_holds_is_fetched_at_once(files, owner, often, expected):
    sample = File.objects.filter(size__lt=often)
    # That nothing is likely shows whether it was asked.
    find = narrowed(owner, Q(size__lt=100), likely=File.objects.none(), sample=sample)
    assert asked(find, ["-size", "-id"], count=3)[0] == expected


def test_it_costs_nine_queries_at_most(files, owner):
    everything = File.objects.all()
    find = narrowed(owner, Q(size__in=[199, 198, 1]), likely=everything, sample=everything)
    assert asked(find, ["-size", "-id"]) == ([199, 198, 1], 9)


def test_few_rows_are_all_walked(owner):
    File.objects.create(user=owner, filename="one", size=1, storage_path="p")
    assert asked(narrowed(owner, RARE), ["size", "id"]) == ([], 2)
