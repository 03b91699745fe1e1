"""Titles that come from messages."""

import pytest

from sessions_app.titles import shorten, title_from


@pytest.mark.parametrize(
    ("content", "title"),
    [
        ("Hello", "Hello"),
        ("\n \n  Hello  there \nmore", "Hello there"),
        ("# Heading #\ntext", "Heading"),
        ("> *quoted* text", "quoted text"),
        ("- [ ] todo", "todo"),
        ("1. **first**\n2. second", "first"),
        ("[docs](https://example.org) and `code`", "docs and code"),
        ("![map](https://example.org/map.png)", "map"),
        ("```python\n\nprint(1)\n```", "print(1)"),
        ("| a | b |\n|---|---|\n| 1 | 2 |", "a"),
        ("---", "---"),
        ("***\n\nAfter the line", "After the line"),
        ("```\n```", "```"),
        ("2 * 3 * 4 = 24", "2 * 3 * 4 = 24"),
        ("snake_case_name", "snake_case_name"),
        ("東京へ　行く", "東京へ 行く"),
        ("<b>tag</b>", "<b>tag</b>"),
        ("[a]: https://example.org", "[a]: https://example.org"),
    ],
)
def test_the_first_line_without_its_marks_is_the_title(content, title):
    assert title_from(content) == title


@pytest.mark.parametrize(
    "content",
    [
        "a" * 100_000,
        "東" * 100_000,
        "word " * 20_000,
        ">" * 100_000,
        "\n" * 50_000 + "x",
        "[" * 100_000,
    ],
)
def test_a_title_has_at_most_80_characters(content):
    assert 0 < len(title_from(content)) <= 80


def test_80_characters_stay_whole():
    assert shorten("x" * 80) == "x" * 80


def test_a_long_line_is_cut_between_words():
    text = "A word after another " * 5
    assert (
        shorten(text)
        == "A word after another A word after another A word after another A word after…"
    )


def test_japanese_is_cut_between_characters():
    assert shorten("東" * 81) == "東" * 79 + "…"


@pytest.mark.parametrize(
    "composed",
    [
        "か\u3099",
        "é".replace("é", "e\u0301"),
        "👨\u200d👩\u200d👧",
        "👍\U0001f3fd",
        "🇯🇵",
        "ｶ\uff9e",
        "❤\ufe0f",
    ],
)
def test_a_composed_character_is_never_cut(composed):
    for before in range(70, 80):
        text = "x" * before + composed + "y" * 80
        title = shorten(text)
        assert len(title) <= 80
        rest = title.removesuffix("…")[before:]
        assert rest in ("", composed) or rest.startswith(composed)


def test_endless_marks_are_cut_all_the_same():
    assert 0 < len(shorten("e" + "\u0301" * 500)) <= 80
