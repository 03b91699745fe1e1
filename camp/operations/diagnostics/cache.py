"""Does Redis answer, and does it accept writes?"""

import os
import sys
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import redis
from django.conf import settings
from django.utils.translation import gettext as _

from camp.cache.breaker import describe_error
from camp.web.findings import Finding, ok, warning

ID = "cache"
TIMEOUT = 1.0  # seconds, for the connection and for each answer
SLOW = 50  # milliseconds; a page asks several times


class WriteRefused(Exception):
    """Redis answers but rejects a write; `error` is its error, `info` its replication state."""

    def __init__(self, error: redis.ResponseError, info: dict[str, Any]) -> None:
        super().__init__(type(error).__name__)
        self.error, self.info = error, info


def check_cache() -> Iterator[Finding]:
    """Yield whether Redis answers, and how fast."""
    if not settings.REDIS_URL:
        yield ok(ID, _("Redis is not set up, and is not needed: the cache is a file"))
        return
    address = server_address(settings.REDIS_URL)
    detail = _("Camp works without it, slower.")
    try:
        milliseconds, version = measure_ping(settings.REDIS_URL)
    except redis.AuthenticationError:
        title = _("Redis at %(address)s refuses the password of REDIS_URL")
        fix = f"redis-cli {client_options(address)} --askpass ping"
        yield warning(ID, title % {"address": address}, detail, fix)
    except WriteRefused as refusal:
        yield explain_refused_write(address, refusal)
    except (redis.RedisError, OSError) as problem:
        # The message may contain the URL with the password.
        values = {"address": address, "why": type(problem).__name__}
        title = _("Redis at %(address)s does not answer (%(why)s)")
        yield warning(ID, title % values, detail, start_command(address))
    else:
        values = {"version": version, "address": address, "ms": f"{milliseconds:.1f}"}
        title = _("Redis %(version)s at %(address)s answers PONG (%(ms)s ms)") % values
        if milliseconds > SLOW:
            fix = f"redis-cli {client_options(address)} --latency"
            yield warning(ID, title, _("That is slow for a cache."), fix)
        else:
            yield ok(ID, title)


def explain_refused_write(address: str, refusal: WriteRefused) -> Finding:
    """Return the Finding for a Redis that answers but rejects writes."""
    problem, info = refusal.error, refusal.info
    values = {"address": address, "why": describe_error(problem)}
    detail, topic = "", "persistence"
    if isinstance(problem, redis.ReadOnlyError):
        title = _("Redis at %(address)s is a replica, which is read-only")
        primary = f"{info.get('master_host', '?')}:{info.get('master_port', '?')}"
        detail = _("Name its primary in REDIS_URL: %(primary)s.") % {"primary": primary}
        topic = "replication"
    elif isinstance(problem, redis.exceptions.OutOfMemoryError):
        title = _("Redis at %(address)s is out of memory")
        detail = _(
            "Give it more memory (maxmemory), or let it drop old entries (maxmemory-policy "
            "allkeys-lru)."
        )
        topic = "memory"
    elif isinstance(problem, redis.exceptions.NoPermissionError):
        title = _("The Redis user of REDIS_URL has no permission to write at %(address)s")
    else:
        title = _("Redis at %(address)s refuses to write (%(why)s)")
    is_permission = isinstance(problem, redis.exceptions.NoPermissionError)
    command = "ACL LIST" if is_permission else f"INFO {topic}"
    without = _("Camp works without it, slower.")
    detail = f"{detail} {without}".strip()
    return warning(ID, title % values, detail, f"redis-cli {client_options(address)} {command}")


def measure_ping(url: str) -> tuple[float, str]:
    """Return how long an answer takes (ms), and the server's version.

    Raises WriteRefused, RedisError, OSError.
    """
    with redis.Redis.from_url(
        url, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT, retry=None
    ) as server:
        # The account may be confined to the keys of this project.
        key = f"{settings.CACHES['default'].get('KEY_PREFIX', '')}:doctor"
        try:
            server.set(key, "", ex=1)  # connects
            start = time.monotonic()
            server.ping()
            milliseconds = (time.monotonic() - start) * 1000
        except redis.ResponseError as problem:
            raise WriteRefused(problem, read_info(server, "replication")) from None
        info = read_info(server, "server")
    return milliseconds, info.get("valkey_version") or info.get("redis_version", "")


def read_info(server: redis.Redis, section: str) -> dict[str, Any]:
    """Return a section of Redis's INFO, {} without permission."""
    try:
        return server.info(section)
    except redis.ResponseError:
        return {}


def server_address(url: str) -> str:
    """Return where the server is, without the password."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return parts.path
    return f"{parts.hostname or 'localhost'}:{parts.port or 6379}"


def client_options(address: str) -> str:
    """Return the options of redis-cli for a server."""
    if address.startswith("/"):
        return f"-s {address}"
    host, _colon, port = address.rpartition(":")
    return f"-h {host} -p {port}"


def start_command(address: str) -> str:
    """Return the command that starts a Redis on this machine, or asks another machine's."""
    if not address.startswith(("localhost:", "127.", "::1:", "/")):
        return f"redis-cli {client_options(address)} ping"
    if sys.platform == "darwin":
        return "brew services start redis"
    if os.path.isdir("/run/systemd/system"):
        return "sudo systemctl start redis-server"
    port = address.rpartition(":")[2]
    return f"redis-server --port {port}" if port.isdigit() else "redis-server"
