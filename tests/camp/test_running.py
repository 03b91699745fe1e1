"""Servers, and commands that must be alone with the data."""

import pytest
from django.core.management import CommandError

from camp import running


@pytest.fixture(autouse=True)
def own_folder(settings, tmp_path):
    settings.CAMP_DATA_DIR = tmp_path / "data"
    settings.CAMP_DATA_DIR.mkdir()


def test_a_running_server_is_named():
    refused = pytest.raises(CommandError, match=r"process \d+.*manage.py reset")
    with running.serving(), refused, running.alone("python3 manage.py reset"):
        pytest.fail("it was let through")


def test_several_servers_may_run():
    with running.serving(), running.serving():
        assert running.is_serving()
    assert not running.is_serving()


def test_no_server_starts_meanwhile():
    refused = pytest.raises(CommandError, match="replacing the data")
    with running.alone("again"), refused, running.serving():
        pytest.fail("it was let through")


def test_afterwards_both_work_again():
    with running.serving():
        pass
    with running.alone("again"):
        pass
    with running.serving():
        pass


def test_the_folder_is_made(settings, tmp_path):
    settings.CAMP_DATA_DIR = tmp_path / "other"
    with running.alone("again"):
        assert settings.CAMP_DATA_DIR.is_dir()
