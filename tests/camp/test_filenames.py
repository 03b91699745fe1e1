"""Names of files: in any script, and harmless."""

import unicodedata

import pytest

from camp.filenames import clean_filename, download_name

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


def test_a_cut_emoji_leaves_no_joiner():
    assert clean_filename("a" * 250 + "👩‍👩‍👧.txt") == "a" * 250 + "👩.txt"


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
