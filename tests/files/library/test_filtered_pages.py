"""Filtered pages hold the same files whether few of them match or many."""

import itertools

import pytest
from django.db import connection
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext

from files.library import listing
from files.library.listing import SORTS, FileList
from files.models import File
from tests.files.library.test_list import make_files

FILTERS = ["q=f07", "q=7", "kind=image", "size=1M", "date=7&q=f1", "q=nothing", "q=f 1&kind=other"]


@pytest.fixture
def files(owner, stranger):
    make_files(stranger, 20)
    files = make_files(owner, 180)
    for number, file in enumerate(files):
        file.content_type = "image/png" if number % 3 else "application/x-unknown"
        file.size = 2**20 * (number % 2)
    File.objects.bulk_update(files, ["content_type", "size"], batch_size=500)
    files[0].trash()
    return files


def matches(file, params):
    """Return whether a file matches the filters of an address, by other means than SQL."""
    wanted = QueryDict(params)
    return (
        all(word in file.filename for word in wanted.get("q", "").split())
        and wanted.get("kind", file.kind) == file.kind
        and (file.size >= 2**20 or "size" not in wanted)
        and file.deleted_at is None
    )


@pytest.mark.parametrize("sort", SORTS)
def test_pages_forth_and_back_hold_what_matches(files, owner, monkeypatch, sort):
    key = SORTS[sort][1][0].lstrip("-")
    everything = sorted(
        File.objects.filter(user=owner),
        key=lambda file: (getattr(file, key), file.pk),
        reverse=sort.startswith("-"),
    )
    # Those looked at first: fewer than a page, and all.
    for nearby, params in itertools.product([1, 1000], FILTERS):
        monkeypatch.setattr(listing, "NEARBY", nearby)
        pages, address = [], f"{params}&sort={sort}"
        while address:
            page = FileList(owner, QueryDict(address)).page
            pages.append(list(page))
            address = page.next_url[1:]
        expected = [file.id for file in everything if matches(file, params)]
        assert [file.id for page in pages for file in page] == expected, (nearby, params)
        while page.has_previous:
            pages.pop()
            page = FileList(owner, QueryDict(page.previous_url[1:])).page
            assert list(page) == pages[-1], (nearby, params)


@pytest.mark.parametrize(("query", "expected"), [("f", 1), ("f07", 2), ("nothing", 2)])
def test_a_filtered_page_costs_one_or_two_queries(files, owner, monkeypatch, query, expected):
    monkeypatch.setattr(listing, "NEARBY", 100)
    with CaptureQueriesContext(connection) as queries:
        FileList(owner, QueryDict(f"q={query}"))
    assert len(queries) == expected
