"""Text previews show what people wrote, in the encodings that they save files in."""

import codecs

import pytest
from django.urls import reverse

from files.serving.previews import TEXT_BYTES
from files.serving.text_decoding import decode_text

pytestmark = pytest.mark.machine

JAPANESE = {
    "half-width CSV": "ﾔﾏﾀﾞ,ｽｽﾞｷ\n",
    "half-width in a table": "番号,氏名,ﾌﾘｶﾞﾅ\n1,山田太郎,ﾔﾏﾀﾞﾀﾛｳ\n2,鈴木花子,ｽｽﾞｷﾊﾅｺ\n",
    "half-width alone": "ｶﾀｶﾅ ﾃｽﾄ\n",
    "one word": "東京\n",
    "greeting": "こんにちは、世界。\n",
    "schedule": "Camp 2026 の予定表: 10:00 集合、12:00 昼食 (lunch)\n",
    "vendor characters": "①②③ ㈱キャンプ 髙橋 﨑山 Ⅳ ℡\n",
    "prose": "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。\n" * 3,
    "code": "# 設定ファイル\nname = 'テスト'\nprint(name)  # 出力する\n",
    "log": "2026-11-28 12:00:00 ERROR ファイルが見つかりません: C:\\テスト\\表.txt\n",
    "kanji": "見積書 請求書 納品書 領収書\n",
    "CSV": "日付,項目,金額\n2026/11/28,食費,1200\n2026/11/29,交通費,800\n",
    "katakana": "カタカナ\n",
    "address": "〒100-0001 東京都千代田区千代田1-1\n",
    "letter": "お世話になっております。\n株式会社テストの田中です。\n",
    "mostly English": "The meeting room is 会議室A on floor 3.\n",
}
WESTERN = {
    "French": "Déjà vu à la crèche, ça va être très bien.\n",
    "German": "Größe: 10 µm, Straße, Äpfel und Öl\n",
    "one letter": "café\n",
    "prices": "Price: 10 € – “quoted”\n",
    "Spanish": "¿Dónde está el niño? ¡Aquí!\n",
    "CSV": "résumé,naïve,coöperate\n",
    "last letter": "café",
    "degrees": "20 °C",
    "copyright": "© 2024 Müller GmbH",
    "apostrophe": "it’s",
    "quotes": "“hi”",
    "Portuguese": "São Paulo",
    "cedilla": "ça",
    "fraction": "½ cup",
    "euro": "100 €",
    "ellipsis": "and so on …",
}
# Windows' characters of NEC and IBM in JIS, which Python's codecs do not know: ①②㈱髙﨑
VENDOR = {
    "euc_jp": b"\xad\xa1\xad\xa2\xad\xea\xfc\xe2\xf9\xf5 \xc5\xec\xb5\xfe\n",
    "iso2022_jp": b'\x1b$B-!-"-j|byu\x1b(B \x1b$BEl5~\x1b(B\n',
}
# UTF-8 with a byte that is none, nearly all ASCII
DAMAGED = ["café end", "It’s fine", "price 5 € net", "日 is a day", "a café, naïve, twice"]
# JIS X 0208 has no vendor characters, and half-width katakana alone are ambiguous in EUC-JP.
JIS = JAPANESE.keys() - {"vendor characters", "half-width CSV"}


def rows():
    """Yield (id, text, bytes): text and what a file of it holds."""
    for name, text in JAPANESE.items():
        for encoding in ("utf-8", "utf-8-sig", "utf-16", "cp932"):
            yield f"{name}-{encoding}", text, text.encode(encoding)
        if name in JIS:
            yield f"{name}-euc_jp", text, text.encode("euc_jp")
            yield f"{name}-iso2022_jp_ext", text, text.encode("iso2022_jp_ext")
        marked = codecs.BOM_UTF16_BE + text.encode("utf-16-be")
        yield f"{name}-utf-16-be", text, marked
        yield f"{name}-bad byte", f"{text}\ufffdend", text.encode() + b"\xffend"
        yield f"{name}-cut", text, text.encode() + "語".encode()[:2]
    for name, text in WESTERN.items():
        for encoding in ("utf-8", "cp1252"):
            yield f"{name}-{encoding}", text, text.encode(encoding)
    for encoding, raw in VENDOR.items():
        yield f"vendor characters-{encoding}", "①②㈱髙﨑 東京\n", raw
    for text in DAMAGED:
        yield f"{text}-bad byte", f"{text} \ufffd.", text.encode() + b" \xff."
    # Text that lost a letter before, and is valid
    yield "replaced", "caf\ufffd au lait", "caf\ufffd au lait".encode()
    half_width = "ｺｰﾄﾞ,名称\n1,ﾘﾝｺﾞ\n"
    yield "half-width-euc_jp", half_width, half_width.encode("euc_jp")


TABLE = [pytest.param(text, raw, id=name) for name, text, raw in rows()]
assert len(TABLE) > 60


@pytest.mark.parametrize(("text", "raw"), TABLE)
def test_text_is_read_as_it_was_written(text, raw):
    assert decode_text(raw) == text


@pytest.mark.parametrize(
    "raw", [b"\0\1\2", b"MZ\x90\0\3", "text".encode("utf-16-le"), b"\xff\xfea\0\0\0"]
)
def test_bytes_that_are_no_text_are_not_read(raw):
    assert decode_text(raw) is None


def test_a_character_that_the_preview_cuts_is_left_out(as_owner, keep):
    file = keep(content=b"a" * (TEXT_BYTES - 1) + "é".encode(), content_type="text/plain")
    page = as_owner.get(reverse("files:detail", args=[file.pk]))
    assert page.context["preview"].text == "a" * (TEXT_BYTES - 1)
