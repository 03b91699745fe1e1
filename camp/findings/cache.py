"""Does Redis answer?"""

import os
import sys
import time
from urllib.parse import urlsplit

import redis
from django.conf import settings
from django.utils.translation import gettext as _

from camp.findings import ok, warning

ID = "cache"
PATIENCE = 1.0  # seconds, for the connection and for the answer
SLOW = 50  # milliseconds; a page asks several times


def look():
    """Yield whether it answers, and how fast."""
    if not settings.REDIS_URL:
        yield ok(ID, _("Redis is not set up, and is not needed: the cache is in memory"))
        return
    where = address(settings.REDIS_URL)
    try:
        milliseconds, version = ping(settings.REDIS_URL)
    except redis.AuthenticationError:
        title = _("Redis at %(address)s refuses the password of REDIS_URL") % {"address": where}
        fix = f"redis-cli {options(where)} --askpass ping"
        yield warning(ID, title, _("Camp works without it, slower."), fix)
    except (redis.RedisError, OSError) as problem:
        # The message may hold the address with the password in it.
        values = {"address": where, "why": type(problem).__name__}
        title = _("Redis at %(address)s does not answer (%(why)s)") % values
        yield warning(ID, title, _("Camp works without it, slower."), start_command(where))
    else:
        values = {"version": version, "address": where, "ms": f"{milliseconds:.1f}"}
        title = _("Redis %(version)s at %(address)s answers PONG (%(ms)s ms)") % values
        if milliseconds > SLOW:
            fix = f"redis-cli {options(where)} --latency"
            yield warning(ID, title, _("That is slow for a cache."), fix)
        else:
            yield ok(ID, title)


def ping(url):
    """Return how long an answer takes (ms), and the version; raises RedisError, OSError."""
    with redis.Redis.from_url(
        url, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE, retry=None
    ) as server:
        server.ping()  # connects
        begun = time.monotonic()
        server.ping()
        milliseconds = (time.monotonic() - begun) * 1000
        try:
            told = server.info("server")
        except redis.ResponseError:  # not every account may ask
            told = {}
    return milliseconds, told.get("valkey_version") or told.get("redis_version", "")


def address(url):
    """Return where the server is, without the password."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return parts.path
    return f"{parts.hostname or 'localhost'}:{parts.port or 6379}"


def options(where):
    """Return how redis-cli is told where the server is."""
    if where.startswith("/"):
        return f"-s {where}"
    host, _colon, port = where.rpartition(":")
    return f"-h {host} -p {port}"


def start_command(where):
    """Return the command that starts Redis here, or that asks another machine's."""
    if not where.startswith(("localhost:", "127.", "::1:", "/")):
        return f"redis-cli {options(where)} ping"
    if sys.platform == "darwin":
        return "brew services start redis"
    if os.path.isdir("/run/systemd/system"):
        return "sudo systemctl start redis-server"
    return f"redis-server --port {where.rpartition(':')[2]}" if ":" in where else "redis-server"
