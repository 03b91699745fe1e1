"""One variable is written into an `.env` file; nothing else of it changes."""

import os
import sys

import pytest

from camp.config import env, env_file

pytestmark = pytest.mark.machine
NAME = "DATABASE_URL"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "DATABASE_URL=new\n"),
        ("A=1\n", "A=1\nDATABASE_URL=new\n"),
        ("A=1", "A=1\nDATABASE_URL=new\n"),
        ("A=1\r\nB=2\r\n", "A=1\r\nB=2\r\nDATABASE_URL=new\r\n"),
        ("\ufeff", "\ufeffDATABASE_URL=new\n"),
        ("\ufeffDATABASE_URL=old\r\nA=1\r\n", "\ufeffDATABASE_URL=new\r\nA=1\r\n"),
        ("# c\n\nDATABASE_URL=old\nA = 1  \n", "# c\n\nDATABASE_URL=new\nA = 1  \n"),
        ("DATABASE_URL=old", "DATABASE_URL=new"),
        ("DATABASE_URL=\nA=1\n", "DATABASE_URL=new\nA=1\n"),
        ("export DATABASE_URL = 'a # b' # mine\n", "export DATABASE_URL = new # mine\n"),
        ("DATABASE_URL=a#b # mine\n", "DATABASE_URL=new # mine\n"),
        ("#DATABASE_URL=old\n", "#DATABASE_URL=old\nDATABASE_URL=new\n"),
        ("MY_DATABASE_URL=old\n", "MY_DATABASE_URL=old\nDATABASE_URL=new\n"),
        ("DATABASE_URL=1\nA=1\nDATABASE_URL=2\n", "DATABASE_URL=new\nA=1\nDATABASE_URL=new\n"),
        ("A=日本語\x0bB\n", "A=日本語\x0bB\nDATABASE_URL=new\n"),
    ],
)
def test_only_its_line_changes(tmp_path, before, after):
    file = tmp_path / ".env.local"
    file.write_bytes(before.encode())

    env_file.set_variable(file, NAME, "new")

    assert file.read_bytes().decode() == after
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("before", ["", "\ufeffDATABASE_URL='old' # x\r\n", "DATABASE_URL=1\n" * 2])
def test_the_settings_read_what_was_written(tmp_path, monkeypatch, before):
    url = "postgresql://postgres:p4ss@127.0.0.1:5433/camp_backend_db"
    monkeypatch.delenv(NAME, raising=False)
    monkeypatch.setenv("CAMP_ENV_FILES", str(tmp_path / ".env.local"))
    (tmp_path / ".env.local").write_bytes(before.encode())

    env_file.set_variable(tmp_path / ".env.local", NAME, url)

    assert env.load(tmp_path).text(NAME) == url


def test_other_files_can_be_named(tmp_path, monkeypatch):
    monkeypatch.delenv("CAMP_ENV_FILES")
    assert env_file.paths(tmp_path) == [tmp_path / ".env.local", tmp_path / ".env"]
    monkeypatch.setenv("CAMP_ENV_FILES", os.pathsep.join(["one", "two"]))
    assert env_file.paths(tmp_path) == [tmp_path / "one", tmp_path / "two"]
    monkeypatch.setenv("CAMP_ENV_FILES", "")
    assert env_file.paths(tmp_path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX rights")
def test_a_new_file_is_its_owners_alone_and_an_old_one_keeps_its_rights(tmp_path):
    new, old = tmp_path / "new", tmp_path / "old"
    old.touch(mode=0o640)

    for file in (new, old):
        env_file.set_variable(file, NAME, "x")

    assert [file.stat().st_mode & 0o777 for file in (new, old)] == [0o600, 0o640]


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real").write_text("A=1\n")
    (tmp_path / "link").symlink_to("real")

    env_file.set_variable(tmp_path / "link", NAME, "x")

    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "A=1\nDATABASE_URL=x\n"


def test_a_failure_leaves_the_file_as_it_was(tmp_path, monkeypatch):
    file = tmp_path / ".env.local"
    file.write_text("A=1\n")

    def fail(*arguments):
        raise OSError("no room")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="no room"):
        env_file.set_variable(file, NAME, "x")

    assert file.read_text() == "A=1\n"
    assert list(tmp_path.iterdir()) == [file]
