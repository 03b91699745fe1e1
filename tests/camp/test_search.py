"""Text is found whatever its width, case and composition."""

import unicodedata

import pytest

from camp.search import normalise
from sessions_app.models import Message, Session


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ABC", "abc"),
        ("ＡＢＣ１２３", "abc123"),
        ("ｶﾞｲﾄﾞ", "ガイド"),
        (unicodedata.normalize("NFD", "ガイド"), "ガイド"),
        (unicodedata.normalize("NFD", "Élan"), "élan"),
        ("STRASSE", "straße"),
        ("ΟΔΟΣ", "οδος"),
        ("①", "1"),
        ("㌔", "キロ"),
        ("\u3000a", " a"),
        ("a\x00b", "ab"),
    ],
)
def test_what_means_the_same_is_the_same(one, other):
    assert normalise(one) == normalise(other)


@pytest.mark.parametrize("text", ["", "東京", "ﷺ", "İstanbul", "ᾳ", "ΐ", "ﬀ", "Å", "ŉ"])
def test_normal_text_stays_as_it_is(text):
    assert normalise(normalise(text)) == normalise(text)


def test_nothing_is_searched_as_nothing():
    assert normalise(None) == ""


def test_half_and_full_width_voiced_kana_differ_from_plain():
    assert normalise("カイド") != normalise("ガイド")


@pytest.fixture
def session(owner):
    session = Session.objects.create(user=owner, title="夏の ＣＡＭＰ")
    Message.objects.create(session=session, content="東京タワーで 100% の_成果")
    return session


@pytest.mark.parametrize(
    "text",
    [
        "camp",
        "Camp",
        "ｃａｍｐ",
        "夏",
        "東京",
        "京タ",
        "ﾀﾜｰ",
        "夏 東京",
        "東京\u3000camp",
        "100%",
        "の_",
        "",
    ],
)
def test_parts_of_titles_and_messages_are_found(session, text):
    assert list(Session.objects.search(text)) == [session]


@pytest.mark.parametrize(
    "text", ["大阪", "京東", "1%0", "の%成", "camp 大阪", "東_タ", "\\", "'", '"']
)
def test_what_is_not_there_is_not_found(session, text):
    assert list(Session.objects.search(text)) == []


def test_a_session_with_many_matches_is_found_once(session):
    for _ in range(3):
        Message.objects.create(session=session, content="東京")
    assert Session.objects.search("東京").count() == 1


def test_the_search_text_follows_a_narrow_save(session):
    session.title = "冬"
    session.save(update_fields=["title", "search_text"])
    assert list(Session.objects.search("冬")) == [session]
    assert not Session.objects.search("夏")


def test_a_title_that_grows_when_normalised_is_kept_within_bounds(owner):
    session = Session.objects.create(user=owner, title="ﷺ" * 255)
    session.refresh_from_db()
    assert len(session.search_text) == 255


def test_bulk_create_fills_the_search_text(owner):
    Session.objects.bulk_create([Session(user=owner, title="ＢＵＬＫ")])
    assert Session.objects.get().search_text == "bulk"
