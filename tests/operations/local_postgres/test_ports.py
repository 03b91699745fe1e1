"""Ports: whether one is free, and who has it."""

import os
import shutil
import socket
import subprocess
import sys

import pytest

from camp.operations.local_postgres import ports

pytestmark = pytest.mark.machine
NETSTAT = """
  Proto  Lokale Adresse         Remoteadresse          Status           PID
  TCP    127.0.0.1:15432        0.0.0.0:0              ABHÖREN          11
  TCP    127.0.0.1:50000        127.0.0.1:5432         HERGESTELLT      22
  TCP    127.0.0.1:5432         127.0.0.1:50000        HERGESTELLT      33
  TCP    0.0.0.0:5432           0.0.0.0:0              ABHÖREN          4711
"""


@pytest.fixture(params=["127.0.0.1", "0.0.0.0"])
def taken(request):
    """A port that this process listens on."""
    with socket.create_server((request.param, 0)) as server:
        yield server.getsockname()[1]


def test_a_port_in_use_is_not_free_and_its_process_is_named(taken):
    assert not ports.is_free(taken)
    assert ports.free_from(taken) != taken
    assert f"(process {os.getpid()})" in ports.process_on(taken)


def test_a_free_port_has_nobody():
    port = ports.free_from(20_000)

    assert ports.is_free(port)
    assert ports.process_on(port) == ""


def test_a_port_that_was_just_left_is_free():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            server.accept()[0].close()

    assert ports.is_free(port)


def test_of_netstats_lines_the_listeners_counts():
    assert ports._netstat_pid(NETSTAT, 5432) == "4711"
    assert ports._netstat_pid(NETSTAT, 50000) == ""


@pytest.mark.skipif(not shutil.which("lsof"), reason="there is no lsof")
def test_lsof_names_the_process_too(taken):
    assert f"(process {os.getpid()})" in ports._by_lsof(taken)


def test_a_process_has_a_program_and_a_folder(tmp_path):
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=-1, cwd=tmp_path) as process:
        name = ports.program_of(process.pid)
        folder = ports.working_folder(process.pid)
        process.communicate(b"\n")

    assert "python" in name.lower()
    assert folder in (None, tmp_path)
    assert ports.program_of(process.pid) == ""
