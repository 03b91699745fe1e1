"""Does Redis answer, and take what Camp gives it?"""

import os
import sys
import time
from urllib.parse import urlsplit

import redis
from django.conf import settings
from django.utils.translation import gettext as _

from camp.cache.breaker import describe_error
from camp.web.findings import ok, warning

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
    except RefusesWrites as refusal:
        yield refuses(where, refusal)
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


class RefusesWrites(Exception):
    """The server answers and takes no entry; `error` is what it said, `info` what it is like."""

    def __init__(self, error, info):
        super().__init__(type(error).__name__)
        self.error, self.info = error, info


def refuses(where, refusal):
    """Return the Finding for a server that answers and takes no entry."""
    error, info = refusal.error, refusal.info
    values = {"address": where, "why": describe_error(error)}
    without = _("Camp works without it, slower.")
    ask = f"redis-cli {options(where)} INFO {{}}"
    if isinstance(error, redis.ReadOnlyError):
        title = _("Redis at %(address)s is a replica, which takes no entries") % values
        primary = f"{info.get('master_host', '?')}:{info.get('master_port', '?')}"
        detail = _("Name its primary in REDIS_URL: %(primary)s.") % {"primary": primary}
        return warning(ID, title, f"{detail} {without}", ask.format("replication"))
    if isinstance(error, redis.exceptions.OutOfMemoryError):
        title = _("Redis at %(address)s is full and takes no entries") % values
        detail = _(
            "Give it more memory (maxmemory), or let it drop old entries (maxmemory-policy "
            "allkeys-lru)."
        )
        return warning(ID, title, f"{detail} {without}", ask.format("memory"))
    if isinstance(error, redis.exceptions.NoPermissionError):
        title = _("Redis at %(address)s lets the account of REDIS_URL write nothing") % values
        return warning(ID, title, without, f"redis-cli {options(where)} ACL LIST")
    title = _("Redis at %(address)s refuses to write (%(why)s)") % values
    return warning(ID, title, without, ask.format("persistence"))


def ping(url):
    """Return how long an answer takes (ms), and the version.

    Raises RefusesWrites where an entry is not taken, RedisError, OSError.
    """
    with redis.Redis.from_url(
        url, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE, retry=None
    ) as server:
        # An account may be confined to the keys of this project.
        key = f"{settings.CACHES['default'].get('KEY_PREFIX', '')}:doctor"
        try:
            server.set(key, "", ex=1)  # connects
            begun = time.monotonic()
            server.ping()
            milliseconds = (time.monotonic() - begun) * 1000
        except redis.ResponseError as error:
            raise RefusesWrites(error, about(server, "replication")) from None
        told = about(server, "server")
    return milliseconds, told.get("valkey_version") or told.get("redis_version", "")


def about(server, section):
    """Return what the server says of itself, {} where the account may not ask."""
    try:
        return server.info(section)
    except redis.ResponseError:
        return {}


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
