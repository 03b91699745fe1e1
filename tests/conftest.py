"""What all tests share: four people, storage and cache of their own, the real server."""

import sys
import uuid

import pytest
from django.conf import settings as camp_settings
from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.core.files.storage import storages

from tests.servers import NotAvailable

PASSWORD = "a good long password"


def pytest_configure():
    """Settings that only tests want."""
    # Hundreds of people are made; their passwords protect nothing.
    camp_settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.MD5PasswordHasher",
        *camp_settings.PASSWORD_HASHERS,
    ]
    # E-mails are sent before the answer, in the transaction of the test.
    camp_settings.BACKGROUND_JOBS_INLINE = True
    # Hashed names exist only after collectstatic.
    camp_settings.STORAGES["staticfiles"] = {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
    }
    camp_settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)


@pytest.fixture(scope="session")
def django_db_modify_db_settings():
    """Use a file for SQLite: in shared memory, threads meet locks that do not wait."""
    database = camp_settings.DATABASES["default"]
    if database["ENGINE"].endswith("sqlite3"):
        database["TEST"]["NAME"] = camp_settings.CAMP_DATA_DIR / "test.sqlite3"


@pytest.fixture(scope="session")
def s3_server():
    """The options of an object store on a local server, which starts once it is wanted."""
    from tests import object_store

    try:
        with object_store.running() as options:
            yield options
    except NotAvailable as reason:
        # No wheel brings one there; everywhere else its absence is a fault.
        if sys.platform == "darwin":
            pytest.skip(str(reason))
        raise


@pytest.fixture(autouse=True)
def own_storage(request, settings, tmp_path):
    """Give each test an empty storage: a folder, or an object store (see tests/files)."""
    settings.LOCAL_STORAGE_PATH = tmp_path / "storage"
    settings.UPLOAD_STAGING = settings.LOCAL_STORAGE_PATH / ".staging"
    settings.SETUP_TOKEN_FILE = tmp_path / "setup-token"
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": settings.LOCAL_STORAGE_PATH},
        },
    }
    if getattr(request, "param", None) == "s3":
        use_object_store(settings, request.getfixturevalue("s3_server"))


def use_object_store(settings, options):
    """Keep bytes in an object store, under a prefix that nothing has."""
    options = options | {"location": f"camp/{uuid.uuid4()}"}
    store = {"BACKEND": "tests.object_store.AgeingStore", "OPTIONS": options}
    settings.STORAGES = {**settings.STORAGES, "default": store}


@pytest.fixture
def object_store(settings, s3_server):
    """Have the bytes of this test in an object store; returns it."""
    use_object_store(settings, s3_server)
    return storages["default"]


@pytest.fixture(autouse=True)
def empty_cache():
    """Start each test with nothing in the cache."""
    cache.clear()


def person(name, **fields):
    """Make the user `name`, with the password `PASSWORD`."""
    return get_user_model().objects.create_user(name, f"{name}@example.org", PASSWORD, **fields)


@pytest.fixture
def owner(db):
    """The person whose things a test is about."""
    return person("owner")


@pytest.fixture
def member(db):
    """Another person of the same place."""
    return person("member")


@pytest.fixture
def stranger(db):
    """A person with no part in it."""
    return person("stranger")


@pytest.fixture
def organiser(db):
    """The administrator."""
    return person("organiser", is_staff=True, is_superuser=True)
