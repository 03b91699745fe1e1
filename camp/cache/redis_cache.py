"""The cache on a Redis that may be down.

It takes the same values and patterns as camp.cache.file_cache, and gives the same answers. Any
entry can be lost at any moment, so nothing may depend on one.
"""

import functools
import logging
from collections import defaultdict

from asgiref.sync import sync_to_async
from django_redis.cache import RedisCache
from redis.exceptions import RedisError

from camp.cache.breaker import CircuitBreaker

logger = logging.getLogger("camp.cache")

SCAN_BATCH = 1000  # keys
PING = ("ping", 1, 60)  # key, value, seconds


# What a method of the Redis cache returns while the server is down: a value, or a function
# of its arguments. Methods that are not listed return None.
FALLBACKS = {
    "get": lambda key, default=None, *args, **kwargs: default,
    "get_many": lambda *args, **kwargs: {},
    "has_key": False,
    "set": False,
    "add": False,
    "set_many": lambda data, *args, **kwargs: list(data),  # Django: the keys that failed
    "touch": False,
    "delete": False,
    "delete_many": 0,
    "delete_pattern": 0,
    "clear": False,
    "incr": lambda key, delta=1, *args, **kwargs: delta,
    "decr": lambda key, delta=1, *args, **kwargs: -delta,
    "ttl": 0,
    "keys": lambda *args, **kwargs: [],
}
READS = ("get", "get_many")


def with_fallback(name, method):
    """Return a cache method that gives its fallback while the server is down."""
    fallback = FALLBACKS.get(name)

    @functools.wraps(method)
    def call(self, *args, **kwargs):
        try:
            if self.reachable():
                return method(self, *args, **kwargs)
        except (RedisError, OSError) as error:
            self.breaker.open(error)
        except (ValueError, RecursionError) as error:
            if name not in READS:
                raise
            # Written by somebody else, or by a version of Camp that pickled.
            logger.warning("A cache entry is unreadable (%s).", type(error).__name__)
        return fallback(*args, **kwargs) if callable(fallback) else fallback

    return call


class ResilientRedisCache(RedisCache):
    """django-redis's cache with defined answers (FALLBACKS) while the server is down.

    A server that answers but refuses to write, such as a replica or a full one, counts as down.
    Deletions may have been missed meanwhile, so all entries of this project are deleted before
    the first read after an outage. An outage that this process did not notice leaves entries
    that others deleted for their remaining time, at most CACHE_TTL as a rule.
    """

    breakers: dict[str, CircuitBreaker] = defaultdict(CircuitBreaker)

    def __init__(self, server, params):
        options = {
            "SOCKET_CONNECT_TIMEOUT": 0.3,  # seconds; with the next line the most that a call takes
            "SOCKET_TIMEOUT": 0.5,
            **params.get("OPTIONS", {}),
            # Unpickling would let anyone who can write to Redis run code here.
            "SERIALIZER": "django_redis.serializers.json.JSONSerializer",
            "IGNORE_EXCEPTIONS": False,  # `with_fallback` handles them
        }
        super().__init__(server, {**params, "OPTIONS": options})
        self.breaker = self.breakers[str(server)]

    def reachable(self) -> bool:
        """Return whether to ask the server; raises RedisError, OSError if an attempt fails."""
        if not self.breaker.is_open:
            return True
        if not self.breaker.claim_attempt():
            return False
        RedisCache.set(self, *PING, version="health")
        # First let deletions through, then delete what missed some.
        self.breaker.close()
        RedisCache.delete_pattern(self, "*", itersize=SCAN_BATCH)
        logger.warning("Redis answers again; the entries of this project were deleted.")
        return True

    def ping(self) -> bool:
        """Return whether the server takes an entry; a replica or a full one only answers PING."""
        return bool(self.set(*PING, version="health"))

    def delete_pattern(self, pattern: str, version: int | None = None) -> int:
        """Delete the entries whose keys match the pattern; returns how many."""
        return super().delete_pattern(pattern, version=version, itersize=SCAN_BATCH)

    def clear(self):
        """Delete the entries of this project only; returns whether it was done."""
        RedisCache.delete_pattern(self, "*", itersize=SCAN_BATCH)
        return True

    def set_many(self, data, *args, **kwargs):
        """Store all entries; returns the keys that were not stored."""
        super().set_many(data, *args, **kwargs)
        return []

    async def aincr(self, key, delta=1, version=None):
        """Count in one step; Django's own reads and writes in two."""
        return await sync_to_async(self.incr)(key, delta, version)

    def lock(self, *args, **kwargs):
        """Refuse: a lock that disappears with the cache protects nothing."""
        raise NotImplementedError("Lock rows in the database instead of names in the cache.")


for _name in vars(RedisCache):
    if not (_name.startswith("_") or _name in ("client", "close", "lock")):
        _method = getattr(ResilientRedisCache, _name)
        setattr(ResilientRedisCache, _name, with_fallback(_name, _method))
