"""A whole place for tests that replace it: made once, and a copy for each test."""

import functools
import shutil
from types import SimpleNamespace

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import override_settings

from camp.operations.database import server
from tests.operations.backup import places


@pytest.fixture(scope="session")
def furnished(django_db_blocker, tmp_path_factory):
    """Somebody's place as `place` begins: its `database`, `storage` and `archive`."""
    folder = tmp_path_factory.mktemp("furnished")
    folders = {
        "CAMP_DATA_DIR": folder,
        "BACKUP_FOLDER": folder / "backups",
        "LOCAL_STORAGE_PATH": folder / "storage",
    }
    is_file = connection.vendor == "sqlite"
    name = folder / "camp.sqlite3" if is_file else places.TEMPLATE
    with django_db_blocker.unblock():
        places.drop_all(name)
        places.make(name)
        with server.connected_to(name), override_settings(**folders):
            call_command("migrate", verbosity=0)
            places.furnish()
            archive = places.archive()
    yield SimpleNamespace(database=name, storage=folder / "storage", archive=archive)
    with django_db_blocker.unblock():
        places.drop_all(name)


@pytest.fixture
def place(furnished, django_db_blocker, settings, tmp_path):
    """A copy of somebody's place, which is all that Camp knows; returns what confirms."""
    settings.CAMP_DATA_DIR = tmp_path / "data"
    settings.CAMP_DATA_DIR.mkdir()
    settings.BACKUP_FOLDER = tmp_path / "backups"
    shutil.copytree(furnished.storage, settings.LOCAL_STORAGE_PATH)
    is_file = connection.vendor == "sqlite"
    name = settings.CAMP_DATA_DIR / f"{places.NAME}.sqlite3" if is_file else places.NAME
    copy = functools.partial(places.copy, furnished.database)
    with django_db_blocker.unblock(), places.kept_apart(name, copy):
        yield name.name if is_file else name


@pytest.fixture
def archive(furnished, place, settings):
    """A backup of the place, made before the test."""
    settings.BACKUP_FOLDER.mkdir()
    return shutil.copy(furnished.archive, settings.BACKUP_FOLDER / furnished.archive.name)
