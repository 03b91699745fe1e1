"""Names of files: in any script, and harmless."""

import unicodedata

import pytest

from camp.fs.filenames import clean_filename, download_name

KEPT = [
    "notes.txt",
    "資料　最終版.pdf",
    "ガイド.txt",
    "👩‍👩‍👧‍👦 family.png",
    "مستند.pdf",
    "می‌خواهم.txt",
    "a:b?.txt",
    'say "hi".txt',
    "CON.txt",
    ".gitignore",
    "a&amp;b.txt",
    "100%.txt",
    "archive.tar.gz",
    "trailing.dot.",
    "…",
]


INVISIBLE = [
    *("\u00a0", "\u3164", "\u2800", "\u2060", "\u00ad", "\U000e0041", "\ufe0f", "\u115f", "\uffa0"),
    *("\u180e", "\u034f", "\u17b4", "\u061c", "\ufff3", "\u2003", "\u00a0\u3164.\u2800"),
]


@pytest.mark.parametrize("name", KEPT)
def test_a_name_keeps_its_characters(name):
    assert clean_filename(name) == name


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [
        ("/etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("C:\\photos\\海.jpg", "海.jpg"),
        ("line\r\nbreak.txt", "line break.txt"),
        ("nul\x00l.txt", "null.txt"),
        ("\u202egpj.exe", "gpj.exe"),
        ("\u2066a\u2069.txt", "a.txt"),
        ("\ufeffbom.txt", "bom.txt"),
        ("bad\ud800.txt", "bad.txt"),
        ("  spaced .txt ", "spaced .txt"),
        ("", "file"),
        (".", "file"),
        ("..", "file"),
        ("dir/", "file"),
        ("\u3000", "file"),
        ("\u202e", "file"),
        *((invisible, "file") for invisible in INVISIBLE),
        (f"{INVISIBLE[0]}.txt", f"{INVISIBLE[0]}.txt"),
    ],
)
def test_what_is_no_part_of_a_name_goes(name, cleaned):
    assert clean_filename(name) == cleaned


def test_a_decomposed_name_becomes_composed():
    decomposed = unicodedata.normalize("NFD", "ガイド.txt")
    assert decomposed != "ガイド.txt"
    assert clean_filename(decomposed) == "ガイド.txt"


@pytest.mark.parametrize("letter", ["a", "漢", "👍"])
def test_a_long_name_keeps_its_suffix(letter):
    name = clean_filename(letter * 300 + ".txt")
    assert name == letter * 251 + ".txt"


def test_a_long_name_without_a_real_suffix_is_cut_at_its_end():
    assert clean_filename("a" * 300) == "a" * 255
    assert clean_filename("a." + "b" * 300) == "a." + "b" * 253


def test_a_cut_emoji_leaves_no_part():
    assert clean_filename("a" * 250 + "👩‍👩‍👧.txt") == "a" * 250 + ".txt"


def test_the_fallback_is_the_callers():
    assert clean_filename("/", fallback="") == ""


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("資料　最終版.pdf", "資料　最終版.pdf"),
        ("a:b?.txt", "a_b_.txt"),
        ('<"|*>.txt', "_____.txt"),
        ("back\\slash.txt", "back_slash.txt"),
        ("CON.txt", "_CON.txt"),
        ("con", "_con"),
        ("lpt1.tar.gz", "_lpt1.tar.gz"),
        ("COM¹.txt", "_COM¹.txt"),
        ("nul .txt", "_nul .txt"),
        ("console.txt", "console.txt"),
        ("com10.txt", "com10.txt"),
        ("ends.", "ends"),
        ("ends. . ", "ends"),
        ("...", "file"),
        ("line\nbreak", "line break"),
    ],
)
def test_every_system_takes_the_name_of_a_download(name, given):
    assert download_name(name) == given


@pytest.mark.parametrize("letter", ["a", "漢", "👍", "ガ", "e\u0323\u0301"])
@pytest.mark.parametrize("suffix", [".txt", ".資料", ""])
def test_the_name_of_a_download_has_at_most_255_bytes(letter, suffix):
    name = download_name(letter * 300 + suffix)
    assert 240 < len(name.encode()) <= 255
    assert name.endswith(suffix)
    assert unicodedata.normalize("NFC", name.removesuffix(suffix)[-len(letter) :]) in (
        unicodedata.normalize("NFC", letter),
        letter,
    )


def test_a_device_gets_its_mark_within_the_limit():
    name = download_name("con." + "x" * 251)
    assert name.startswith("_con.")
    assert len(name) == 255


def test_a_name_of_megabytes_is_cut_before_it_is_normalised():
    name = clean_filename("\ufdfa" * 2_000_000 + ".txt")
    assert len(name) == 255
    assert name.endswith(".txt")
