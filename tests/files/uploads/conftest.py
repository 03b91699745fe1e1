"""Somebody who uploads to a real server."""

import secrets

import pytest


@pytest.fixture(scope="module")
def member(camp_server):
    """Somebody new at the shared server; returns their name."""
    name = f"member{secrets.token_hex(4)}"
    camp_server.make_user(name)
    return name
