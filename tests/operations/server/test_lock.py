"""The instance lock: several servers, or one command that replaces the data."""

import pytest
from django.core.management import CommandError

from camp.operations.server import lock


@pytest.fixture(autouse=True)
def own_folder(settings, tmp_path):
    settings.CAMP_DATA_DIR = tmp_path / "data"
    settings.CAMP_DATA_DIR.mkdir()


def test_a_running_server_is_named():
    refused = pytest.raises(CommandError, match=r"process \d+.*manage.py reset")
    with lock.serving(), refused, lock.alone("python3 manage.py reset"):
        pytest.fail("it was let through")


def test_several_servers_may_run():
    refused = pytest.raises(CommandError, match="Camp is running here")
    with lock.serving(), lock.serving(), refused, lock.alone("again"):
        pytest.fail("it was let through")


def test_no_server_starts_meanwhile():
    refused = pytest.raises(CommandError, match="replacing the data")
    with lock.alone("again"), refused, lock.serving():
        pytest.fail("it was let through")


def test_afterwards_both_work_again():
    with lock.serving():
        pass
    with lock.alone("again"):
        pass
    with lock.serving():
        pass


def test_the_folder_is_made(settings, tmp_path):
    settings.CAMP_DATA_DIR = tmp_path / "other"
    with lock.alone("again"):
        assert settings.CAMP_DATA_DIR.is_dir()
