"""`manage.py up` as a process: what it prints, what it answers, how it ends."""

import os
import re
import signal
import socket
import sys
import time
from http.client import HTTPConnection

import psutil
import pytest

from tests.servers import answers, free_port

pytestmark = pytest.mark.fault
SETUP_ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+/setup/[\w-]{43}/$", re.MULTILINE)


def get(server, path="/"):
    """Return the status of a page."""
    connection = HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request("GET", path, headers={"Host": "localhost"})
    return connection.getresponse().status


def refusal(server, *arguments):
    """Start a server that must not come up; return its only line."""
    server.launch(*arguments)
    assert server.process.wait(60) == 1
    assert server.output.count("\n") == 1, server.output
    return server.output


def test_it_answers_when_it_says_so(camp_server):
    assert f"Camp is ready: {camp_server.base_url}/" in camp_server.output
    assert get(camp_server) == 200
    assert get(camp_server, "/health/live") == 200


def test_a_second_start_has_nothing_to_prepare(make_camp_server):
    server = make_camp_server(migrated=False)
    (server.folder / "data" / "static.json").unlink(missing_ok=True)
    server.start()
    assert "migrations applied" in server.output
    assert "Collecting static files" in server.output
    server.stop()

    server.start()

    assert "migration" not in server.output
    assert "Collecting" not in server.output
    assert get(server) == 200


@pytest.mark.machine
def test_the_set_up_address_stays_the_same_until_there_is_an_administrator(make_camp_server):
    server = make_camp_server().start()
    first = SETUP_ADDRESS.findall(server.output)
    server.stop()
    second = SETUP_ADDRESS.findall(server.start().output)
    server.make_user("first", superuser=True)
    server.stop()
    server.start()

    assert len(first) == 1
    assert [address.split("/")[-2] for address in second] == [first[0].split("/")[-2]]
    assert "/setup/" not in server.output
    assert not (server.folder / "data" / "setup-token").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX rights")
def test_what_it_keeps_is_its_owners_alone(camp_server):
    data = camp_server.folder / "data"
    private = [data / "secret-key", data / "setup-token", data / "camp.sqlite3"]

    rights = {path.name: path.stat().st_mode & 0o077 for path in private if path.exists()}

    assert "setup-token" in rights
    assert set(rights.values()) == {0}


@pytest.mark.machine
def test_ctrl_c_stops_it_cleanly(make_camp_server):
    server = make_camp_server().start()
    pids = server.pids

    assert server.stop() == 0
    assert server.output.endswith("Camp has stopped.\n")
    assert "Traceback" not in server.output
    assert not [pid for pid in pids if alive(pid)]


@pytest.mark.machine
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to catch")
def test_sigterm_lets_a_request_under_way_end(make_camp_server):
    server = make_camp_server().start()
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        head = "POST /language/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 8\r\n"
        kind = "Content-Type: application/x-www-form-urlencoded\r\n\r\n"
        connection.sendall(f"{head}{kind}next".encode())
        time.sleep(0.5)
        server.process.terminate()
        time.sleep(0.5)
        connection.sendall(b"=%2F")

        answer = connection.recv(100)

    assert answer.startswith(b"HTTP/1.1 403")  # the token against forgery is missing
    assert server.process.wait(30) == 0


def test_it_starts_again_after_kill_9(make_camp_server):
    server = make_camp_server().start()

    server.restart()

    assert get(server) == 200


@pytest.mark.machine
@pytest.mark.skipif(sys.platform == "win32", reason="POSIX process groups")
def test_a_killed_parent_takes_the_server_with_it(make_camp_server):
    server = make_camp_server().start()
    pids = server.pids

    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait()

    _gone, left = psutil.wait_procs([psutil.Process(pid) for pid in pids if alive(pid)], 20)
    assert not left
    assert not answers(server.port)


@pytest.mark.machine
def test_a_taken_port_is_named_with_one_that_is_free(make_camp_server):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = make_camp_server()
        server.port = taken.getsockname()[1]
        line = refusal(server)

    assert f"Port {server.port} is already in use." in line
    assert re.search(r"with: (python3|py) manage\.py up --port \d+$", line)


@pytest.mark.machine
def test_an_address_of_another_machine_is_refused(make_camp_server):
    line = refusal(make_camp_server(), "--host", "192.0.2.7")

    assert "This machine has no address 192.0.2.7." in line
    assert "up --host 127.0.0.1" in line


@pytest.mark.machine
def test_an_unwritable_data_folder_is_named(make_camp_server, tmp_path):
    in_the_way = tmp_path / "data"
    in_the_way.touch()

    line = refusal(make_camp_server(LOCAL_STORAGE_PATH=str(in_the_way / "files")))

    assert f"Camp cannot write to its data folder {in_the_way / 'files'}" in line
    assert f"mv {in_the_way}" in line or f"move {in_the_way}" in line


@pytest.mark.machine
def test_a_data_folder_that_takes_no_secret_key_is_named(make_camp_server, tmp_path):
    in_the_way = tmp_path / "data"
    in_the_way.touch()

    line = refusal(make_camp_server(CAMP_DATA_DIR=str(in_the_way), SECRET_KEY=""))

    assert line.startswith(f"Camp cannot write to {in_the_way} (")
    assert f"mv {in_the_way}" in line or f"move {in_the_way}" in line


@pytest.mark.machine
def test_an_unreachable_database_is_named_without_its_password(make_camp_server):
    port = free_port()
    url = f"postgresql+asyncpg://camp:s3cret%40word@127.0.0.1:{port}/camp_backend_db"

    line = refusal(make_camp_server(DATABASE_URL=url))

    assert f"PostgreSQL at 127.0.0.1:{port} does not answer (Connection refused)" in line
    assert "start" in line or "init" in line
    assert "s3cret" not in line


@pytest.mark.machine
def test_a_bad_setting_is_named_without_its_value(make_camp_server):
    line = refusal(make_camp_server(DEBUG="ture"))

    assert "DEBUG must be on or off" in line
    assert "ture" not in line


@pytest.mark.machine
def test_every_command_names_an_unreachable_database(make_camp_server):
    server = make_camp_server(DATABASE_URL=f"postgresql://camp:s3cret@127.0.0.1:{free_port()}/camp")

    done = server.manage("migrate", check=False)

    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "does not answer" in done.stderr
    assert "s3cret" not in done.stderr


@pytest.mark.machine
def test_all_addresses_are_shown_as_one_that_a_browser_can_open(make_camp_server):
    server = make_camp_server().start("--host", "0.0.0.0")

    assert get(server) == 200
    assert f"Camp is ready: http://127.0.0.1:{server.port}/" in server.output


def alive(pid):
    """Return whether a process still runs; one that waits to be buried does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
