"""Detect the encoding of text files, Japanese ones above all, and decode them."""

import codecs
import functools
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
JIS = "iso2022_jp_ext"
JIS_ESCAPES = re.compile(rb"\x1b(?:\$[@B]|\$\(D|\([JI])")
# Encodings that have no certain signs, for the detector to choose from.
DETECTED = ["cp932", "euc_jp", "cp1252"]
SAMPLE = 8 * 2**10  # bytes for the detector
NOT_ASCII = re.compile(rb"[\x80-\xff]+")
# A letter or sign of CP1252 on its own in ASCII. In CP932 it would be half of a pair, or one
# half-width katakana; the signs left out are the first bytes of kana and symbols there.
LONE_LETTERS = re.compile(
    rb"(?<![\x80-\xff])[\x80\x85\x91-\x97\xa3\xa9\xab\xae\xb0\xb5\xb7\xbb-\xbf\xc0-\xff]"
    rb"(?=[a-zA-Z0-9\s,.;:!?'\"()/-]|$)"
)
# Rows without characters in JIS X 0208: pairs of bytes of EUC-JP, and of ISO-2022-JP.
VENDOR_PAIRS = re.compile(rb"(?:[\xa9-\xaf\xf5-\xfe][\xa1-\xfe]|[\x29-\x2f\x75-\x7e][\x21-\x7e])+")
NO_PAIRS = re.compile(rb"[\x80-\x8d\x90-\xa0\xff]+")
# Pairs of EUC-JP read as half-width katakana in CP932, and the other way round. Then kana or
# bytes that half-width katakana do not have indicate EUC-JP.
HALF_WIDTH_BYTES = re.compile(rb"[\x00-\x7f\xa1-\xdf]*")
HALF_WIDTH_KANA = re.compile(r"[\uff66-\uff9f]")
KANA = re.compile(r"[\u3041-\u3096\u30a1-\u30fa]")
# Half-width katakana of EUC-JP. In CP932 these are a few kanji, of which no text consists.
EUC_HALF_WIDTH = re.compile(rb"\x8e[\xa1-\xdf]")


def decode_text(raw, *, cut=False):
    """Return the beginning of a text file, or None if the bytes are no text.

    `cut` means that the file goes on after `raw`. A character that is cut at the end is dropped;
    single invalid bytes become U+FFFD. Byte order marks, escape sequences and valid UTF-8 are
    certain signs. For other files, rules handle the short texts that charset-normalizer gets wrong
    (it needs a line or two), and it decides the rest.
    """
    for mark, encoding in BYTE_ORDER_MARKS:
        if raw.startswith(mark):
            text = decode(raw[len(mark) :], encoding)
            return None if "\0" in text else text
    if b"\0" in raw:
        return None
    if raw.isascii():
        return decode(raw, JIS if JIS_ESCAPES.search(raw) else "ascii")
    text = decode(raw, "utf-8")
    if is_utf8(raw, text, cut=cut):
        return text
    sample = raw[:SAMPLE]
    if len(raw) > SAMPLE:
        cut = b"\n" not in sample
        sample = sample[: sample.rfind(b"\n") + 1] or sample
    return decode(raw, detect(sample, cut=cut))


def decode(raw, encoding):
    """Return bytes as text without a character that is cut at the end."""
    errors = "vendor" if encoding in ("euc_jp", JIS) else "replace"
    return codecs.getincrementaldecoder(encoding)(errors).decode(raw)


def decode_vendor(error):
    """Decode what JIS encodings lack: the characters of NEC and IBM in Windows (①, ㈱, 髙).

    An error handler for codecs. It handles whole runs: one call per character is too slow.
    """
    if error.encoding.startswith(("euc_jp", "iso2022")):
        if run := VENDOR_PAIRS.match(error.object, error.start):
            pairs = zip(*[iter(run[0])] * 2, strict=True)
            return "".join(vendor_character(*pair) for pair in pairs), run.end()
        if run := NO_PAIRS.match(error.object, error.start):
            return "\ufffd" * len(run[0]), run.end()
    return "\ufffd", error.end


@functools.cache
def vendor_character(first, second):
    """Return the character of two JIS bytes: CP932 has it in the same row and cell."""
    row, cell = (first & 0x7F) - 0x20, (second & 0x7F) - 0x20
    lead = (row - 1) // 2 + (0x81 if row <= 62 else 0xC1)
    trail = cell + 0x9E if row % 2 == 0 else cell + 0x3F + (cell >= 64)
    return bytes([lead, trail]).decode("cp932", "replace")[0]


codecs.register_error("vendor", decode_vendor)


def is_utf8(raw, text, *, cut):
    """Return whether bytes are UTF-8, perhaps damaged; `text` is them decoded as UTF-8."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(raw)
    except UnicodeDecodeError:
        damaged = text.count("\ufffd")
    else:
        # The last byte of "café" in CP1252 begins a character in UTF-8.
        return cut or not text.isascii()
    # Other encodings have few valid sequences of UTF-8, and hardly any of three bytes.
    wide = sum(character > "\u07ff" for character in text) - damaged
    narrow = sum("\x7f" < character < "\u0800" for character in text)
    if wide + narrow / 2 > damaged:
        return True
    # In nearly pure ASCII with one bad byte, each run of other bytes counts once.
    intact = broken = 0
    for run in NOT_ASCII.finditer(raw):
        try:
            character = run[0].decode()[0]
        except UnicodeDecodeError:
            broken += 1
            continue
        beside_letter = raw[max(0, run.start() - 1) : run.start()].isalpha()
        intact += character > "\u07ff" or beside_letter
    return intact >= broken


def detect(raw, *, cut):
    """Return the encoding of bytes that are neither UTF-8 nor have escape sequences."""
    if is_western(raw, cut=cut):
        return "cp1252"
    as_euc, as_cp932 = decode(raw, "euc_jp"), decode(raw, "cp932")
    if "\ufffd" not in as_euc:
        half_width = len(EUC_HALF_WIDTH.findall(raw))
        if half_width >= 3 and half_width * 4 >= sum(map(len, NOT_ASCII.findall(raw))):
            return "euc_jp"
        if HALF_WIDTH_KANA.search(as_cp932):
            is_euc = KANA.search(as_euc) or not HALF_WIDTH_BYTES.fullmatch(raw)
            return "euc_jp" if is_euc else "cp932"
    found = from_bytes(raw, cp_isolation=DETECTED).best()
    return found.encoding if found else DETECTED[0]


def is_western(raw, *, cut):
    """Return whether most bytes beyond ASCII are single letters in words of CP1252."""
    lone = [match for match in LONE_LETTERS.finditer(raw) if not (cut and match.end() == len(raw))]
    others = sum(map(len, NOT_ASCII.findall(raw))) - len(lone)
    # A single one may be a half-width katakana, or a kanji.
    alone = len(raw.strip()) <= 2 and b"\xa0" < raw[:1] < b"\xe0"
    return len(lone) > others and not alone
