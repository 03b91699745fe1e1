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
    with lock.hold_server_lock(), refused, lock.exclusive_access("python3 manage.py reset"):
        pytest.fail("it was let through")


def test_several_servers_may_run():
    refused = pytest.raises(CommandError, match="Camp is running here")
    with lock.hold_server_lock(), lock.hold_server_lock(), refused, lock.exclusive_access("again"):
        pytest.fail("it was let through")


def test_no_server_starts_meanwhile():
    refused = pytest.raises(CommandError, match="replacing the data")
    with lock.exclusive_access("again"), refused, lock.hold_server_lock():
        pytest.fail("it was let through")


def test_afterwards_both_work_again():
    with lock.hold_server_lock():
        pass
    with lock.exclusive_access("again"):
        pass
    with lock.hold_server_lock():
        pass


def test_the_folder_is_made(settings, tmp_path):
    settings.CAMP_DATA_DIR = tmp_path / "other"
    with lock.exclusive_access("again"):
        assert settings.CAMP_DATA_DIR.is_dir()
