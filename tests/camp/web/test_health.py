"""The two probes: what they say, and what they do not need."""

import threading

import pytest
from django.core.cache import caches
from django.db import DatabaseError, OperationalError, connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.urls import reverse

from camp.web import health

pytestmark = pytest.mark.cache

FINE = {"cache": "ok", "storage": "ok", "database": "ok", "migrations": "ok"}
# The checks run in a thread, with a connection that no test's transaction reaches.
real_transactions = pytest.mark.django_db(transaction=True)


@pytest.fixture
def no_database(monkeypatch):
    """A database that cannot be reached, whose complaint holds what nobody should read."""

    def refuse(self):
        raise OperationalError('connection to "db.internal" failed, password=hunter2')

    monkeypatch.setattr(BaseDatabaseWrapper, "ensure_connection", refuse)


class TestLive:
    def test_it_answers_without_a_database_or_a_log_in(self, client):
        response = client.get("/health/live")
        assert response.status_code == 200
        assert response.json() == {"status": "ok"}

    @pytest.mark.parametrize("name", ["health_live", "health_ready"])
    def test_the_address_of_a_probe_is_the_one_it_is_answered_at(self, name):
        assert reverse(name) in health.VIEWS


class TestReady:
    @real_transactions
    def test_everything_is_in_order(self, client):
        response = client.get("/health/ready")
        assert response.status_code == 200
        assert response.json() == {"status": "ok", "checks": FINE}
        assert response.headers["Cache-Control"] == "no-store"

    @real_transactions
    def test_the_storage_is_left_as_it_was(self, client, settings):
        client.get("/health/ready")
        assert list(settings.UPLOAD_STAGING.iterdir()) == []

    @real_transactions
    def test_a_storage_that_cannot_be_written_is_a_failure(self, client, settings, tmp_path):
        (tmp_path / "file").write_text("")
        settings.UPLOAD_STAGING = tmp_path / "file" / ".staging"
        response = client.get("/health/ready")
        assert response.status_code == 503
        assert response.json() == {"status": "failed", "checks": FINE | {"storage": "failed"}}

    @real_transactions
    def test_a_migration_that_is_not_applied_is_a_failure(self, client):
        recorder = MigrationRecorder(connection)
        newest = MigrationLoader(None).graph.leaf_nodes("files")[0]
        recorder.record_unapplied(*newest)
        try:
            response = client.get("/health/ready")
        finally:
            recorder.record_applied(*newest)
        assert response.status_code == 503
        assert response.json() == {"status": "failed", "checks": FINE | {"migrations": "failed"}}

    def test_a_database_that_is_away_is_a_failure_without_details(
        self, client, no_database, caplog
    ):
        response = client.get("/health/ready")
        assert response.status_code == 503
        failed = FINE | {"database": "failed", "migrations": "failed"}
        assert response.json() == {"status": "failed", "checks": failed}
        assert b"internal" not in response.content
        assert "Not ready: database" in caplog.text

    @real_transactions
    def test_a_cache_that_is_away_is_no_failure(self, client, monkeypatch):
        monkeypatch.setattr(type(caches["default"]), "ping", lambda self: False, False)
        response = client.get("/health/ready")
        assert response.status_code == 200
        assert response.json() == {"status": "degraded", "checks": FINE | {"cache": "degraded"}}

    def test_a_check_that_hangs_is_a_failure_in_bounded_time(self, client, monkeypatch):
        woken = threading.Event()
        calls = []

        def hang():
            calls.append(1)
            woken.wait(20)
            raise DatabaseError

        monkeypatch.setattr(health, "PATIENCE", 0.1)
        monkeypatch.setitem(health.CHECKS, "database", hang)
        answers = [client.get("/health/ready").json()["checks"] for _ in range(3)]
        woken.set()
        failed = FINE | {"database": "failed", "migrations": "failed"}
        assert answers == [failed] * 3
        # All three waited for the same check.
        assert calls == [1]


class TestBoth:
    @pytest.mark.parametrize("path", sorted(health.VIEWS))
    @pytest.mark.parametrize("method", ["post", "put", "patch", "delete", "options"])
    def test_a_wrong_verb_is_refused(self, client, path, method):
        response = getattr(client, method)(path)
        assert response.status_code == 405
        assert response.headers["Allow"] == "GET, HEAD"

    @real_transactions
    @pytest.mark.parametrize("path", sorted(health.VIEWS))
    def test_head_is_answered_without_a_body(self, client, path):
        response = client.head(path)
        assert response.status_code == 200
        assert response.content == b""

    @real_transactions
    @pytest.mark.parametrize("path", sorted(health.VIEWS))
    def test_a_balancer_asks_by_address_and_over_http(self, client, settings, path):
        settings.ALLOWED_HOSTS = ["camp.example.org"]
        settings.SECURE_SSL_REDIRECT = True
        response = client.get(path, headers={"host": "10.0.0.7:8000"})
        assert response.status_code == 200

    @real_transactions
    @pytest.mark.parametrize("path", sorted(health.VIEWS))
    def test_no_session_is_read_or_begun(self, client, path):
        client.cookies["camp_session"] = "somebody"
        response = client.get(path)
        assert not response.cookies
        assert "Cookie" not in response.headers.get("Vary", "")
