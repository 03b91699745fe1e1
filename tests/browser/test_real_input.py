"""Real files through the page and back: of this repository, and names as people give them."""

import hashlib
import re
import subprocess
import unicodedata
from collections import Counter
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.browser.conftest import sign_up

pytestmark = [pytest.mark.browser, pytest.mark.sqlite, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[2]
LEFT_OUT = {".git", ".venv", "var", "__pycache__", ".pytest_cache", ".ruff_cache"}
JAPANESE = [
    "合宿のしおり（最終版）.pdf",
    "写真　まとめ 2026年.zip",
    "ガイド～１日目.txt",
    unicodedata.normalize("NFD", "プログラム・ガイドブック.md"),
    "①②③㈱™.csv",
    "🏕️ キャンプ.txt",
    "表計算「予算」;最新.xlsx",
    "100% 完了 #1.txt",
    ".隠しファイル",
]


def repository_files():
    """Return every file of the repository: those git knows, or all of an exported tree."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode == 0:
        paths = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    else:
        paths = [
            path for path in ROOT.rglob("*") if not LEFT_OUT & set(path.relative_to(ROOT).parts)
        ]
    return [path for path in paths if path.is_file()]


def fingerprint(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def kept_files(person):
    """Return a Counter of (name, SHA-256) of all that the library gives back."""
    found = Counter()
    address = "/files/"
    while address:
        person.open(address)
        links = person.page.locator("main a[href$='/download/']")
        for path in {link.get_attribute("href") for link in links.all()}:
            answer = person.page.request.get(person.base_url + path)
            assert answer.status == 200
            found[(name_of(answer), hashlib.sha256(answer.body()).hexdigest())] += 1
        following = person.page.locator("a[rel=next]")
        address = f"/files/{following.get_attribute('href')}" if following.count() else ""
    return found


def name_of(answer):
    """Return the name under which a browser would save the answer (RFC 6266)."""
    header = answer.headers["content-disposition"]
    if found := re.search(r"filename\*=UTF-8''([^;]+)", header):
        return unquote(found[1])
    return re.search(r'filename="((?:[^"\\]|\\.)*)"', header)[1]


def upload(person, paths):
    """Choose the files on the upload page and wait until each of them is there."""
    person.open("/files/upload/")
    person.page.locator("main input[type=file]").set_input_files(paths)
    person.page.wait_for_function(
        "count => document.querySelectorAll('a[data-upload-name][href]').length === count",
        arg=len(paths),
        timeout=300_000,
    )


def test_hundreds_of_files_come_back_intact(visit):
    person = visit()
    sign_up(person)
    paths = repository_files()[::4]
    assert len(paths) > 100
    upload(person, paths)
    assert kept_files(person) == Counter((path.name, fingerprint(path)) for path in paths)


def test_japanese_names_come_back_as_they_were(visit, tmp_path):
    person = visit(locale="ja-JP")
    sign_up(person)
    paths = []
    for number, name in enumerate(JAPANESE):
        path = tmp_path / name
        path.write_bytes(f"{number} {name}".encode())
        paths.append(path)
    upload(person, paths)
    expected = Counter(
        (unicodedata.normalize("NFC", path.name), fingerprint(path)) for path in paths
    )
    assert kept_files(person) == expected
