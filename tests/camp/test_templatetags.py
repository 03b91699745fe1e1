"""The template library `camp`: sizes, times, icons, undo addresses."""

import re
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from django.template import Context, Template
from django.utils import timezone, translation

from camp.templatetags import camp


def render(source, **context):
    return Template("{% load camp %}" + source).render(Context(context))


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (1023, "1023 bytes"),
        (1024, "1 KiB"),
        (1536, "1.5 KiB"),
        (1572864, "1.5 MiB"),
        (100 * 1024, "100 KiB"),
        (1023 * 1024, "1,023 KiB"),
        (1024 * 1024 - 1, "1 MiB"),
        (99.97 * 1024, "100 KiB"),
        (5 * 2**30, "5 GiB"),
        (3 * 2**40, "3 TiB"),
        (2**63, "8 EiB"),
        ("2048", "2 KiB"),
        (-5, "0 bytes"),
        (None, ""),
        ("many", ""),
    ],
)
def test_bytes_are_shown_in_binary_units(count, text):
    with translation.override("en"):
        assert render("{{ count|bytes }}", count=count).replace("\u00a0", " ") == text


def test_bytes_never_break_between_number_and_unit():
    assert " " not in camp.readable_bytes(1536)
    assert " " not in camp.readable_bytes(12)


def test_bytes_take_the_number_form_of_the_reader():
    with translation.override("de"):
        assert camp.readable_bytes(1536) == "1,5\u00a0KiB"


@pytest.mark.parametrize(
    ("passed", "text"),
    [
        (timedelta(), "just now"),
        (timedelta(seconds=-30), "just now"),
        (timedelta(seconds=59), "just now"),
        (timedelta(seconds=61), "1 minute ago"),
        (timedelta(minutes=59, seconds=30), "59 minutes ago"),
        (timedelta(minutes=61), "1 hour ago"),
        (timedelta(hours=23, minutes=59), "23 hours ago"),
    ],
)
def test_a_moment_within_a_day_is_told_relatively(passed, text):
    with translation.override("en"):
        assert f">{text}</time>" in render("{% when moment %}", moment=timezone.now() - passed)


@pytest.mark.parametrize(
    ("language", "moment", "text"),
    [
        ("en", datetime(2020, 2, 28, 20, 0, tzinfo=UTC), "Feb. 29, 2020"),
        ("ja", datetime(2020, 2, 28, 20, 0, tzinfo=UTC), "2020年2月29日"),
    ],
)
def test_an_older_moment_is_a_date_in_the_readers_zone_and_language(language, moment, text):
    with translation.override(language), timezone.override("Asia/Tokyo"):
        html = render("{% when moment %}", moment=moment)
    assert f">{text}</time>" in html
    assert 'datetime="2020-02-28T20:00:00Z"' in html
    assert "2020" in html.split('title="')[1].split('"')[0]


def test_a_date_of_this_year_goes_without_the_year(monkeypatch):
    now = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)
    monkeypatch.setattr(camp.timezone, "now", lambda: now)
    with translation.override("ja"), timezone.override("Asia/Tokyo"):
        assert ">6月1日</time>" in camp.when(datetime(2026, 6, 1, 3, 0, tzinfo=UTC))
        assert ">2025年12月31日</time>" in camp.when(datetime(2025, 12, 31, 3, 0, tzinfo=UTC))


def test_a_moment_yet_to_come_is_a_date():
    with translation.override("en"):
        html = camp.when(timezone.now() + timedelta(days=400))
    assert "ago" not in html
    assert "now" not in html


def test_no_moment_shows_nothing():
    assert render("{% when moment %}", moment=None) == ""


def test_an_icon_is_a_reference_that_screen_readers_pass_over():
    html = render('{% icon "trash" %}')
    assert html.startswith("<svg")
    assert 'aria-hidden="true"' in html
    assert re.search(r'<use href="/static/camp/icons(\.[0-9a-f]{12})?\.svg#trash"/>', html)


def test_an_unknown_icon_is_an_error():
    with pytest.raises(KeyError):
        camp.icon("unicorn")


def test_every_kind_of_file_and_level_of_message_has_an_icon():
    from django.contrib.messages import DEFAULT_LEVELS

    from files.content_types import Kind

    names = [kind.value for kind in Kind] + [level.lower() for level in DEFAULT_LEVELS]
    assert set(names) <= set(camp.icon_names())


@pytest.mark.parametrize(
    ("tags", "address"),
    [
        ("undo:/files/3/restore/", "/files/3/restore/"),
        ("other undo:/x/", "/x/"),
        ("", ""),
        (None, ""),
        ("undo://evil.example/", ""),
        ("undo:javascript:alert(1)", ""),
    ],
)
def test_the_undo_address_of_a_message_stays_on_this_site(tags, address):
    assert camp.undo_url(SimpleNamespace(extra_tags=tags)) == address


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0, 1), (1, 1), (60, 1), (61, 2), (timedelta(minutes=15), 15)]
)
def test_waiting_seconds_become_whole_minutes(seconds, expected):
    assert camp.minutes(seconds) == expected
