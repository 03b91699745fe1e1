"""Looking at files: what is shown, and what never is."""

import io
import os
import re
import struct
import zlib

import pytest
from PIL import Image

from files.serving import thumbnails
from tests.files.conftest import lose

PDF = b"%PDF-1.4\n%%EOF\n"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(2)</script></svg>'


def picture(form="PNG", size=(40, 20), **options):
    """Return the bytes of a picture."""
    stream = io.BytesIO()
    Image.new("RGB", size, "teal").save(stream, form, **options)
    return stream.getvalue()


def bomb(side=30_000):
    """Return a PNG of a few hundred KB that unpacks to gigabytes."""

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    rows = zlib.compress(b"\0" * 1000, 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def page(client, file):
    return client.get(f"/files/{file.pk}/").content.decode()


def shown(client, file):
    """Return the answer of the thumbnail's address."""
    return client.get(f"/files/{file.pk}/thumbnail/")


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF"])
@pytest.mark.folder
@pytest.mark.machine
def test_a_picture_is_shown_as_one_of_our_own(as_owner, keep, form):
    file = keep("a.img", picture(form, (1320, 660)), content_type=f"image/{form.lower()}")
    assert f'src="/files/{file.pk}/thumbnail/"' in page(as_owner, file)
    response = shown(as_owner, file)
    assert response.headers["Content-Type"] == "image/webp"
    assert response.headers["Content-Security-Policy"].startswith("sandbox")
    made = Image.open(io.BytesIO(response.getvalue()))
    assert (made.format, made.size) == ("WEBP", (1280, 640))


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.folder
@pytest.mark.machine
def test_its_page_reserves_its_place(as_owner, keep, mode):
    stream = io.BytesIO()
    Image.new(mode, (60, 30)).save(stream, "PNG")
    file = keep("a.png", stream.getvalue(), content_type="image/png")
    shown(as_owner, file)
    assert 'width="60" height="30"' in page(as_owner, file)


def gradient(mode, top):
    """Return a grey picture of more than 8 bits, from black at the left to `top` at the right."""
    image = Image.new(mode, (256, 4))
    image.putdata([x * top // 255 for _ in range(4) for x in range(256)])
    return image


@pytest.mark.parametrize(
    ("form", "mode", "top"),
    [
        ("PNG", "I;16", 65_535),
        ("PNG", "I;16", 4095),
        ("PNG", "I;16", 255),
        ("TIFF", "I;16", 16_383),
        ("TIFF", "I", 10**9),
        ("TIFF", "F", 1000),
    ],
)
@pytest.mark.folder
@pytest.mark.machine
def test_grey_pictures_of_more_bits_keep_their_shades(as_owner, keep, form, mode, top):
    stream = io.BytesIO()
    gradient(mode, top).save(stream, form)
    file = keep("a.img", stream.getvalue(), content_type=f"image/{form.lower()}")
    made = Image.open(io.BytesIO(shown(as_owner, file).getvalue())).convert("L")
    shades = [made.getpixel((x, 2)) for x in (2, 128, 253)]
    assert shades == pytest.approx([2, 128, 253], abs=12)


def test_it_is_made_once(as_owner, keep, monkeypatch):
    file = keep("a.png", picture(), content_type="image/png")
    shown(as_owner, file).getvalue()
    monkeypatch.setattr("files.serving.thumbnails.run_thumbnailer", None)
    assert shown(as_owner, file).status_code == 200


@pytest.mark.parametrize(
    "content",
    [bomb(), picture()[:60], b"GIF89a", SVG, os.urandom(1000), b"%PDF-1.4"],
    ids=["bomb", "cut", "head", "svg", "noise", "pdf"],
)
@pytest.mark.folder
@pytest.mark.machine
def test_a_lying_picture_gives_a_plain_page(as_owner, keep, content, monkeypatch):
    file = keep("a.png", content, content_type="image/png")
    assert "thumbnail" not in page(as_owner, file)
    monkeypatch.setattr("files.serving.thumbnails.run_thumbnailer", None)  # it is not tried again
    assert shown(as_owner, file).status_code == 404
    assert 'loading="lazy"' not in as_owner.get("/files/").content.decode()


def test_a_picture_that_takes_too_long_is_given_up(as_owner, keep, monkeypatch):
    monkeypatch.setattr("files.serving.thumbnails.TIMEOUT", 0.001)
    file = keep("a.png", picture(), content_type="image/png")
    assert shown(as_owner, file).status_code == 404


@pytest.mark.parametrize("content_type", ["image/svg+xml", "text/html", "application/zip"])
def test_other_types_have_no_thumbnail(as_owner, keep, content_type):
    file = keep("a", picture(), content_type=content_type)
    assert shown(as_owner, file).status_code == 404
    assert as_owner.get(f"/files/{file.pk}/inline/").status_code == 404


@pytest.mark.django_db(transaction=True)
def test_it_goes_with_the_file(as_owner, keep):
    file = keep("a.png", picture(), content_type="image/png")
    shown(as_owner, file).getvalue()
    path = thumbnails.path_of(file.storage_path)
    assert path.exists()
    file.delete()
    assert not path.exists()


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("utf-8", "こんにちは <b>"),
        ("utf-8-sig", "BOM"),
        ("cp932", "日本語の文"),
        ("euc-jp", "合宿の計画"),
    ],
)
def test_text_is_shown_as_text(as_owner, keep, encoding, text):
    file = keep("a.txt", text.encode(encoding))
    assert f">{text.replace('<b>', '&lt;b&gt;')}</pre>" in page(as_owner, file)


def test_code_does_not_run(as_owner, keep):
    file = keep("a.html", b"<script>alert(1)</script>", content_type="text/html")
    html = page(as_owner, file)
    assert re.sub("</?span[^>]*>", "", html).count("&lt;script&gt;alert(1)") == 1
    assert "<script>alert" not in html


def test_markdown_is_rendered_safely(as_owner, keep):
    text = b"# Plan\n\n- tent\n\n<script>alert(1)</script>"
    content = page(as_owner, keep("a.md", text, content_type="text/markdown"))
    assert "<li>tent</li>" in content
    assert "<script>alert" not in content


def test_only_the_beginning_of_a_long_text_is_shown(as_owner, keep):
    content = page(as_owner, keep("a.txt", "あ".encode() * 60_000))
    assert "Only the beginning is shown." in content
    assert "\ufffd" not in content


def test_bytes_that_are_no_text_are_not_shown(as_owner, keep):
    assert "<pre" not in page(as_owner, keep("a.txt", b"\0\1\2"))


@pytest.mark.parametrize(
    ("content_type", "content", "policy"),
    [
        ("audio/mpeg", b"ID3", "sandbox; default-src 'none'; frame-ancestors 'none'"),
        ("video/mp4", b"....ftyp", "sandbox; default-src 'none'; frame-ancestors 'none'"),
        ("application/pdf", PDF, "default-src 'none'; frame-ancestors 'none'"),
    ],
)
def test_sound_video_and_pdf_are_sent_for_showing(as_owner, keep, content_type, content, policy):
    file = keep("a", content, content_type=content_type)
    response = as_owner.get(f"/files/{file.pk}/inline/")
    assert response.getvalue() == content
    assert response.headers["Content-Disposition"].startswith("inline")
    assert response.headers["Content-Type"] == content_type
    assert response.headers["Content-Security-Policy"] == policy
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    part = as_owner.get(f"/files/{file.pk}/inline/", headers={"range": "bytes=1-"})
    assert (part.status_code, part.getvalue()) == (206, content[1:])
    assert f"/files/{file.pk}/inline/" in page(as_owner, file)


@pytest.mark.parametrize("content", [SVG, b"<html>%PDF-", b""])
def test_what_only_claims_to_be_a_pdf_is_not_shown(as_owner, keep, content):
    file = keep("a.pdf", content, content_type="application/pdf")
    assert as_owner.get(f"/files/{file.pk}/inline/").status_code == 404


def test_missing_bytes_show_nothing(as_owner, keep):
    for name, kind in (
        ("a.txt", "text/plain"),
        ("a.png", "image/png"),
        ("a.pdf", "application/pdf"),
    ):
        file = keep(name, picture(), content_type=kind)
        lose(file.storage_path)
        assert as_owner.get(f"/files/{file.pk}/").status_code == 200
        assert shown(as_owner, file).status_code == 404
        assert as_owner.get(f"/files/{file.pk}/inline/").status_code == 404


def test_nobody_elses_files(as_stranger, keep):
    file = keep("a.png", picture(), content_type="image/png")
    assert shown(as_stranger, file).status_code == 404
    assert as_stranger.get(f"/files/{file.pk}/inline/").status_code == 404


def test_strangers_log_in_first(client, file):
    for word in ("inline", "thumbnail"):
        address = f"/files/{file.pk}/{word}/"
        assert client.get(address).url == f"/accounts/login/?next={address}"


def test_other_verbs_are_refused(as_owner, file):
    for word in ("inline", "thumbnail"):
        assert as_owner.post(f"/files/{file.pk}/{word}/").status_code == 405


def test_a_list_shows_small_pictures(as_owner, keep, django_assert_max_num_queries):
    for number in range(20):
        keep(f"{number}.png", picture(), content_type="image/png")
    with django_assert_max_num_queries(6):
        content = as_owner.get("/files/").content.decode()
    assert content.count('loading="lazy"') == 20
