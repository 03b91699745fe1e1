"""Text is found whatever its width, case and composition."""

import re
import unicodedata

import pytest
from django.core.management import call_command
from django.db import connection

from camp.db.bigram_index import PREFIX, bigrams
from camp.db.search_text import normalize_for_search
from files.models import File
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
    assert normalize_for_search(one) == normalize_for_search(other)


@pytest.mark.parametrize("text", ["", "東京", "ﷺ", "İstanbul", "ᾳ", "ΐ", "ﬀ", "Å", "ŉ"])
def test_normal_text_stays_as_it_is(text):
    assert normalize_for_search(normalize_for_search(text)) == normalize_for_search(text)


def test_nothing_is_searched_as_nothing():
    assert normalize_for_search(None) == ""


def test_half_and_full_width_voiced_kana_differ_from_plain():
    assert normalize_for_search("カイド") != normalize_for_search("ガイド")


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


NAMES = [
    "東京タワー 夜景.jpg",
    "京都・東山の写真 (2).png",
    "ﾀﾜｰ 見学のしおり.pdf",
    "서울 여행 계획.docx",
    "Отчёт за май.xlsx",
    "تقرير ٢٠٢٦.pdf",
    "दिल्ली यात्रा.txt",
    "กรุงเทพ.txt",
    "Ωμέγα και άλφα.md",
    "Straße – Maße.svg",
    "🍙🍵 お昼.heic",
    "👩‍👩‍👧 family.jpg",
    "100%_final_final.zip",
    "a\\b 'quoted' \"name\" {x}.txt",
    "tab\x1fand unit.bin",
    "*wild* [x] what?.txt",
    "abcabc.aaa",
]
PATTERNS = [
    *("東", "東京", "京タ", "タワー", "ワー 夜", "東山の", "写真", "京東"),
    *("여행", "계", "май", "ё", "٢٠", "यात", "ร", "ωμ", "ss", "–", "🍙", "🍙🍵", "👩", "\u200d"),
    *(
        "*",
        "?",
        "[x",
        "[a-c]",
        "*.*",
        "x]",
        "%",
        "_",
        "0%",
        "%_f",
        "\\",
        "a\\b",
        "'",
        '"n',
        "{x}",
        "(2)",
        "\x1f",
        "b\x1fa",
        "tab\x1fand",
    ),
    *["a", "aa", "aaa", "aaaa", "abc", "cab", "jpg", "j", "zzz", "鯨飲", "飲"],
    "夜景 jpg",
    "jpg 京",
]


@pytest.fixture
def names(owner, stranger):
    for user in (owner, stranger):
        File.objects.bulk_create(
            File(user=user, filename=name, size=1, storage_path=str(number))
            for number, name in enumerate(NAMES)
        )


def found(owner, pattern):
    """Return the names that both ways find; they must not differ."""
    own = File.objects.filter(user=owner)
    by_index = {file.filename for file in File.objects.search(pattern, owner)}
    assert by_index == {file.filename for file in own.search(pattern)}
    return by_index


def test_names_of_any_script_are_found_by_any_part(names, owner):
    for pattern in PATTERNS:
        words = normalize_for_search(pattern).split()
        expected = {
            name for name in NAMES if all(word in normalize_for_search(name) for word in words)
        }
        assert found(owner, pattern) == expected, pattern


def test_a_new_name_and_owner_count_at_once_and_a_deleted_file_no_more(names, owner, stranger):
    file = File.objects.get(user=owner, filename="abcabc.aaa")
    file.filename = "改名.txt"
    file.save(update_fields=["filename", "search_text"])
    assert (found(owner, "改名"), found(owner, "abca")) == ({"改名.txt"}, set())
    file.user = stranger
    file.save()
    assert (found(owner, "改名"), found(stranger, "改名")) == (set(), {"改名.txt"})
    File.objects.filter(pk=file.pk).update(user=owner)
    assert (found(owner, "改名"), found(stranger, "改名")) == ({"改名.txt"}, set())
    file.delete()
    assert found(owner, "改名") == set()


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        *[("a", []), ("~", []), ("東", ["東"]), ("🍙", ["🍙"]), ("ab", ["ab"])],
        *[("aba", ["ab", "ba"]), ("\x1f", []), ("a\x1fbc", ["bc"])],
    ],
)
def test_a_word_is_found_by_its_bigrams(word, expected):
    assert bigrams(word) == expected


@pytest.mark.parametrize("pattern", ["qq", "鯨飲", "飲", "xylophone", "jpg 京"])
def test_the_index_leads_to_what_is_looked_for(names, owner, pattern):
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")
    plan = File.objects.search(pattern, owner).explain()
    if connection.vendor == "postgresql":
        [held] = re.findall(rf"Bitmap Index Scan on {PREFIX}sample_files.*\n.*Cond: (.*)", plan)
        assert "ARRAY[user_id]" in held
        assert "string_to_array" in held
    else:
        assert "SEARCH sample_files USING INTEGER PRIMARY KEY" in plan
        assert "SCAN camp_index_sample_files VIRTUAL TABLE INDEX" in plan


def test_as_many_words_as_a_search_takes_are_found(owner):
    characters = [chr(0x4E00 + number) for number in range(100)]
    name = "".join(characters)
    File.objects.create(user=owner, filename=name, size=1, storage_path="p")
    assert found(owner, " ".join(characters)) == {name}
    assert found(owner, name) == {name}


@pytest.mark.sqlite
def test_whose_a_file_is_is_not_left_to_sqlites_triggers(names, owner, stranger):
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER {PREFIX}sample_files_update")
    File.objects.filter(user=owner).update(user=stranger)
    assert not File.objects.search("東京", owner)


@pytest.mark.sqlite
@pytest.mark.django_db(transaction=True)
def test_the_index_comes_back_after_a_migration_that_made_the_table_anew(names, owner):
    old = File._meta.get_field("content_type")
    new = old.clone()
    new.max_length += 1
    new.set_attributes_from_name("content_type")
    new.model = File
    for before, after in ((old, new), (new, old)):
        with connection.schema_editor() as editor:
            editor.alter_field(File, before, after)
    File.objects.create(user=owner, filename="unseen.txt", size=1, storage_path="u")
    assert not File.objects.search("unseen", owner)
    call_command("migrate", verbosity=0)
    assert found(owner, "unseen") == {"unseen.txt"}
    File.objects.create(user=owner, filename="seen.txt", size=1, storage_path="s")
    assert found(owner, "seen") == {"unseen.txt", "seen.txt"}
