"""Why a database gives no connection, in each troubled state."""

import socket
import threading

import pytest
from django.db import connection

from camp.operations.database import server
from camp.operations.diagnostics import runner
from camp.web.findings import ERROR, OK
from tests.servers import free_port


def execute(*statements):
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


@pytest.fixture
def listener():
    """A function that makes a server which says `words` to everybody; returns its port."""
    sockets = []

    def make(*words):
        listening = socket.create_server(("127.0.0.1", 0))
        sockets.append(listening)
        threading.Thread(target=answer, args=(listening, words), daemon=True).start()
        return listening.getsockname()[1]

    def answer(listening, words):
        while True:
            try:
                client, _address = listening.accept()
                sockets.append(client)
                for word in words:
                    client.recv(4096)
                    client.sendall(word)
            except OSError:
                return

    yield make
    for each in sockets:
        each.close()


@pytest.fixture
def configured(monkeypatch):
    """A function that changes the configured database; other threads see it too."""

    def change(**settings):
        for name, value in settings.items():
            monkeypatch.setitem(connection.settings_dict, name, value)

    return change


def of_database():
    """Return what a new connection to the configured database comes to."""
    told = runner.run_topics([topic for topic in runner.TOPICS if topic.name == "database"])
    return next(each for each in told if each.id == "database.connection")


@pytest.mark.postgresql
@pytest.mark.django_db
class TestPostgreSQL:
    def test_one_that_answers(self):
        told = of_database()
        assert told.level == OK
        assert "answers at 127.0.0.1:" in told.title

    def test_a_wrong_password(self, configured):
        configured(PASSWORD="s3cret")
        told = of_database()
        assert "rejects the login of the user camp" in told.title
        assert "\\password camp" in told.fix
        assert "s3cret" not in str(told)

    def test_no_password(self, configured):
        configured(PASSWORD="")
        assert "no password supplied" in of_database().title

    def test_a_missing_database(self, configured):
        configured(NAME="camp_nowhere")
        told = of_database()
        assert told.title.endswith("has no database camp_nowhere")
        assert "createdb" in told.fix
        assert told.fix.endswith("camp_nowhere")

    def test_a_user_who_may_not_come_in(self, configured):
        configured(NAME="camp_closed")
        with server.connect_for_maintenance() as other:
            other.execute("CREATE DATABASE camp_closed ALLOW_CONNECTIONS false")
        try:
            assert of_database().level == ERROR
        finally:
            server.drop("camp_closed")

    def test_a_port_where_nothing_is(self, configured):
        configured(PORT=free_port())
        told = of_database()
        assert "does not answer" in told.title
        assert "start" in told.fix or "init" in told.fix

    def test_a_machine_that_does_not_exist(self, configured):
        configured(HOST="nowhere.invalid")
        assert "nowhere.invalid" in of_database().title

    def test_a_port_that_something_else_has(self, configured, listener):
        configured(PORT=listener(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
        assert "invalid response" in of_database().title

    def test_a_server_that_is_silent(self, configured, listener):
        configured(PORT=listener())
        assert "does not answer" in of_database().title


@pytest.mark.sqlite
@pytest.mark.django_db(transaction=True)
class TestSQLite:
    def test_a_file_that_is_not_there(self, tmp_path):
        with server.connected_to(tmp_path / "missing.sqlite3"):
            told = of_database()
        assert "does not exist yet" in told.title
        assert told.fix.endswith("manage.py migrate")
        assert not (tmp_path / "missing.sqlite3").exists()

    def test_a_file_that_is_no_database(self, tmp_path):
        (tmp_path / "broken.sqlite3").write_bytes(b"not a database at all" * 100)
        with server.connected_to(tmp_path / "broken.sqlite3"):
            told = of_database()
        assert "is damaged" in told.title
        assert "reset" in told.fix

    def test_a_damaged_page_is_mended_by_a_backup(self, tmp_path, settings):
        file = tmp_path / "damaged.sqlite3"
        with server.connected_to(file):
            execute(
                "CREATE TABLE t (a TEXT)",
                f"INSERT INTO t VALUES {', '.join(['(hex(randomblob(900)))'] * 100)}",
                "PRAGMA wal_checkpoint(TRUNCATE)",
            )
        content = bytearray(file.read_bytes())
        content[8192:9000] = b"\xff" * 808
        file.write_bytes(content)
        settings.BACKUP_FOLDER = tmp_path
        (tmp_path / "backup_20261124_142233.tar").touch()
        with server.connected_to(file):
            told = of_database()
        assert "is damaged" in told.title
        assert "restore" in told.fix
        assert "backup_20261124_142233.tar" in told.fix
