"""What the page of a file shows for each type, and where it says that there is no preview."""

import base64
import io

import pytest
from PIL import Image

from files.serving import thumbnails
from files.serving.tables import MAX_COLUMNS, MAX_ROWS
from tests.files.serving.test_previews import page, picture, shown

# 64 × 32 pixels in teal. pi_heif reads HEIC, but does not write it.
HEIC = base64.b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAX1tZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAA"
    "AAAAAAAAACJpbG9jAAAAAERAAAEAAQAAAAABoQABAAAAAAAAABgAAAAjaWluZgAAAAAAAQAAABVpbmZlAgAAAAABAABo"
    "dmMxAAAAAA5waXRtAAAAAAABAAAA/WlwcnAAAADdaXBjbwAAAHZodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEA"
    "GEABDAH//wNwAAADAJAAAAMAAAMAHroCQGEAAQAqQgEBA3AAAAMAkAAAAwAAAwAeoCCBBZbq5Ka5uAhoMCAAAAMDIAAA"
    "AwAhYgABAAZEAcFzwIkAAAATY29scm5jbHgAAQANAAaAAAAAFGlzcGUAAAAAAAAAQAAAAEAAAAAoY2xhcAAAAEAAAAAB"
    "AAAAIAAAAAEAAAAAAAAAAv///+AAAAACAAAAEHBpeGkAAAAAAwgICAAAABhpcG1hAAAAAAAAAAEAAQWBAgMFhAAAACBt"
    "ZGF0AAAAFCgBrwQY+Mpx1//wIk93k/anEhHn"
)


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """Requests wait for a thumbnail also on a busy machine."""
    monkeypatch.setattr(thumbnails, "MAX_WAIT", thumbnails.TIMEOUT)


@pytest.mark.folder
@pytest.mark.machine
@pytest.mark.parametrize(
    ("name", "content"), [("a.heic", HEIC), ("a.heif", HEIC), ("a.avif", picture("AVIF", (64, 32)))]
)
def test_pictures_of_phones_have_thumbnails(as_owner, keep, name, content):
    file = keep(name, content, content_type="")
    assert f'src="/files/{file.pk}/thumbnail/"' in page(as_owner, file)
    made = Image.open(io.BytesIO(shown(as_owner, file).getvalue())).convert("RGB")
    assert made.size == (64, 32)
    red, green, blue = made.getpixel((10, 10))
    assert red < 40
    assert green > 100 < blue


@pytest.mark.folder
@pytest.mark.machine
def test_a_damaged_heic_has_no_preview(as_owner, keep):
    file = keep("a.heic", HEIC[:-60], content_type="image/heic")
    assert shown(as_owner, file).status_code == 404
    assert "There is no preview for this type of file." in page(as_owner, file)


def cells(client, file):
    """Return the table on a file's page as rows of HTML."""
    html = page(client, file)
    table = html[html.index("<table>") : html.index("</table>")]
    rows = [row.split("</tr>")[0] for row in table.split("<tr>")[1:]]
    mark = {'<th scope="col">': "|", "</th>": "", "<td>": "|", "</td>": ""}
    for tag, sign in mark.items():
        rows = [row.replace(tag, sign) for row in rows]
    return [row.strip().lstrip("|").split("|") for row in rows]


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        (b'name,note\n"Sato, Hana","<b>\n2"\n', [["name", "note"], ["Sato, Hana", "&lt;b&gt;\n2"]]),
        (b"a;b\r\n1,5;2,5\r\n", [["a", "b"], ["1,5", "2,5"]]),
        (b"a\tb\n1\t2\n\n3\t4\n", [["a", "b"], ["1", "2"], ["3", "4"]]),
        ("名前,値\n花,1\n".encode("cp932"), [["名前", "値"], ["花", "1"]]),
        ("名前,値\n花,1\n".encode("utf-16"), [["名前", "値"], ["花", "1"]]),
    ],
)
def test_csv_is_shown_as_a_table(as_owner, keep, content, rows):
    assert cells(as_owner, keep("a.csv", content, content_type="text/csv")) == rows


def test_a_large_table_is_cut_and_says_so(as_owner, keep):
    line = ",".join(["12345"] * (MAX_COLUMNS + 5))
    content = "\n".join([line] * 3000).encode()
    file = keep("a.csv", content, content_type="text/csv")
    rows = cells(as_owner, file)
    assert (len(rows), len(rows[0])) == (MAX_ROWS + 1, MAX_COLUMNS)
    assert "Only the beginning is shown." in page(as_owner, file)


@pytest.mark.parametrize("content", [b"just words\nand more\n", b'"' + b"x,\n" * 40_000])
def test_what_is_no_table_is_shown_as_text(as_owner, keep, content):
    html = page(as_owner, keep("a.csv", content, content_type="text/csv"))
    assert "<table>" not in html
    assert '<pre class="preview__text"' in html


@pytest.mark.parametrize(
    ("name", "content_type", "word"),
    [
        ("a.pptx", "", "PowerPoint"),
        ("a.ppt", "application/vnd.ms-powerpoint", "PowerPoint"),
        ("a.docx", "application/msword", "Word"),
        ("a.xlsm", "application/vnd.ms-excel.sheet.macroEnabled.12", "Excel"),
        ("a.zip", "application/x-zip-compressed", "Archive"),
        ("a.bin", "", "File"),
    ],
)
def test_types_have_words_and_those_without_a_preview_say_so(
    as_owner, keep, name, content_type, word
):
    html = page(as_owner, keep(name, b"\0bytes", content_type=content_type))
    assert f"{word} <span" in html
    assert "There is no preview for this type of file." in html


def test_an_empty_file_is_called_so(as_owner, keep):
    assert "This file is empty." in page(as_owner, keep("a.txt", b""))


@pytest.mark.parametrize("name", ["run.PY", "Makefile", "a.sql"])
def test_code_has_colours(as_owner, keep, name):
    file = keep(name, b"select = 'x' # <b>\n", content_type="text/plain")
    html = page(as_owner, file)
    assert '<span class="code-' in html
    assert "&lt;b&gt;" in html


def test_long_code_and_other_text_have_none(as_owner, keep):
    for name, content in (("a.py", b"x = 1\n" * 5000), ("a.txt", b"x = 1\n")):
        html = page(as_owner, keep(name, content, content_type="text/plain"))
        assert name in html
        assert '<span class="code-' not in html
