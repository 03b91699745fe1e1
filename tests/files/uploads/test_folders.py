"""A folder that is uploaded: its paths are kept, shown, searched and given back."""

import io
import json
import zipfile

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test.client import BOUNDARY, MULTIPART_CONTENT

from camp.fs.filenames import MAX_FOLDER, clean_folder
from files.models import File
from tests.files.uploads.test_tus import begin, create, metadata, patch

PATHS = ["src/app/main.py", "src/main.py", "src/lib/main.py"]


@pytest.mark.parametrize(
    ("path", "folder"),
    [
        ("main.py", ""),
        ("src/app/main.py", "src/app"),
        ("src\\app\\main.py", "src/app"),
        ("./src//app/main.py", "src/app"),
        ("カ\u3099イト\u3099/map.txt", "ガイド"),
        (".git/config", ".git"),
        ("a\r\nb\x00/c", "a b"),
        ("…/ /c", "…/_"),
        ("null", ""),
        ("/etc/passwd", ""),
        ("../../etc/passwd", ""),
        ("src/../../passwd", ""),
        ("C:\\Users\\me\\passwd", ""),
        ("\\\\server\\share\\passwd", ""),
    ],
)
def test_folders_are_clean_and_relative(path, folder):
    assert clean_folder(path) == folder


def send_form(client, paths, **headers):
    """Send a form with files of these paths, as browsers do for a folder that is chosen."""
    body = b"".join(
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="files"; filename="{path}"\r\n\r\n'
        f"bytes of {path}\r\n".encode()
        for path in paths
    )
    body += f"--{BOUNDARY}--\r\n".encode()
    return client.generic("POST", "/files/upload/", body, MULTIPART_CONTENT, headers=headers)


@pytest.fixture
def folder(as_owner):
    """Three files of one name in different folders; returns {path: File}."""
    answer = send_form(as_owner, PATHS, accept="application/json")
    assert [file["folder"] for file in answer.json()["files"]] == ["src/app", "src", "src/lib"]
    return {file.path: file for file in File.objects.all()}


def test_a_form_keeps_the_paths_and_the_pages_show_them(as_owner, folder):
    assert set(folder) == set(PATHS)
    app = folder["src/app/main.py"]
    shown = '<span class="folder">src/app/</span>main.py'
    assert shown in as_owner.get("/files/").content.decode()
    assert "src/app/main.py" in as_owner.get("/").content.decode()
    assert "src/app" in as_owner.get(f"/files/{app.pk}/").content.decode()
    app.trash()
    assert shown in as_owner.get("/files/trash/").content.decode()


def test_a_path_that_leads_elsewhere_has_no_folder(as_owner):
    send_form(as_owner, ["../../etc/passwd", "/etc/shadow", "<b>/&.txt"])
    assert [file.path for file in File.objects.order_by("pk")] == ["passwd", "shadow", "<b>/&.txt"]
    page = as_owner.get("/files/").content.decode()
    assert '<span class="folder">&lt;b&gt;/</span>&amp;.txt' in page


def test_a_folder_whose_path_is_too_long_is_refused(as_owner):
    path = "deep/" * (MAX_FOLDER // 4) + "a.txt"
    refused = create(as_owner, **{"Upload-Metadata": metadata(filename="a.txt", relativePath=path)})
    assert refused.status_code == 400
    assert "too long" in refused.content.decode()


def test_a_long_path_in_japanese_is_kept(as_owner):
    path = "/".join(["か\u3099っこうの資料" * 10] * 12)  # 2.9 kB as macOS writes it
    answer = send_form(as_owner, [f"{path}/{'名' * 84}.txt"], accept="application/json")
    assert answer.status_code == 201
    named = {"Upload-Metadata": metadata(filename="b.txt", relativePath=f"{path}/b.txt")}
    assert create(as_owner, 0, **named).status_code == 201
    assert [len(file.folder) for file in File.objects.all()] == [12 * 70 + 11] * 2


def test_tus_keeps_the_path_also_of_an_upload_in_pieces(as_owner):
    named = {"Upload-Metadata": metadata(filename="main.py", relativePath="src/app/main.py")}
    create(as_owner, 1, b"1", **named)
    address = begin(as_owner, 2, **named)
    assert "src/app/" in as_owner.get("/files/upload/").content.decode()
    patch(as_owner, address, 0, b"22")
    assert [file.path for file in File.objects.all()] == ["src/app/main.py"] * 2


def test_a_search_finds_folders_and_names_sort_by_path(as_owner, folder):
    found = as_owner.get("/files/", {"q": "app main"}).context["page"].rows
    assert [file.path for file in found] == ["src/app/main.py"]
    rows = as_owner.get("/files/", {"sort": "name"}).context["page"].rows
    assert [file.path for file in rows] == ["src/app/main.py", "src/lib/main.py", "src/main.py"]


def test_a_new_name_and_new_content_keep_the_folder(as_owner, folder):
    file = folder["src/app/main.py"]
    as_owner.post(f"/files/{file.pk}/rename/", {"filename": "run.py"})
    as_owner.post(f"/files/{file.pk}/replace/", {"files": SimpleUploadedFile("other.py", b"new")})
    file.refresh_from_db()
    assert (file.path, file.size) == ("src/app/run.py", 3)
    found = as_owner.get("/files/", {"q": "src/app/run"}).context["page"].rows
    assert [row.id for row in found] == [file.pk]


def test_a_zip_has_the_folders(as_owner, folder):
    paths = [*PATHS, "SRC/MAIN.PY", "src/app", "a:b/x.txt", "a?b/x.txt", "aux/x.txt"]
    send_form(as_owner, paths[3:])
    ids = list(File.objects.values_list("pk", flat=True))
    body = as_owner.get("/files/zip/", {"id": ids}).getvalue()
    archive = zipfile.ZipFile(io.BytesIO(body))
    assert archive.testzip() is None
    names = archive.namelist()
    assert set(PATHS[:1] + PATHS[2:]) < set(names)
    assert len({name.casefold() for name in names}) == len(paths)
    # Two that would overwrite each other on Windows, and a file beside a folder of its name
    assert {name.casefold() for name in names} >= {"src/main (2).py", "src/app (2)"}
    assert {"a_b/x.txt", "a_b/x (2).txt", "_aux/x.txt"} < set(names)


def test_the_export_of_a_session_names_the_folders(as_owner, folder, session):
    File.objects.update(session=session)
    base = f"/sessions/{session.session_id}"
    data = json.loads(as_owner.get(f"{base}/export.json").getvalue())
    assert [file["folder"] for file in data["files"]] == ["src/app", "src", "src/lib"]
    assert "- src/app/main.py (" in as_owner.get(f"{base}/export.md").getvalue().decode()
    assert '<span class="folder">src/app/</span>' in as_owner.get(f"{base}/").content.decode()
