"""The library: own files, searched, filtered, sorted, a page at a time."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from files.models import File
from sessions_app.models import Session
from tests.files.conftest import browser

URL = "/files/"


def names(response):
    return [file.filename for file in response.context["page"]]


def make_files(user, count, **fields):
    """Make rows "f000"…, each a second newer than the one before; their bytes do not exist."""
    start = timezone.now() - timedelta(days=1)
    rows = File.objects.bulk_create(
        File(user=user, filename=f"f{number:03}", size=number, storage_path=f"p{number}", **fields)
        for number in range(count)
    )
    for number, row in enumerate(rows):
        row.created_at = start + timedelta(seconds=number)
    File.objects.bulk_update(rows, ["created_at"], batch_size=500)
    return rows


def test_own_files_stand_newest_first(as_owner, owner, stranger):
    make_files(owner, 3)
    make_files(stranger, 1)
    assert names(as_owner.get(URL)) == ["f002", "f001", "f000"]


def test_files_in_the_trash_are_not_listed(as_owner, file):
    file.trash()
    response = as_owner.get(URL)
    assert names(response) == []
    assert "No files yet" in response.content.decode()


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("name", ["a", "B", "c"]),
        ("-name", ["c", "B", "a"]),
        ("size", ["B", "a", "c"]),
        ("-size", ["c", "a", "B"]),
        ("date", ["a", "c", "B"]),
        ("-date", ["B", "c", "a"]),
        ("", ["B", "c", "a"]),
        ("nonsense", ["B", "c", "a"]),
        ("user__password", ["B", "c", "a"]),
    ],
)
def test_they_are_sorted_as_asked(as_owner, keep, sort, expected):
    for name, size in (("a", 2), ("c", 3), ("B", 1)):
        keep(name, b"x" * size)
    assert names(as_owner.get(URL, {"sort": sort})) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("東京", ["東京タワー.pdf"]),
        ("タワ", ["東京タワー.pdf"]),
        ("ﾀﾜｰ", ["東京タワー.pdf"]),
        ("abc", ["ＡＢＣ notes.TXT"]),
        ("txt NOTES", ["ＡＢＣ notes.TXT"]),
        ("%", []),
        ("_", []),
        ("nothing", []),
        ("\x00", ["ＡＢＣ notes.TXT", "東京タワー.pdf"]),
        ("  ", ["ＡＢＣ notes.TXT", "東京タワー.pdf"]),
        ("x" * 100_000, []),
    ],
    ids=lambda value: ascii(value)[:20],
)
def test_they_are_found_by_any_part_of_their_name(as_owner, keep, query, expected):
    keep("東京タワー.pdf")
    keep("ＡＢＣ notes.TXT")
    assert names(as_owner.get(URL, {"q": query})) == expected


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("image", ["i.png"]),
        ("document", ["d.pdf"]),
        ("text", ["t.txt"]),
        ("archive", ["z.zip"]),
        ("other", ["x"]),
        ("video", []),
        ("", ["i.png", "d.pdf", "t.txt", "z.zip", "x"]),
        ("nonsense", ["i.png", "d.pdf", "t.txt", "z.zip", "x"]),
    ],
)
def test_they_are_filtered_by_kind(as_owner, keep, kind, expected):
    for name in ("x", "z.zip", "t.txt", "d.pdf", "i.png"):
        keep(name)
    assert names(as_owner.get(URL, {"kind": kind})) == expected


def test_a_search_that_finds_nothing_says_so(as_owner, file):
    page = as_owner.get(URL, {"q": "<script>"}).content.decode()
    assert "Nothing found" in page
    assert "&lt;script&gt;" in page
    assert "<script>”" not in page


def test_they_are_filtered_by_session(as_owner, keep, session):
    keep("in", session=session)
    keep("out")
    response = as_owner.get(URL, {"session": session.session_id})
    assert names(response) == ["in"]
    assert "Summer camp" in response.content.decode()


def test_the_session_of_somebody_else_is_not_found(as_owner, foreign_session):
    assert as_owner.get(URL, {"session": foreign_session.session_id}).status_code == 404


@pytest.mark.parametrize("sort", ["name", "-name", "size", "-size", "date", "-date"])
def test_pages_hold_every_file_once(as_owner, owner, sort):
    make_files(owner, 120)
    File.objects.filter(size__lt=60).update(size=7, search_text="same")
    seen, address = [], f"?sort={sort}"
    while address:
        response = as_owner.get(URL + address)
        assert len(names(response)) <= 50
        seen += names(response)
        address = response.context["page"].next_url
    assert len(seen) == 120
    assert len(set(seen)) == 120


def test_links_to_other_pages_keep_search_kind_and_order(as_owner, owner):
    make_files(owner, 60, content_type="image/png")
    response = as_owner.get(URL, {"q": "f", "kind": "image", "sort": "size"})
    following = as_owner.get(URL + response.context["page"].next_url)
    assert names(following) == [f"f{number:03}" for number in range(50, 60)]
    back = as_owner.get(URL + following.context["page"].previous_url)
    assert names(back) == names(response)


def test_a_page_whose_files_went_leads_to_the_first_one(as_owner, owner):
    rows = make_files(owner, 51)
    address = as_owner.get(URL, {"q": "f"}).context["page"].next_url
    File.objects.filter(pk=rows[0].pk).delete()
    response = as_owner.get(URL + address)
    assert (response.status_code, response.url) == (302, "/files/?q=f")


@pytest.mark.parametrize("after", ["x", "W10", "WzEsMl0", "%00"])
def test_an_address_that_was_tampered_with_is_not_found(as_owner, file, after):
    assert as_owner.get(f"{URL}?after={after}").status_code == 404


def test_a_row_shows_its_session_unless_that_is_in_the_trash(as_owner, keep, session):
    keep(session=session)
    assert "Summer camp" in as_owner.get(URL).content.decode()
    session.trash()
    assert "Summer camp" not in as_owner.get(URL).content.decode()


def test_names_are_escaped(as_owner, keep):
    keep("<img src=x onerror=alert(1)>.png")
    assert "<img src=x" not in as_owner.get(URL).content.decode()


def test_the_number_of_queries_does_not_grow(as_owner, owner):
    def count_queries(**params):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert as_owner.get(URL, params).status_code == 200
        return len(queries)

    def session(number):
        return Session.objects.create(user=owner, title=f"s{number}")

    for number in range(3):
        make_files(owner, 1, session=session(number))
    few = [count_queries(), count_queries(q="f", kind="other", sort="-size")]
    make_files(owner, 200)
    for number in range(30):
        make_files(owner, 1, session=session(number))
    many = [count_queries(), count_queries(q="f", kind="other", sort="-size")]
    assert few[0] == many[0] <= 4
    assert many[1] <= few[1] <= 5


def test_strangers_log_in_first(client, db):
    assert client.get(URL).url == "/accounts/login/?next=/files/"


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_other_verbs_are_refused(as_owner, method):
    assert getattr(as_owner, method)(URL).status_code == 405


@pytest.mark.parametrize(
    ("size", "found"), [("1M", ["large.bin"]), ("10M", []), ("", None), ("nonsense", None)]
)
def test_size_narrows(as_owner, keep, size, found):
    keep("large.bin")
    File.objects.update(size=2 * 2**20)
    keep("small.bin")
    page = as_owner.get("/files/", {"size": size}).content.decode()
    expected = ["large.bin", "small.bin"] if found is None else found
    assert [name for name in ("large.bin", "small.bin") if name in page] == expected


@pytest.mark.parametrize(
    ("date", "found"), [("1", ["new.txt"]), ("30", ["new.txt", "old.txt"]), ("x", None)]
)
def test_date_narrows(as_owner, keep, date, found):
    keep("old.txt")
    File.objects.update(created_at=timezone.now() - timedelta(days=8))
    keep("new.txt")
    page = as_owner.get("/files/", {"date": date}).content.decode()
    expected = ["new.txt", "old.txt"] if found is None else found
    assert [name for name in ("new.txt", "old.txt") if name in page] == expected


# A zone, the time of asking, and when yesterday began there, in UTC.
YESTERDAYS = [
    ("Asia/Tokyo", "2026-03-09T15:30", "2026-03-08T15:00"),  # half past midnight
    ("Asia/Tokyo", "2026-03-09T14:30", "2026-03-07T15:00"),  # half an hour before it
    ("America/New_York", "2026-03-09T16:00", "2026-03-08T05:00"),  # a day of 23 hours
    ("America/New_York", "2026-11-02T17:00", "2026-11-01T04:00"),  # one of 25 hours
    ("America/Santiago", "2026-09-07T15:00", "2026-09-06T04:00"),  # one without a midnight
    ("America/Havana", "2026-11-02T17:00", "2026-11-01T04:00"),  # one with two of them
    ("Pacific/Kiritimati", "2026-06-01T10:30", "2026-05-31T10:00"),
]


@pytest.mark.parametrize(("zone", "now", "began"), YESTERDAYS)
@pytest.mark.parametrize("choice", ["list", "selection"])
def test_since_yesterday_is_since_its_midnight(owner, keep, monkeypatch, zone, now, began, choice):
    moment = datetime.fromisoformat(f"{now}+00:00")
    monkeypatch.setattr("django.utils.timezone.now", lambda: moment)
    type(owner).objects.update(time_zone=zone)
    began = datetime.fromisoformat(f"{began}+00:00")
    for name, created_at in ("in", began), ("out", began - timedelta(seconds=1)):
        File.objects.filter(pk=keep(f"{name}.txt").pk).update(created_at=created_at)
    client = browser(owner)
    if choice == "list":
        page = client.get("/files/", {"date": "1"}).content.decode()
        assert [name in page for name in ("in.txt", "out.txt")] == [True, False]
    else:
        data = {"action": "delete", "all": "1", "date": "1", "sure": "1"}
        client.post("/files/selection/", data)
        assert list(File.objects.present().values_list("filename", flat=True)) == ["out.txt"]


def test_the_last_seven_days_begin_at_midnight(owner, keep, monkeypatch):
    moment = datetime(2026, 3, 12, 16, tzinfo=UTC)  # noon, four days after the clocks changed
    monkeypatch.setattr("django.utils.timezone.now", lambda: moment)
    type(owner).objects.update(time_zone="America/New_York")
    began = datetime(2026, 3, 5, 5, tzinfo=UTC)
    for name, created_at in ("in", began), ("out", began - timedelta(seconds=1)):
        File.objects.filter(pk=keep(f"{name}.txt").pk).update(created_at=created_at)
    page = browser(owner).get("/files/", {"date": "7"}).content.decode()
    assert [name in page for name in ("in.txt", "out.txt")] == [True, False]
