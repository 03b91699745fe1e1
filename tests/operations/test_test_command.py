"""`manage.py test`: both passes, one summary, an exit code to trust."""

import functools
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.machine]

ROOT = Path(__file__).resolve().parents[2]
TEST = """
import os
import pytest
from django.conf import settings
from django.core.cache import cache

BACKEND = os.environ["CAMP_TEST_BACKEND"]

def test_the_pass_has_its_own_database():
    engine = settings.DATABASES["default"]["ENGINE"].rpartition(".")[2]
    assert engine == {"sqlite": "sqlite3", "postgresql": "postgresql"}[BACKEND]

def test_nothing_of_the_machine_reaches_the_settings():
    assert settings.SIGNUP_OPEN and not settings.DEBUG
    assert settings.BASE_DIR not in settings.CAMP_DATA_DIR.parents

@pytest.mark.skipif(BACKEND == "sqlite", reason="for the count")
def test_only_on_postgresql():
    pass

def test_fails():
    assert "fail" not in os.environ.get("CAMP_TRIAL", "")
"""


@pytest.fixture
def suite(tmp_path):
    """A file of tests that the command is given."""
    file = tmp_path / "test_trial.py"
    file.write_text(TEST)
    return file


def run(*arguments, **environment):
    return subprocess.run(
        [sys.executable, ROOT / "manage.py", "test", *map(str, arguments)],
        env={**os.environ, "LC_ALL": "C.UTF-8", "SIGNUP": "closed", "DEBUG": "on", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )


def row(done, name):
    """Return the numbers of a pass in the summary."""
    return re.search(rf"^{name} +(\d+) +(\d+) +(\d+) +\d+ s  (.+)$", done.stdout, re.M).groups()


def test_it_runs_both_passes_and_adds_them_up(suite):
    done = run(suite, "-q")

    assert done.returncode == 0, done.stdout
    assert row(done, "SQLite")[:3] == ("3", "0", "1")
    assert row(done, "PostgreSQL")[:3] == ("4", "0", "0")
    assert re.search(r"PostgreSQL \d+\.\d+, (Redis|Valkey) \d", row(done, "PostgreSQL")[3])
    assert done.stdout.splitlines()[-1] == "7 passed, 0 failed, 1 skipped"


def test_a_failure_is_counted_and_ends_with_a_bad_code(suite):
    done = run(suite, "-q", "--only", "sqlite", CAMP_TRIAL="fail")

    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "2 passed, 1 failed, 1 skipped"


def test_options_it_does_not_know_go_to_pytest(suite):
    done = run(suite, "-k", "machine", "--only", "sqlite", "-vv")

    assert "::test_nothing_of_the_machine_reaches_the_settings" in done.stdout  # -vv
    assert done.stdout.splitlines()[-1] == "1 passed, 0 failed, 0 skipped"


DEPTHS = """
import pytest

def test_quick():
    pass

@pytest.mark.slow
def test_deep():
    pass
"""


@pytest.mark.parametrize(("options", "passed"), [([], 2), (["--deep"], 1), (["--all"], 2)])
def test_named_files_run_completely_unless_only_deep_tests_are_wanted(tmp_path, options, passed):
    file = tmp_path / "test_depths.py"
    file.write_text(DEPTHS)

    done = run(file, "-q", "--only", "sqlite", *options)

    assert done.stdout.splitlines()[-1] == f"{passed} passed, 0 failed, 0 skipped"


@functools.cache
def collect(backend, *options):
    """Return the tests of a pass, as pytest lists them; those of most folders are left out."""
    tests = ROOT / "tests"
    folders = [folder for folder in tests.glob("*/*/") if folder.name not in ("config", "cache")]
    folders += [tests / name for name in ("accounts", "browser", "docs", "files", "sessions_app")]
    ignored = [f"--ignore={folder}" for folder in folders]
    return run("--only", backend, "--collect-only", "-q", *options, *ignored).stdout


def test_the_suite_is_quick_and_its_deep_tests_are_an_option():
    this_file = Path(__file__).name + "::"

    assert this_file not in collect("sqlite")
    assert this_file in collect("sqlite", "--deep")


def test_what_needs_no_database_is_tested_once():
    sqlite, postgresql = collect("sqlite"), collect("postgresql")

    assert "camp/config/test_env.py::" in sqlite
    assert "camp/config/test_env.py::" not in postgresql
    assert all("camp/cache/test_manager.py::" in listed for listed in (sqlite, postgresql))
    assert all("tests/test_pages.py::" in listed for listed in (sqlite, postgresql))


def test_a_run_without_a_test_is_no_success(suite):
    done = run(suite, "-q", "-k", "nothing_like_it", "--only", "sqlite")

    assert done.returncode == 1
    assert "SQLite: no test ran." in done.stdout


def test_a_pass_that_cannot_start_says_why_in_a_sentence(suite):
    url = "postgresql://camp:s3cret@127.0.0.1:1/camp"

    done = run(suite, "-q", "--only", "postgresql", TEST_DATABASE_URL=url)

    assert done.returncode == 1
    assert "The server of TEST_DATABASE_URL gives no connection" in done.stdout
    assert "PostgreSQL: the suite did not start" in done.stdout
    assert "s3cret" not in done.stdout
    assert "Traceback" not in done.stdout
