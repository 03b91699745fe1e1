"""Unicode normalisation that takes linear time whatever a stranger sends."""

import functools
import re
import unicodedata

# UAX #15, Stream-Safe Text Format: no script needs more combining marks in a row.
MAX_COMBINING_MARKS = 30
# Every combining mark is in planes 0 and 1, or is a variation selector, which is a starter.
_LAST_MARK = 0x1FFFF


def normalize(text, form="NFKC"):
    """Return `text` in the Unicode normalisation form `form`, at most 30 marks in a row.

    `unicodedata.normalize` sorts runs of combining marks in quadratic time and holds the
    interpreter meanwhile (100,000 marks: 18 s), so longer runs lose what exceeds the limit
    that UAX #15 gives. Use this for all text that people send.
    """
    if text.isascii():
        return text
    return unicodedata.normalize(form, _surplus_marks().sub(r"\1", text))


@functools.cache
def _surplus_marks():
    """Return the pattern of a run of marks over the limit; group 1 is the part to keep."""
    marks = "".join(
        re.escape(chr(code))
        for code in range(0x300, _LAST_MARK)
        # The compatibility form counts: U+FF9E is a starter and becomes U+3099.
        if not 0xD800 <= code <= 0xDFFF
        and unicodedata.combining(unicodedata.normalize("NFKD", chr(code))[0])
    )
    return re.compile(f"([{marks}]{{{MAX_COMBINING_MARKS}}})[{marks}]+")
