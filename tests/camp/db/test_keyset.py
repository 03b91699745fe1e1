"""Paging by key: every row once, in order, at any depth, whatever the address says."""

import base64
import json
from datetime import timedelta
from itertools import chain

import pytest
from django.db.models import F
from django.http import Http404, QueryDict
from django.utils import timezone

from camp.db.keyset import KeysetPage, decode, encode
from sessions_app.models import Session

KEYS = ["-updated_at", "-id"]


@pytest.fixture
def sessions(owner):
    """23 sessions, of which neighbours share a time."""
    rows = Session.objects.bulk_create(
        Session(user=owner, title=f"s{number:02}") for number in range(23)
    )
    start = timezone.now() - timedelta(days=1)
    for number, row in enumerate(rows):
        row.updated_at = start + timedelta(microseconds=number // 3)
    # auto_now would write the present.
    for row in rows:
        Session.objects.filter(pk=row.pk).update(updated_at=row.updated_at)
    return rows


def page(query="", keys=KEYS, size=5):
    return KeysetPage(Session.objects.all(), keys, QueryDict(query.lstrip("?")), size=size)


def walk(link, start="", keys=KEYS):
    """Return the pages' titles from `start` on, following `link`."""
    pages = []
    current = page(start, keys)
    while True:
        pages.append([row.title for row in current])
        if not getattr(current, link):
            return pages, current
        current = page(getattr(current, link), keys)


@pytest.mark.parametrize(
    "keys", [KEYS, ["updated_at", "id"], ["title", "id"], ["-title", "id"], ["-id"]]
)
def test_every_row_comes_once_and_in_order(sessions, keys):
    pages, _ = walk("next_url", keys=keys)
    expected = list(Session.objects.order_by(*keys).values_list("title", flat=True))
    assert list(chain(*pages)) == expected
    assert [len(titles) for titles in pages] == [5, 5, 5, 5, 3]


@pytest.mark.parametrize("keys", [KEYS, ["title", "id"]])
def test_the_way_back_shows_the_same_rows(sessions, keys):
    forth, last = walk("next_url", keys=keys)
    back, _ = walk("previous_url", last.previous_url, keys=keys)
    assert back == forth[-2::-1]


def test_the_first_page_has_no_previous_and_the_last_no_next(sessions):
    assert page().previous_url == ""
    _, last = walk("next_url")
    assert last.next_url == ""
    assert last.previous_url


def test_a_list_that_fits_has_no_links(sessions):
    only = page(size=23)
    assert len(only) == 23
    assert (only.next_url, only.previous_url) == ("", "")


def test_an_empty_list_has_no_links(db):
    empty = page()
    assert list(empty) == []
    assert (empty.next_url, empty.previous_url) == ("", "")


def test_rows_that_come_or_go_shift_nothing(sessions, owner):
    first = page()
    following = [row.title for row in page(first.next_url)]
    Session.objects.create(user=owner, title="newest")
    Session.objects.filter(pk=first.rows[-1].pk).delete()
    assert [row.title for row in page(first.next_url)] == following


def test_other_parameters_stay_in_the_links(sessions):
    link = page("q=%E6%9D%B1%E4%BA%AC&q=b&before=").next_url
    params = QueryDict(link.lstrip("?"))
    assert params.getlist("q") == ["東京", "b"]
    assert list(params) == ["q", "after"]


def test_an_empty_parameter_means_the_first_page(sessions):
    titles = [row.title for row in page()]
    for query in ("before=", "after=", "before=&after="):
        current = page(query)
        assert [row.title for row in current] == titles
        assert current.next_url == page().next_url
        assert current.previous_url == ""


def test_a_page_costs_one_query(sessions, django_assert_num_queries):
    second = page().next_url
    with django_assert_num_queries(1):
        middle = page(second)
        assert middle.next_url
        assert middle.previous_url
        assert len(middle) == 5


def test_values_survive_their_way_through_an_address():
    values = ["東京 \U0001f3d5 '\"&=", -1, 2**62]
    assert decode(encode(values), 3) == values


def token(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "word",
    [
        "x",
        "%FF",
        "あ",
        "!!!!",
        token("text"),
        token({"a": 1}),
        token([]),
        token([1]),
        token(["2026-01-01T00:00:00+00:00", 1, 1]),
        token([None, None]),
        token([True, False]),
        token([1.5, 1]),
        token([["2026-01-01T00:00:00+00:00"], 1]),
        token(["2026-01-01T00:00:00+00:00", 2**63]),
        token(["2026-01-01T00:00:00+00:00", "one"]),
        token(["2026-01-01T00:00:00+00:00", "9" * 5000]),
        token(["2026-13-01T00:00:00+00:00", 1]),
        token(["never", 1]),
        token([1, 1]),
        token(["\x00", 1]),
        token(["\ud800", 1]),
        base64.urlsafe_b64encode(b"[" * 3000).decode(),
        base64.urlsafe_b64encode(b"\xff\xfe").decode(),
        base64.urlsafe_b64encode(b"[" + b"9" * 5000 + b",1]").decode(),
        base64.urlsafe_b64encode(b"[NaN,1]").decode(),
    ],
)
def test_a_made_up_address_is_not_found(db, word):
    for side in ("after", "before"):
        params = QueryDict(mutable=True)
        params[side] = word
        with pytest.raises(Http404):
            KeysetPage(Session.objects.all(), KEYS, params)


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
def test_a_time_at_the_edge_is_no_error(sessions, moment):
    try:
        page(f"after={token([moment, 1])}")
    except Http404:
        pass


@pytest.mark.parametrize("text", ["\x00", "a\x00b", "\ud800", "a\udfff"])
def test_text_that_no_database_takes_is_not_found(sessions, text):
    with pytest.raises(Http404):
        page(f"after={token([text, 1])}", ["title", "id"])


def test_faults_of_the_code_are_not_hidden(sessions):
    with pytest.raises(ValueError, match="expected a number"):
        KeysetPage(Session.objects.filter(pk="one"), KEYS, QueryDict())
    rows = KeysetPage(Session.objects.annotate(twice=F("id") * 2), ["-twice", "-id"], QueryDict())
    assert len(rows) == 23
