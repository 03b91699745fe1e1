"""Files with real bytes, and the browsers of the people around them."""

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from files import services, storage
from sessions_app.models import Session


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
    staged = storage.Staged()
    staged.write(content)
    return staged


@pytest.fixture
def keep(owner):
    """A function that keeps a file as an upload does; returns the File."""

    def keep(filename="notes.txt", content=b"hello", *, user=owner, **fields):
        return services.store(user=user, staged=stage(content), filename=filename, **fields)

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
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file()
    }
