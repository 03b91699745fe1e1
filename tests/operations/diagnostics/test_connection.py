"""Why a database gives no connection, in each troubled state."""

import socket
import threading

import pytest
from django.db import connection

from camp.operations.database import server as database
from camp.operations.diagnostics import registry, wire
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
        server = socket.create_server(("127.0.0.1", 0))
        sockets.append(server)
        threading.Thread(target=answer, args=(server, words), daemon=True).start()
        return server.getsockname()[1]

    def answer(server, words):
        while True:
            try:
                client, _address = server.accept()
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
    told = registry.gather(thorough=False)
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
        assert "refuses the password of the user camp" in told.title
        assert "\\password camp" in told.fix
        assert "s3cret" not in str(told)

    def test_no_password(self, configured):
        configured(PASSWORD="")
        assert "wants a password" in of_database().title

    def test_a_missing_database(self, configured):
        configured(NAME="camp_nowhere")
        told = of_database()
        assert told.title.endswith("has no database camp_nowhere")
        assert "createdb" in told.fix
        assert told.fix.endswith("camp_nowhere")

    def test_a_user_who_may_not_come_in(self, configured):
        configured(NAME="camp_closed")
        with database.maintenance() as server:
            server.execute("CREATE DATABASE camp_closed ALLOW_CONNECTIONS false")
        try:
            assert of_database().level == ERROR
        finally:
            database.drop("camp_closed")

    def test_a_port_where_nothing_is(self, configured):
        configured(PORT=free_port())
        told = of_database()
        assert "nothing answers there" in told.title
        assert "start" in told.fix or "init" in told.fix

    def test_a_machine_that_does_not_exist(self, configured):
        configured(HOST="nowhere.invalid")
        assert "no machine is called nowhere.invalid" in of_database().title

    def test_a_port_that_something_else_has(self, configured, listener):
        configured(PORT=listener(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
        told = of_database()
        assert "not answer as PostgreSQL does" in told.title or "is not PostgreSQL" in told.title

    def test_a_missing_user_whatever_language_the_server_speaks(self, configured, listener):
        words = 'ロール"camp"は存在しません'.encode()
        fields = b"SFATAL\0C28000\0M" + words + b"\0RInitializeSessionUserId\0\0"
        refusal = b"E" + (len(fields) + 4).to_bytes(4, "big") + fields
        configured(PORT=listener(b"N", refusal))
        told = of_database()
        assert "has no user camp who may log in" in told.title
        assert "createuser" in told.fix


class TestWire:
    """What answers, asked without the library."""

    def ask(self, port, **login):
        login = {"user": "camp", "name": "camp"} | login
        return wire.ask("127.0.0.1", port, wire.Login(**login), patience=0.3)

    def test_silence(self, listener):
        assert self.ask(listener()).kind == wire.SILENT

    @pytest.mark.parametrize("word", [b"HTTP/1.1 400", b"\x16\x03\x01", b"N", b"-ERR unknown\r\n"])
    def test_another_protocol(self, listener, word):
        assert self.ask(listener(word, b"junk" * 10)).kind == wire.STRANGE

    def test_a_password_asked_for_in_clear_is_not_given(self, listener):
        port = listener(b"N", b"R\0\0\0\x08\0\0\0\x03")
        assert self.ask(port, password="s3cret").kind == wire.WANTS_MORE

    def test_a_host_that_is_no_name(self):
        assert wire.ask("a" * 300, 1, wire.Login("a", "b")).kind == wire.UNKNOWN_HOST


@pytest.mark.sqlite
@pytest.mark.django_db(transaction=True)
class TestSQLite:
    def test_a_file_that_is_not_there(self, tmp_path):
        with database.connected_to(tmp_path / "missing.sqlite3"):
            told = of_database()
        assert "does not exist yet" in told.title
        assert told.fix.endswith("manage.py migrate")
        assert not (tmp_path / "missing.sqlite3").exists()

    def test_a_file_that_is_no_database(self, tmp_path):
        (tmp_path / "broken.sqlite3").write_bytes(b"not a database at all" * 100)
        with database.connected_to(tmp_path / "broken.sqlite3"):
            told = of_database()
        assert "is damaged" in told.title
        assert "reset" in told.fix

    def test_a_damaged_page_is_mended_by_a_backup(self, tmp_path, settings):
        file = tmp_path / "damaged.sqlite3"
        with database.connected_to(file):
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
        with database.connected_to(file):
            told = of_database()
        assert "is damaged" in told.title
        assert "restore" in told.fix
        assert "backup_20261124_142233.tar" in told.fix
