"""Camp on SQLite moves to its own PostgreSQL with everything that people keep."""

import contextlib
import os
import shutil
import subprocess

import psycopg
import pytest

from tests import servers
from tests.server_process import ROOT, manage

pytestmark = [pytest.mark.machine, pytest.mark.slow]

FILL = """
from accounts.models import User
from sessions_app.models import Session
user = User.objects.create_user("mika", "mika@example.org", "a good long password")
Session.objects.create(user=user, title="合宿の記録")
"""


@contextlib.contextmanager
def commands():
    """Yield a new data folder, and a function that runs manage.py commands on it.

    The function returns the finished process.
    """
    with contextlib.ExitStack() as stack:
        folder = servers.temporary_folder(stack, in_memory=True)
        folder.chmod(0o755)
        environment = os.environ | {
            "CAMP_ENV_FILES": str(folder / ".env.local"),
            "CAMP_DATA_DIR": str(folder / "data"),
        }
        for name in ("DATABASE_URL", "REDIS_URL"):
            environment.pop(name, None)

        def run(*words, check=True):
            return subprocess.run(
                [*manage(), *words], cwd=ROOT, env=environment, check=check,
                capture_output=True, encoding="utf-8", timeout=120,
            )  # fmt: skip

        yield folder / "data", run


@pytest.fixture(scope="module")
def filled():
    """A data folder with an account and a session in SQLite, to copy."""
    with commands() as (data, run):
        data.mkdir()
        run("migrate", "-v", "0")
        run("shell", "-v", "0", "-c", FILL)
        yield data


@pytest.fixture
def camp(filled):
    """A function that runs manage.py commands on a copy of `filled`."""
    with commands() as (data, run):
        shutil.copytree(filled, data)
        yield run
        run("postgres", "stop", check=False)


def titles(camp):
    """Return the titles of sessions in the PostgreSQL that Camp uses."""
    url = camp("postgres", "url").stdout.strip().partition("=")[2]
    with psycopg.connect(url) as session:
        return [title for (title,) in session.execute("SELECT title FROM sample_sessions")]


def test_init_moves_everything_with_one_command(camp):
    port = str(servers.free_port())
    done = camp("postgres", "init", "--write", "--move", "--port", port)
    assert "1 account was moved" in done.stdout
    assert titles(camp) == ["合宿の記録"]
    again = camp("postgres", "move", check=False)
    assert again.returncode == 1
    assert "has 1 account already: nothing was moved" in again.stderr


def test_people_left_in_sqlite_are_named_and_can_be_moved_later(camp):
    done = camp("postgres", "init", "--write", "--port", str(servers.free_port()))
    assert "has 1 account, which PostgreSQL does not have" in done.stdout
    assert "postgres init --write --move" in done.stdout
    assert "1 account was moved" in camp("postgres", "move").stdout
    assert titles(camp) == ["合宿の記録"]
    assert "does not have" not in camp("postgres", "init", "--write").stdout


def test_without_postgresql_the_command_says_how_to_make_one(camp):
    done = camp("postgres", "move", check=False)
    assert done.returncode == 1
    assert "postgres init --write --move" in done.stderr
