"""Lists of the admin, filtered by dates."""

from datetime import UTC, datetime

import pytest
from django.utils import timezone

from accounts.models import User
from files.models import File
from tests.admin_pages import browser, changelist, names

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.fixture
def as_organiser(organiser):
    User.objects.filter(pk=organiser.pk).update(time_zone="Asia/Tokyo")
    return browser(organiser)


def uploaded(owner, moment):
    """Make a file's row that was uploaded at a moment; returns its key."""
    row = File.objects.create(user=owner, filename="a.txt", size=1, storage_path="aa/bb/none")
    File.objects.filter(pk=row.pk).update(created_at=moment)
    return row.pk


def files(**dates):
    """Return the address of the list of files with parameters of its upload date."""
    return changelist("files_file"), {f"created_at__{name}": day for name, day in dates.items()}


def test_a_range_holds_whole_days_of_the_reader(as_organiser, owner):
    # In Tokyo midnight is at 15:00 UTC.
    before, first, last, after = (
        uploaded(owner, NOON.replace(day=day, hour=hour, minute=minute))
        for day, hour, minute in ((9, 14, 59), (9, 15, 0), (11, 14, 59), (11, 15, 0))
    )
    found = names(as_organiser.get(*files(gte="2026-03-10", lte="2026-03-11")))
    assert set(found) == {first, last}
    assert set(names(as_organiser.get(*files(gte="2026-03-10")))) == {first, last, after}
    assert set(names(as_organiser.get(*files(lte="2026-03-11")))) == {before, first, last}
    assert len(names(as_organiser.get(*files(gte="", lte="")))) == 4


@pytest.mark.parametrize(
    ("dates", "first", "last"),
    [
        ({"gte": "2026-03-10", "lte": "2026-03-11"}, "2026-03-10", "2026-03-11"),
        # The addresses that Django's own filter made.
        (
            {"gte": "2026-03-10 00:00:00+09:00", "lt": "2026-03-12 00:00:00+09:00"},
            "2026-03-10",
            "2026-03-11",
        ),
    ],
)
def test_a_range_from_the_address_shows_as_chosen(as_organiser, dates, first, last):
    address, query = files(**dates)
    html = as_organiser.get(address, query | {"trash": "no"}).content.decode()
    form = html.partition('class="date-range"')[2].partition("</form>")[0]
    assert f'value="{first}"' in form
    assert f'value="{last}"' in form
    assert '<input type="hidden" name="trash" value="no">' in form
    assert '<li class="selected">\n        <a href="?trash=no">Any date' not in html


def test_a_period_counts_from_today_whenever_its_address_is_opened(as_organiser, owner):
    now = uploaded(owner, timezone.now())
    uploaded(owner, NOON.replace(year=2020))
    for period in ("today", "week", "month", "year"):
        assert names(as_organiser.get(*files(within=period))) == [now]


def test_a_range_that_ends_before_it_begins_is_explained(as_organiser, owner):
    uploaded(owner, NOON)
    response = as_organiser.get(*files(gte="2026-03-11", lte="2026-03-10"))
    assert "The first day is after the last one." in response.content.decode()
    assert names(response) == []


@pytest.mark.parametrize(
    "dates",
    [{"gte": "soon"}, {"lte": "2026-02-30"}, {"lte": "9999-12-31"}, {"within": "century"}],
)
def test_what_is_no_date_is_explained(as_organiser, dates):
    response = as_organiser.get(*files(**dates))
    assert response.status_code == 400
    assert f"“{next(iter(dates.values()))}” is not a date." in response.content.decode()


def test_rows_without_a_date_are_found(as_organiser, owner):
    response = as_organiser.get(changelist("accounts_user"), {"last_login__isnull": "True"})
    assert names(response) == [owner.pk]
