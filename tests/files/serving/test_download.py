"""Getting a file back: the same bytes, the right name, and nothing that runs."""

import os
from urllib.parse import quote

import pytest

from files.models import File
from files.serving.downloads import Download
from files.storage import backend
from tests.files.conftest import lose, place


def get(client, file, **options):
    return client.get(f"/files/{file.pk}/download/", **options)


@pytest.mark.parametrize("size", [0, 1, backend.BLOCK_SIZE, backend.BLOCK_SIZE * 2 + 1])
def test_the_bytes_come_back(as_owner, keep, size):
    content = os.urandom(size)
    response = get(as_owner, keep(content=content))
    assert response.status_code == 200
    assert response.headers["Content-Length"] == str(size)
    assert response.getvalue() == content


def test_they_come_in_large_blocks(as_owner, keep):
    response = get(as_owner, keep(content=b"x" * 600_000))
    assert [len(block) for block in response] == [*[65_536] * 9, 10_176]


def test_nothing_in_them_can_run(as_owner, keep):
    file = keep("page.html", b"<script>alert(1)</script>", content_type="text/html")
    headers = get(as_owner, file).headers
    assert headers["Content-Type"] == "text/html"
    assert headers["Content-Disposition"].startswith("attachment")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert "private" in headers["Cache-Control"]


@pytest.mark.machine
@pytest.mark.parametrize(
    ("filename", "disposition"),
    [
        ("notes.txt", 'attachment; filename="notes.txt"'),
        (
            "資料　版.pdf",
            f"attachment; filename=\"file.pdf\"; filename*=UTF-8''{quote('資料　版.pdf')}",
        ),
        ("👍.png", f"attachment; filename=\"file.png\"; filename*=UTF-8''{quote('👍.png')}"),
        ("CON.txt", 'attachment; filename="_CON.txt"'),
        ("a:b?.txt", 'attachment; filename="a_b_.txt"'),
        ('say "hi".txt', 'attachment; filename="say _hi_.txt"'),
        ("a;b.txt", 'attachment; filename="a;b.txt"'),
        ("a\r\nX-Evil: 1", 'attachment; filename="a X-Evil_ 1"'),
    ],
)
def test_the_name_works_everywhere(as_owner, file, filename, disposition):
    File.objects.filter(pk=file.pk).update(filename=filename)
    assert get(as_owner, file).headers["Content-Disposition"] == disposition


@pytest.mark.parametrize("stored", ["", "nonsense", "text/html\r\nX-Evil: 1", "日本/語"])
def test_a_type_of_an_old_row_cannot_break_the_answer(as_owner, file, stored):
    File.objects.filter(pk=file.pk).update(content_type=stored)
    assert get(as_owner, file).headers["Content-Type"] == "text/plain"


def test_head_sends_the_headers_alone(as_owner, keep, monkeypatch):
    file = keep(content=b"x" * 1000)
    monkeypatch.setattr(Download, "blocks", None)  # it would read the bytes
    response = as_owner.head(f"/files/{file.pk}/download/")
    assert response.status_code == 200
    assert response.headers["Content-Length"] == "1000"
    assert response.headers["Content-Disposition"] == 'attachment; filename="notes.txt"'
    assert response.content == b""


def test_missing_bytes_are_told_and_logged(as_owner, file, caplog):
    lose(file.storage_path)
    response = get(as_owner, file)
    assert response.status_code == 404
    assert "The content of “notes.txt” is missing" in response.content.decode()
    assert f"The bytes of file {file.pk} are missing." in caplog.text


@pytest.mark.parametrize("path", ["/etc/hostname", "../../etc/hostname", "", "x" * 400])
def test_a_path_of_an_old_row_never_leads_out(as_owner, file, path):
    File.objects.filter(pk=file.pk).update(storage_path=path)
    assert get(as_owner, file).status_code == 404


def test_unreadable_bytes_are_told_and_logged(as_owner, file, caplog, monkeypatch):
    def refuse(*args):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("files.storage.backend.open", refuse)
    response = get(as_owner, file)
    assert response.status_code == 503
    assert "could not read the content of" in response.content.decode()
    assert "Permission denied" in caplog.text


def test_bytes_of_another_length_are_told_and_logged(as_owner, file, caplog):
    place(file.storage_path, b"hel")
    response = get(as_owner, file)
    assert response.status_code == 503
    page = response.content.decode().replace("\xa0", " ")
    assert "is damaged: it has 3 bytes instead of 5 bytes" in page
    assert f"File {file.pk} has 3 bytes of 5." in caplog.text
    address = f"/files/{file.pk}/download/?as_it_is=yes"
    assert address in page
    assert as_owner.get(address).getvalue() == b"hel"


def test_somebody_elses_file_is_not_found(as_stranger, file):
    assert get(as_stranger, file).status_code == 404


def test_a_file_in_the_trash_is_not_found(as_owner, file):
    file.trash()
    assert get(as_owner, file).status_code == 404


def test_strangers_log_in_first(client, file):
    address = f"/files/{file.pk}/download/"
    assert client.get(address).url == f"/accounts/login/?next={address}"


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_other_verbs_are_refused(as_owner, file, method):
    assert getattr(as_owner, method)(f"/files/{file.pk}/download/").status_code == 405


def test_queries(as_owner, file, django_assert_max_num_queries):
    with django_assert_max_num_queries(3):
        get(as_owner, file)
