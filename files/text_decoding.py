"""Bytes of a text file as text, whatever encoding people in Japan and abroad saved it in."""

import codecs
import re

from charset_normalizer import from_bytes

BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # begins like that of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# ECMA-35 escape sequences that select a Japanese character set.
JIS_ESCAPES = re.compile(rb"\x1b(?:\$[@B]|\$\(D|\([JI])")
# What is left after the encodings that can be told by their structure.
DETECTED = ["cp932", "euc_jp", "cp1252"]
SAMPLE = 8 * 2**10  # bytes that the detector sees
# Pairs of EUC-JP read as half-width katakana in CP932, and the other way round. Then kana or
# bytes that half-width katakana do not have speak for EUC-JP.
HALF_WIDTH_BYTES = re.compile(rb"[\x00-\x7f\xa1-\xdf]*")
HALF_WIDTH_KANA = re.compile(r"[\uff66-\uff9f]")
KANA = re.compile(r"[\u3041-\u3096\u30a1-\u30fa]")


def decode_text(raw):
    """Return the beginning of a text file, or None if the bytes are no text.

    `raw` may end within a character, which is left out; single bytes that are no text become
    U+FFFD. Byte order marks, escape sequences and valid UTF-8 tell the encoding for certain; for
    the rest charset-normalizer chooses between the encodings that occur here.
    """
    for mark, encoding in BYTE_ORDER_MARKS:
        if raw.startswith(mark):
            return decode(raw[len(mark) :], encoding)
    if b"\0" in raw:
        return None
    if raw.isascii():
        return decode(raw, "iso2022_jp_ext" if JIS_ESCAPES.search(raw) else "ascii")
    text = decode(raw, "utf-8")
    damaged = text.count("\ufffd")
    wide = sum(character > "\u07ff" for character in text) - damaged
    narrow = sum("\x7f" < character < "\u0800" for character in text)
    # Text of other encodings has few valid sequences of UTF-8, and hardly any of three bytes.
    if not damaged or wide + narrow / 2 > damaged:
        return text
    sample = raw[:SAMPLE]
    if len(raw) > SAMPLE:
        sample = sample[: sample.rfind(b"\n") + 1] or sample
    return decode(raw, detect(sample))


def decode(raw, encoding):
    """Return bytes as text without the character that the end has cut."""
    return codecs.getincrementaldecoder(encoding)("replace").decode(raw)


def detect(raw):
    """Return the encoding of bytes that are neither UTF-8 nor have escape sequences."""
    as_euc, as_cp932 = (raw.decode(encoding, "replace") for encoding in ("euc_jp", "cp932"))
    if "\ufffd" not in as_euc and HALF_WIDTH_KANA.search(as_cp932):
        is_euc = KANA.search(as_euc) or not HALF_WIDTH_BYTES.fullmatch(raw)
        return "euc_jp" if is_euc else "cp932"
    found = from_bytes(raw, cp_isolation=DETECTED).best()
    return found.encoding if found else DETECTED[0]
