"""Connections in constant use are checked less often, and lost ones are still noticed."""

from contextlib import closing
from urllib.request import urlopen

import pytest
from django.db import close_old_connections, connection

from camp.db import health_checks

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def begin_request(monkeypatch):
    """Return a function that does what begins a request in a server."""
    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", 60)
    monkeypatch.setitem(connection.settings_dict, "CONN_HEALTH_CHECKS", True)
    connection.close()

    def begin():
        close_old_connections()
        health_checks.skip_health_check()

    yield begin
    connection.close()


def backend_pid():
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return cursor.fetchone()[0]


def end_connection(pid):
    """End a connection as a restart of the server does."""
    with closing(connection.copy()) as other, other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])


def test_a_used_connection_is_not_asked_again(begin_request, monkeypatch):
    begin_request()
    pid = backend_pid()
    begin_request()
    monkeypatch.setattr(connection, "is_usable", lambda: pytest.fail("asked"))
    begin_request()
    assert backend_pid() == pid


def test_it_is_asked_after_a_while(begin_request, monkeypatch):
    backend_pid()
    begin_request()
    begin_request()
    monkeypatch.setattr(health_checks, "CHECK_INTERVAL", 0)
    begin_request()
    asked = []
    monkeypatch.setattr(connection, "is_usable", lambda: asked.append(1) or True)
    backend_pid()
    assert asked


def test_an_ended_connection_is_replaced(begin_request):
    backend_pid()
    begin_request()
    pid = backend_pid()
    end_connection(pid)
    begin_request()
    assert backend_pid() != pid


@pytest.mark.fault
def test_a_server_goes_on_after_its_connections_end(make_camp_server):
    server = make_camp_server().start()
    page = f"{server.base_url}/health/ready"
    for _ in range(3):
        assert urlopen(page).status == 200
        assert server.query(
            "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        assert urlopen(page).status == 200
