"""A session of the owner, and the browsers of the people around it."""

import pytest
from django.test import Client

from files.models import File
from sessions_app.models import Message, Session


@pytest.fixture
def as_owner(owner):
    """The owner's browser."""
    return browser(owner)


@pytest.fixture
def as_member(member):
    """A browser of somebody else, who may be a member."""
    return browser(member)


@pytest.fixture
def as_stranger(stranger):
    """The browser of somebody whose session it is not."""
    return browser(stranger)


def browser(user):
    """Return a client in which `user` is logged in."""
    client = Client(headers={"accept-language": "en"})
    client.force_login(user)
    return client


@pytest.fixture
def session(owner):
    """A session with two messages of the owner and one of an assistant."""
    session = Session.objects.create(user=owner, title="Summer camp")
    for role, content in (("user", "First"), ("assistant", "Second"), ("user", "Third")):
        author = owner if role == "user" else None
        Message.objects.create(session=session, author=author, role=role, content=content)
    return session


@pytest.fixture
def untitled(owner):
    """A new session of the owner."""
    return Session.objects.create(user=owner)


@pytest.fixture
def file(session, owner):
    """A file in the session."""
    return File.objects.create(
        user=owner,
        session=session,
        filename="地図.pdf",
        content_type="application/pdf",
        size=1234,
        sha256="ab" * 32,
        storage_path="ab/cd/map",
    )
