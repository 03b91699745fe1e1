"""Media types: declared, or guessed from the name."""

import pytest

from files.content_types import media_type, sent_type


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
