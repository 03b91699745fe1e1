"""The servers of the second pass, where the machine has none: those of the wheels."""

import os
import sys

import psycopg
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from camp.operations.local_postgres import programs
from tests import servers

pytestmark = [pytest.mark.slow, pytest.mark.machine]


@pytest.fixture
def bare_machine(monkeypatch):
    """A machine on which no server is installed."""
    monkeypatch.setenv("PATH", os.path.dirname(sys.executable))
    monkeypatch.setattr(programs, "FOLDERS", ())
    monkeypatch.setattr(servers, "REDIS_FOLDERS", ())


def test_postgresql_comes_from_its_wheel_and_goes_again(bare_machine):
    with servers.postgresql() as server:
        url = server.url.removesuffix("camp") + "postgres"
        with psycopg.connect(url) as connection:
            locale = connection.execute("SELECT lower('ÄÖÜ')").fetchone()

    assert locale == ("äöü",)
    assert server.version.startswith("PostgreSQL 18")
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url, connect_timeout=2)


def test_postgresql_asks_for_a_password(bare_machine):
    with servers.postgresql() as server:
        url = server.url.partition("@")[2].removesuffix("camp") + "postgres"

        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(f"postgresql://camp@{url}", connect_timeout=5)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such wheel for Windows")
def test_valkey_comes_from_its_wheel_and_asks_for_a_password(bare_machine):
    with servers.redis() as server:
        assert redis.Redis.from_url(server.url).ping()
        port = int(server.url.rpartition(":")[2].partition("/")[0])
        with pytest.raises(redis.AuthenticationError):
            redis.Redis(port=port, retry=Retry(NoBackoff(), 0)).ping()

    assert server.version.startswith("Valkey ")


def test_without_any_server_one_sentence_says_what_to_set(bare_machine, monkeypatch):
    monkeypatch.setattr(programs, "package_folder", lambda name: None)

    with pytest.raises(servers.NotAvailable, match="TEST_DATABASE_URL"), servers.postgresql():
        pass
    with pytest.raises(servers.NotAvailable, match="TEST_REDIS_URL"), servers.redis():
        pass
