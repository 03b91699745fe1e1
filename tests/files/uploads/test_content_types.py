"""Media types: declared, or guessed from the name."""

import pytest

from files.content_types import media_type, sent_type
from tests.files.conftest import part

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


@pytest.mark.parametrize(
    ("declared", "name", "found"),
    [
        ("image/png", "a.txt", "image/png"),
        ("Text/HTML; charset=utf-8", "a", "text/html"),
        ("", "a.pdf", "application/pdf"),
        (None, "a.pdf", "application/pdf"),
        ("application/octet-stream", "a.JPG", "image/jpeg"),
        ("application/octet-stream", "写真.webp", "image/webp"),
        ("", "a.md", "text/markdown"),
        ("", "a.tar.gz", "application/gzip"),
        ("", "a.unknownsuffix", "application/octet-stream"),
        ("", "", "application/octet-stream"),
        ("", "noname", "application/octet-stream"),
        ("", ".gitignore", "application/octet-stream"),
        ("nonsense", "a.png", "image/png"),
        ("text/html\r\nX-Evil: 1", "a.png", "image/png"),
        ("text/日本", "a.png", "image/png"),
        ("x/" + "y" * 200, "a.png", "image/png"),
        ("audio/x-m4a", "a.m4a", "audio/mp4"),
        ("image/jpg", "a.jpg", "image/jpeg"),
        ("image/pjpeg", "a", "image/jpeg"),
        ("image/x-png", "a", "image/png"),
        ("audio/mp3", "a.mp3", "audio/mpeg"),
        ("audio/x-wav", "a.wav", "audio/wav"),
        ("application/x-pdf", "a.pdf", "application/pdf"),
        ("application/x-zip-compressed", "a.zip", "application/zip"),
        ("text/x-markdown", "a.md", "text/markdown"),
        ("text/plain", "README.MD", "text/markdown"),
        ("text/plain", "a.json", "application/json"),
        ("text/plain", "a.mp4", "text/plain"),
        ("text/plain", "a.ts", "text/plain"),
        ("application/vnd.ms-excel", "名簿.csv", "text/csv"),
        ("application/vnd.ms-excel", "a.xls", "application/vnd.ms-excel"),
        ("application/zip", "a.docx", DOCX),
        ("application/x-zip-compressed", "a.epub", "application/epub+zip"),
        ("application/zip", "a.html", "application/zip"),
        ("", "a.docx", DOCX),
        ("application/msword", "a.docx", DOCX),
        ("application/vnd.ms-word", "a.doc", "application/vnd.ms-word"),
        ("application/x-msexcel", "a.csv", "text/csv"),
        ("application/csv", "a.csv", "text/csv"),
        ("text/x-comma-separated-values", "a", "text/csv"),
        ("text/pdf", "a.pdf", "application/pdf"),
        ("application/x-rtf", "a", "application/rtf"),
        ("text/json", "a", "application/json"),
        ("audio/x-mpeg-3", "a", "audio/mpeg"),
        ("audio/x-ogg", "a", "audio/ogg"),
        ("application/ogg", "a.ogv", "video/ogg"),
        ("video/x-mp4", "a", "video/mp4"),
        ("image/x-citrix-png", "a", "image/png"),
        ("application/force-download", "a.pdf", "application/pdf"),
        ("application/x-octet-stream", "a.png", "image/png"),
        ("unknown/unknown", "a.m4a", "audio/mp4"),
        ("", "a.ogg", "audio/ogg"),
        ("", "a.jfif", "image/jpeg"),
        ("", "a.log", "text/plain"),
        ("application/x-tar", "a.tar", "application/x-tar"),
        ("text/plain", "a.html", "text/plain"),
        ("application/x-pdf", "a.html", "application/pdf"),
        ("text/xml", "a.svg", "image/svg+xml"),
    ],
)
def test_the_type_is_well_formed(declared, name, found):
    assert media_type(declared, name) == found


@pytest.mark.parametrize(
    ("declared", "sent"),
    [
        ("text/javascript", "text/plain"),
        ("application/x-javascript", "text/plain"),
        ("Text/ECMAScript", "text/plain"),
        ("text/javascript1.5", "text/plain"),
        ("text/css", "text/plain"),
        ("application/json", "application/json"),
        ("image/png", "image/png"),
    ],
)
def test_code_of_pages_is_sent_as_text(declared, sent):
    assert sent_type(declared, "a") == sent


@pytest.mark.parametrize(
    ("declared", "name", "kept", "kind"),
    [
        ("audio/x-m4a", "a.m4a", "audio/mp4", "audio"),
        ("application/vnd.ms-excel", "a.csv", "text/csv", "text"),
        ("image/jpg", "a.jpg", "image/jpeg", "picture"),
        ("application/x-pdf", "a.pdf", "application/pdf", "pdf"),
        ("text/x-markdown", "a.md", "text/markdown", "markdown"),
    ],
)
def test_an_upload_is_shown_whatever_its_type_is_called(
    as_owner, owner, declared, name, kept, kind
):
    as_owner.post("/files/upload/", {"files": part(name, b"text", declared)})
    file = owner.files.get()
    assert file.content_type == kept
    owner.files.update(content_type=declared)  # as an earlier version kept it
    assert as_owner.get(file.get_absolute_url()).context["preview"].kind == kind
