"""Whether a port can be listened on."""

import socket

import pytest

from camp.operations.server import ports

pytestmark = pytest.mark.machine


@pytest.fixture(params=["127.0.0.1", "0.0.0.0"])
def used(request):
    """A port that this process listens on."""
    with socket.create_server((request.param, 0)) as server:
        yield server.getsockname()[1]


def test_a_port_in_use_is_named_and_another_found(used):
    assert ports.explain_conflict(used) == f"Port {used} is already in use."
    assert ports.explain_conflict(used, "0.0.0.0") == f"Port {used} is already in use."
    assert ports.find_free(used) != used


def test_a_port_that_was_just_left_is_free():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            server.accept()[0].close()

    assert ports.explain_conflict(port) == ""


def test_port_0_is_a_free_one():
    assert ports.reserve(0) > 0
