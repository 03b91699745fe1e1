"""Liveness and readiness probes for load balancers, containers and monitoring.

`/health/live`: the process answers. `/health/ready`: the database, its migrations and the storage
are in order (503 otherwise); it also reports the cache, which is optional. Neither reveals a host
or a cause; the log has those.
"""

import functools
import logging
import tempfile
import threading

from django.conf import settings
from django.core.cache import caches
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpResponseNotAllowed, JsonResponse

from camp.db.pending_migrations import find_pending_migrations

logger = logging.getLogger("camp.web.health")

PATIENCE = 3.0  # seconds for all checks together

OK, FAILED, DEGRADED = "ok", "failed", "degraded"


class HealthMiddleware:
    """Answer the probes before any other middleware.

    Load balancers probe by IP address, over plain HTTP and without a log-in: host validation,
    the HTTPS redirect and sessions do not apply to these two paths.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        view = VIEWS.get(request.path_info)
        return view(request) if view else self.get_response(request)


def live(request):
    """Return 200 without reading or writing anything."""
    return _answer(request, {"status": OK}, 200)


def ready(request):
    """Return 200 if Camp is ready, else 503, with the state of each part."""
    if request.method not in ("GET", "HEAD"):
        return _answer(request, {}, 405)
    checks = _probe.result()
    if FAILED in checks.values():
        return _answer(request, {"status": FAILED, "checks": checks}, 503)
    status = DEGRADED if DEGRADED in checks.values() else OK
    return _answer(request, {"status": status, "checks": checks}, 200)


VIEWS = {"/health/live": live, "/health/ready": ready}


def _answer(request, body, status):
    if request.method not in ("GET", "HEAD"):
        return HttpResponseNotAllowed(["GET", "HEAD"])
    return JsonResponse(body, status=status, headers={"Cache-Control": "no-store"})


class Probe:
    """Run the checks in a separate thread.

    A hanging database or network folder would block the request's thread forever. Concurrent
    probes share one run, so frequent probing costs no more.
    """

    def __init__(self):
        self._lock = threading.Lock()
        self._run: _Run | None = None

    def result(self) -> dict[str, str]:
        """Return {part: ok, failed or degraded} within PATIENCE seconds."""
        with self._lock:
            if self._run is None or self._run.done.is_set() or not self._run.is_alive():
                self._run = _Run()
                self._run.start()
            run = self._run
        if not run.done.wait(PATIENCE):
            logger.warning("Not ready: the checks take more than %s s.", PATIENCE)
        return {name: run.checks.get(name, FAILED) for name in CHECKS}


class _Run(threading.Thread):
    def __init__(self):
        super().__init__(name="health", daemon=True)
        self.checks: dict[str, str] = {}
        self.done = threading.Event()

    def run(self):
        """Run the checks; skip the migrations if the database failed."""
        try:
            for name, check in CHECKS.items():
                self.checks[name] = self.outcome(name, check)
                if name == "database" and self.checks[name] == FAILED:
                    break
        finally:
            connection.close()
            self.done.set()

    def outcome(self, name, check):
        try:
            return check()
        except Exception as error:
            logger.warning("Not ready: %s (%s)", name, error)
            return FAILED


def _cache():
    # Local memory is always there.
    ping = getattr(caches["default"], "ping", lambda: True)
    return OK if ping() else DEGRADED


def _storage():
    settings.UPLOAD_STAGING.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=settings.UPLOAD_STAGING) as file:
        file.write(b"camp")
    return OK


def _database():
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return OK


def _migrations():
    applied = MigrationRecorder(connection).applied_migrations()
    if _known_migrations() <= applied.keys():
        return OK
    pending = find_pending_migrations()
    if pending:
        logger.warning("Not ready: %s migrations are not applied.", len(pending))
    return FAILED if pending else OK


@functools.cache
def _known_migrations():
    return frozenset(MigrationLoader(None).disk_migrations)


# Checks that cannot hang come first, so that a hanging database does not hide them.
CHECKS = {
    "cache": _cache,
    "storage": _storage,
    "database": _database,
    "migrations": _migrations,
}
_probe = Probe()
