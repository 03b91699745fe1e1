"""Files with real bytes, and the browsers of the people around them."""

import os
import time
from pathlib import Path

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from files.storage import backend, staging
from files.uploads import form
from sessions_app.models import Session

# Of these each test runs on a folder and, in the pass on SQLite, on an object store too.
# Those marked `folder` are about what only a folder has.
ON_BOTH = {
    f"test_{name}"
    for name in (
        "backend", "download", "file_check", "findings", "previews", "ranges", "replace",
        "store", "sweep", "trash", "tus", "tus_replace", "tus_single_request",
        "upload", "versions", "zips",
    )
}  # fmt: skip


# Here each set of parameters is another request to the store; elsewhere one is enough.
EVERY_CASE = {"test_backend", "test_ranges"}


def pytest_generate_tests(metafunc):
    """Have `own_storage` know both where it is asked for."""
    is_one = metafunc.module.__name__.rpartition(".")[2] in ON_BOTH
    left_out = metafunc.definition.get_closest_marker("folder") or "DATABASE_URL" in os.environ
    if is_one and not left_out:
        metafunc.parametrize("own_storage", ["folder", "s3"], indirect=True)


def pytest_collection_modifyitems(items):
    """Keep one case of each test with an object store."""
    seen, kept = set(), []
    for item in items:
        of_store = getattr(item, "callspec", None) and item.callspec.params.get("own_storage")
        if of_store == "s3" and item.module.__name__.rpartition(".")[2] not in EVERY_CASE:
            if item.parent.nodeid + item.originalname in seen:
                continue
            seen.add(item.parent.nodeid + item.originalname)
        kept.append(item)
    items[:] = kept


@pytest.fixture
def as_owner(owner):
    """The owner's browser."""
    return browser(owner)


@pytest.fixture
def as_stranger(stranger):
    """The browser of somebody whose files they are not."""
    return browser(stranger)


def browser(user, **options):
    """Return a client in which `user` is logged in."""
    client = Client(headers={"accept-language": "en"}, **options)
    client.force_login(user)
    return client


@pytest.fixture
def session(owner):
    """A session of the owner."""
    return Session.objects.create(user=owner, title="Summer camp")


@pytest.fixture
def foreign_session(stranger):
    """A session of somebody else."""
    return Session.objects.create(user=stranger, title="Secret")


def stage(content=b"hello"):
    """Return bytes in staging."""
    staged = staging.StagedBytes()
    staged.write(content)
    return staged


@pytest.fixture
def keep(owner):
    """A function that keeps a file as an upload does; returns the File."""

    def keep(filename="notes.txt", content=b"hello", *, user=owner, **fields):
        return form.store(user=user, staged=stage(content), filename=filename, **fields)

    return keep


@pytest.fixture
def file(keep):
    """A small file of the owner."""
    return keep()


def part(name="a.txt", content=b"hello", content_type="text/plain"):
    """Return a file as a form sends it."""
    return SimpleUploadedFile(name, content, content_type)


def stored():
    """Return the bytes of everything that lies in the storage, staging included, by path."""
    root = settings.LOCAL_STORAGE_PATH
    found = {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file()
    }
    if store := backend.object_store():
        found |= {name: store.open(name).read() for name, _size, _modified in store.listed()}
    return found


def place(path, content=b"x"):
    """Put bytes to a storage path, whatever it is and whatever lies there."""
    if store := backend.object_store():
        store.client.put_object(**store.target(path), Body=content)
        return
    file = settings.LOCAL_STORAGE_PATH / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)


def lose(path):
    """Have stored bytes be gone."""
    if store := backend.object_store():
        store.delete(path)
    else:
        (settings.LOCAL_STORAGE_PATH / path).unlink()


def age(path, seconds):
    """Have stored or staged bytes be so old, in an object store by what uploads take there."""
    store = backend.object_store()
    if store and not Path(path).is_absolute():
        store.ages[path] = seconds + backend.LONGEST_UPLOAD.total_seconds()
        return
    then = time.time() - seconds
    os.utime(settings.LOCAL_STORAGE_PATH / path, (then, then))
