"""Text of strangers is normalised in linear time."""

import time
import unicodedata

import pytest

from camp.fs.text import normalize

HOSTILE = {
    "marks out of order": "a" + "\u0344" * 33_000 + "\u0327" * 66_900,
    "starters that become marks": "\uff9e\u0327" * 50_000,
    "Tibetan vowels": "\u0f73\u0327" * 50_000,
    "marks of plane 1": "\U0001d165\u0327" * 50_000,
}


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD"])
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_runs_of_combining_marks_are_cut(text, form):
    started = time.process_time()
    assert len(normalize(text, form)) < 100
    assert time.process_time() - started < 5  # it took 18 s and more


@pytest.mark.parametrize(
    "text", ["e\u0301te\u0301", "ガイト\u3099ﾞ", "각", "ย้ำ", "b" + "\u0327\u0344" * 15, "👩‍🚀️"]
)
def test_text_that_people_write_is_normalised_as_ever(text):
    for form in ("NFC", "NFKC"):
        assert normalize(text * 40, form) == unicodedata.normalize(form, text * 40)
