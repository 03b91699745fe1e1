"""The name under which a browser saves an answer."""

import email.message

import pytest

from camp.web.content_disposition import attachment


def filename(header):
    """Return the name that Python's mail parser reads in a header."""
    message = email.message.Message()
    message["Content-Disposition"] = header
    return message.get_filename()


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("notes.txt", "notes.txt"),
        ("Summer camp.zip", "Summer camp.zip"),
        ("東京.pdf", "file.pdf"),
        ("東京 2026.tar.gz", "_ 2026.tar.gz"),
        ("résumé.docx", "resume.docx"),
        ("Über uns.TXT", "Uber uns.TXT"),
        ("a.日本", "a._"),
        ("日本", "file"),
        ("100% sure.txt", "100_ sure.txt"),
        ("a%41.txt", "a_41.txt"),
        ("😀.png", "file.png"),
        (".htaccess", ".htaccess"),
        ("ＣＯＮ.txt", "_CON.txt"),
    ],
)
def test_old_clients_get_an_ascii_name_and_new_ones_the_real_one(name, plain):
    header = attachment(name)
    assert header.isascii()
    assert header.startswith(f'attachment; filename="{plain}"')
    assert ("filename*=" in header) == (plain != name)
    old, _star, new = header.partition("; filename*=")
    assert filename(old) == plain
    if plain != name:
        assert filename(f"attachment; filename*={new}") == name


@pytest.mark.parametrize("name", ['a"; b.txt', "a\\b.txt", "a\r\nX: y.txt", "a;b=c.txt", "", "..."])
def test_no_name_ends_the_header_or_its_quotes(name):
    header = attachment(name)
    assert "\r" not in header
    assert "\n" not in header
    assert header.partition("; filename*=")[0].count('"') == 2
    assert "\\" not in header
