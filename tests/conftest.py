"""Fixtures for all tests: four users, and an empty storage and cache for each test."""

import contextlib
import itertools
import shutil
import sys
import uuid

import pytest
from django.conf import settings as camp_settings
from django.contrib.auth import get_user_model
from django.core.cache import cache, caches
from django.core.files.storage import storages

from tests.servers import NotAvailable, temporary_folder

PASSWORD = "a good long password"


def pytest_configure():
    """Change settings for tests."""
    # Tests create thousands of users: a fast hash will do.
    camp_settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.MD5PasswordHasher",
        *camp_settings.PASSWORD_HASHERS,
    ]
    # Send e-mails before the response, in the transaction of the test.
    camp_settings.BACKGROUND_JOBS_INLINE = True
    # Names with hashes exist only after collectstatic.
    camp_settings.STORAGES["staticfiles"] = {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
    }
    camp_settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)


@pytest.fixture(scope="session")
def django_db_modify_db_settings():
    """Use a file for SQLite: locks of an in-memory database do not wait for other threads."""
    database = camp_settings.DATABASES["default"]
    if database["ENGINE"].endswith("sqlite3"):
        database["TEST"]["NAME"] = camp_settings.CAMP_DATA_DIR / "test.sqlite3"


@pytest.fixture(scope="session")
def s3_server():
    """The options of an object store on a local server, started on first use."""
    from tests import object_store

    try:
        with object_store.running() as options:
            yield options
    except NotAvailable as reason:
        # There is no wheel for Intel Macs; on other systems a missing server is an error.
        if sys.platform == "darwin":
            pytest.skip(str(reason))
        raise


@pytest.fixture(scope="session")
def new_folders():
    """Paths for new folders, in memory where there is room: each file kept there is synced."""
    with contextlib.ExitStack() as stack:
        parent = temporary_folder(stack, in_memory=True)
        yield (parent / str(number) for number in itertools.count())


@pytest.fixture(autouse=True)
def own_storage(request, settings, new_folders):
    """Empty storage: a folder, or an object store (see tests/files/conftest.py)."""
    folder = next(new_folders)
    folder.mkdir()
    settings.LOCAL_STORAGE_PATH = folder / "storage"
    settings.UPLOAD_STAGING = settings.LOCAL_STORAGE_PATH / ".staging"
    settings.SETUP_TOKEN_FILE = folder / "setup-token"
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": settings.LOCAL_STORAGE_PATH},
        },
    }
    if getattr(request, "param", None) == "s3":
        use_object_store(settings, request.getfixturevalue("s3_server"))
    yield
    shutil.rmtree(folder, ignore_errors=True)


def use_object_store(settings, options):
    """Point the settings at an object store, with a new prefix."""
    options = options | {"location": f"camp/{uuid.uuid4()}"}
    store = {"BACKEND": "tests.object_store.AgeingStore", "OPTIONS": options}
    settings.STORAGES = {**settings.STORAGES, "default": store}


@pytest.fixture
def object_store(settings, s3_server):
    """An object store as the storage of this test."""
    use_object_store(settings, s3_server)
    return storages["default"]


@pytest.fixture(autouse=True)
def empty_cache():
    """Empty the caches before each test: the data, and the parts of pages."""
    cache.clear()
    caches["template_fragments"].clear()


def person(name, **fields):
    """Create the user `name` with the password PASSWORD."""
    return get_user_model().objects.create_user(name, f"{name}@example.org", PASSWORD, **fields)


@pytest.fixture
def owner(db):
    """The user who owns what a test is about."""
    return person("owner")


@pytest.fixture
def member(db):
    """Another user of the same instance."""
    return person("member")


@pytest.fixture
def stranger(db):
    """A user with no access to it."""
    return person("stranger")


@pytest.fixture
def organiser(db):
    """The administrator."""
    return person("organiser", is_staff=True, is_superuser=True)
