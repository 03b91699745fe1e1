"""Clean text from users: normalise it in linear time, join lines, detect invisible text."""

import functools
import re
import unicodedata
from typing import Literal

# Characters that end a line or a header, or look like a gap.
GAPS = re.compile(r"[\t\n\v\f\r\x1c-\x1f\x85\u2028\u2029]+")
# Controls, and the bidirectional ones that can make `gpj.exe` read as `exe.jpg`. The
# joiners U+200C and U+200D stay: emoji and several scripts need them.
CONTROLS = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff\ud800-\udfff]"
)
# White space, Default_Ignorable_Code_Point (DerivedCoreProperties.txt), which includes letters
# and marks without a glyph, and the blank Braille pattern.
INVISIBLE = re.compile(
    r"[\s\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    r"\u202a-\u202e\u2060-\u206f\u2800\u3164\ufdd0-\ufdef\ufe00-\ufe0f\ufeff\uffa0"
    r"\ufff0-\ufff8\ufffe\uffff"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]+"
)
# General categories: separators, controls, formatting, halves of surrogate pairs.
INVISIBLE_CATEGORIES = {"Zs", "Zl", "Zp", "Cc", "Cf", "Cs"}
JOINER = "\u200d"
SKIN_TONES = range(0x1F3FB, 0x1F400)
TAG_CHARACTERS = range(0xE0020, 0xE0080)  # of the flags of Scotland and others
FLAG_LETTERS = range(0x1F1E6, 0x1F200)
VOICED_MARKS = "\uff9e\uff9f"  # of half-width katakana
# UAX #15, Stream-Safe Text Format: no script needs more combining marks in a row.
MAX_COMBINING_MARKS = 30
# Every combining mark is in planes 0 and 1, or is a variation selector, which is a starter.
_LAST_MARK = 0x1FFFF


def normalize(text: str, form: Literal["NFC", "NFD", "NFKC", "NFKD"] = "NFKC") -> str:
    """Return `text` in the Unicode normalisation form `form`, at most 30 marks in a row.

    `unicodedata.normalize` sorts runs of combining marks in quadratic time and holds the
    interpreter meanwhile (100,000 marks: 18 s), so longer runs lose what exceeds the limit
    of UAX #15. Use this for all text from users.
    """
    if text.isascii():
        return text
    return unicodedata.normalize(form, _surplus_marks().sub(r"\1", text))


def clean_line(text: str) -> str:
    """Return `text` on one line, without controls that hide or reorder characters."""
    return CONTROLS.sub("", GAPS.sub(" ", text))


def is_blank(text: str) -> bool:
    """Return whether `text` has no visible character: only white space, controls, formatting.

    Characters that this Python does not know count as visible, because newer emoji and kanji are,
    and so does the private use area, in which Japanese fonts have characters of names.
    """
    rest = INVISIBLE.sub("", text)
    return all(unicodedata.category(character) in INVISIBLE_CATEGORIES for character in rest)


def belongs_together(text: str, index: int) -> bool:
    """Return whether the characters before and at `index` form one grapheme."""
    before, after = text[index - 1], text[index]
    if unicodedata.category(after)[0] == "M" or after in VOICED_MARKS:
        return True
    if JOINER in (before, after) or ord(after) in SKIN_TONES or ord(after) in TAG_CHARACTERS:
        return True
    if ord(after) not in FLAG_LETTERS:
        return False
    # Flags are pairs of letters, counted from the start of their run.
    letters = 0
    while letters < index and ord(text[index - 1 - letters]) in FLAG_LETTERS:
        letters += 1
    return letters % 2 == 1


@functools.cache
def _surplus_marks() -> re.Pattern[str]:
    """Return the pattern of too long a run of marks; group 1 is the part to keep."""
    marks = "".join(
        re.escape(chr(code))
        for code in range(0x300, _LAST_MARK)
        # The compatibility form counts: U+FF9E is a starter and becomes U+3099.
        if not 0xD800 <= code <= 0xDFFF
        and unicodedata.combining(unicodedata.normalize("NFKD", chr(code))[0])
    )
    return re.compile(f"([{marks}]{{{MAX_COMBINING_MARKS}}})[{marks}]+")
