"""The two cache backends of Camp: local memory, and a Redis that may go away.

Both take the same patterns and answer alike, so that nothing above them has to know
which one is there. Neither is load-bearing: every entry can be lost at any moment.
"""

import functools
import json
import logging
import re

from asgiref.sync import sync_to_async
from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.locmem import LocMemCache
from django.core.serializers.json import DjangoJSONEncoder
from django_redis.cache import RedisCache
from redis.exceptions import RedisError, ResponseError

from camp.cache.breaker import Link
from camp.cache.globs import compile_glob

logger = logging.getLogger("camp.cache.manager")

# Seconds. A call to a server that hangs costs at most one of each, and only the first
# call of an outage is made; see camp.cache_link.
CONNECT_TIMEOUT = 0.3
ANSWER_TIMEOUT = 0.5
SCAN_BATCH = 1000  # keys
PING_EXPIRE = 60  # seconds


class LocalMemoryCache(LocMemCache):
    """Django's local-memory cache, with Redis's `delete_pattern`, for the same values."""

    def set(self, key, value, timeout=DEFAULT_TIMEOUT, version=None):
        """Keep what JSON has; raise TypeError for anything else, as on Redis."""
        json.dumps(value, cls=DjangoJSONEncoder)
        super().set(key, value, timeout, version)

    def delete_pattern(self, pattern: str, version: int | None = None) -> int:
        """Delete the entries whose key matches the glob; return how many were alive."""
        prefix = self.make_key("", version=version)
        matches = compile_glob(pattern.encode()).fullmatch
        with self._lock:
            keys = [
                key
                for key in self._cache
                if key.startswith(prefix) and matches(key[len(prefix) :].encode())
            ]
            alive = sum(not self._has_expired(key) for key in keys)
            for key in keys:
                self._delete(key)
        return alive

    def validate_key(self, key):
        """Take any key, as Redis does; Django warns about what memcached cannot hold."""


def guarded(method=None, *, away=None, reads=False):
    """Return a method of RedisCache that has an answer when the server has none.

    `away` is called with the method's arguments and gives that answer (None without it).
    A method that `reads` is not asked while stale entries may still be on the server.
    """
    if method is None:
        return functools.partial(guarded, away=away, reads=reads)

    @functools.wraps(method)
    def call(self, *args, **kwargs):
        link = self.link
        if link.usable(self, reads=reads):
            losses = link.losses
            try:
                if reads and link.proof_due():
                    self._prove()
                answer = method(self, *args, **kwargs)
                if not reads:
                    link.proved()
                # A new connection may have found a restarted server: its entries are old.
                if link.losses == losses:
                    return answer
            except (RedisError, OSError) as error:
                link.lost(error)
        return away(*args, **kwargs) if away else None

    return call


def _given_default(key, default=None, *args, **kwargs):
    return default


def _all_keys(data, *args, **kwargs):
    return list(data)


def _counted(sign):
    return lambda key, delta=1, *args, **kwargs: sign * delta


def _next_version(key, delta=1, version=None, *args, **kwargs):
    return (version or 1) + delta


def _no_keys(*args, **kwargs):
    return []


def _nothing(*args, **kwargs):
    return {}


def _no(*args, **kwargs):
    return False


def _zero(*args, **kwargs):
    return 0


def _set_many(cache, data, *args, **kwargs):
    """Store all entries; return the keys that were not stored: none."""
    RedisCache.set_many(cache, data, *args, **kwargs)
    return []


def _text(value):
    return value.decode() if isinstance(value, bytes) else (value or "")


def _ask(connection, *command):
    connection.send_command(*command)
    return connection.read_response()


def _run_id(info):
    found = re.search(r"run_id:(\w+)", _text(info))
    return found[1] if found else ""


class ResilientRedisCache(RedisCache):
    """django-redis's cache, which no page notices to be missing.

    While the server is away `get` gives the default, `get_many` {}, `set`, `add`, `touch`,
    `delete`, `clear` and `has_key` False, `set_many` the list of all its keys (as Django
    has it for keys that were not stored), `delete_many`, `delete_pattern`, `ttl` and
    `pttl` 0, and `incr` and `decr` the step itself, as if counting had just begun. What
    only Redis has (sets, hashes and the like) gives None.

    A server that answers and refuses to write, as a replica or a full one does, counts as away.
    Entries do not outlive an outage: they are deleted before the first read after it,
    since a log-out or a change may have missed them. A process that only reads writes an
    entry now and then, so that it notices when the server refuses what others delete. What
    remains: another process that still reaches the server, where this one does not, sees the
    old entry until this one is back; and a process that
    is itself restarted before the server is back has forgotten the outage, unless the
    server was restarted too, which is noticed.
    """

    def __init__(self, server, params):
        options = {
            "SOCKET_CONNECT_TIMEOUT": CONNECT_TIMEOUT,
            "SOCKET_TIMEOUT": ANSWER_TIMEOUT,
            **params.get("OPTIONS", {}),
            # Whoever writes to Redis could have a pickle run code here.
            "SERIALIZER": "django_redis.serializers.json.JSONSerializer",
            "IGNORE_EXCEPTIONS": False,  # the guard must see them
        }
        options["CONNECTION_POOL_KWARGS"] = {
            **options.get("CONNECTION_POOL_KWARGS", {}),
            "redis_connect_func": self.connected,
        }
        super().__init__(server, {**params, "OPTIONS": options})
        self.link = Link.to(str(server))
        # Outside of the entries' own names, so that deleting them all leaves it.
        self._run_key = f"{self.key_prefix}:{self.version}-server-run"
        self._ping_key = f"{self.key_prefix}:{self.version}-ping"

    def ping(self) -> bool:
        """Return whether the server takes entries; at once no while it is known to be away."""
        return self._ping() is True

    @guarded(reads=True)
    def _ping(self):
        self._prove()
        return True

    def _prove(self):
        """Write an entry: a replica and a full server answer PONG. Raises RedisError, OSError."""
        self.client.get_client().set(self._ping_key, "", ex=PING_EXPIRE)
        self.link.proved()

    def connected(self, connection):
        """Greet the server on a new connection; notice if it was restarted, or takes no entries.

        A restarted server may bring back entries from an old snapshot. The name of its
        run is therefore kept beside the entries. One that refuses to write has entries that a
        log-out could not delete.
        """
        connection.on_connect()
        try:
            run = _run_id(_ask(connection, "INFO", "server"))
            known = _text(_ask(connection, "GET", self._run_key))
        except ResponseError:
            # Not every account may ask; then a restart goes unnoticed.
            return
        if self.link.recovering_here():
            return
        if known and known != run:
            self.link.restarted()
            return
        try:
            _ask(connection, "SET", self._run_key, run)
        except ResponseError as error:
            self.link.lost(error)

    def recover(self):
        """Prove that the server answers, on a new connection. Raises RedisError, OSError."""
        client = self.client.get_client()
        # Idle connections may be dead without showing it.
        client.connection_pool.disconnect(inuse_connections=False)
        client.ping()

    def empty(self):
        """Delete this project's entries, and remember the run. Raises RedisError, OSError."""
        self._delete_matching("*")
        client = self.client.get_client()
        try:
            run = client.info("server").get("run_id", "")
        except ResponseError:
            return
        client.set(self._run_key, run)

    def _delete_matching(self, pattern, version=None):
        client = self.client.get_client()
        glob = self.client.make_pattern(pattern, version=version)
        count, batch = 0, []
        for key in client.scan_iter(match=glob, count=SCAN_BATCH):
            batch.append(key)
            if len(batch) >= SCAN_BATCH:
                count += client.unlink(*batch)
                batch = []
        return count + (client.unlink(*batch) if batch else 0)

    @guarded(away=_zero)
    def delete_pattern(self, pattern: str, version: int | None = None) -> int:
        """Delete the entries whose key matches the glob; return how many there were."""
        return self._delete_matching(pattern, version)

    @guarded(away=_no)
    def clear(self):
        """Delete this project's entries, and nobody else's; return whether it was done."""
        self._delete_matching("*")
        return True

    @guarded(away=_given_default, reads=True)
    def get(self, key, default=None, version=None):
        """Return the entry or `default`; one that is no JSON is missing."""
        return self._readable(super().get, default, key, default, version)

    @guarded(away=_nothing, reads=True)
    def get_many(self, keys, version=None):
        """Return the entries that are there, by key."""
        return self._readable(super().get_many, {}, list(keys), version)

    def _readable(self, read, unreadable, *args):
        try:
            return read(*args)
        except (RedisError, OSError):
            raise
        except Exception as error:
            # Left there by somebody else, or by a version of Camp that pickled.
            logger.warning("An entry of the cache is unreadable (%s).", type(error).__name__)
            return unreadable

    set = guarded(RedisCache.set, away=_no)
    add = guarded(RedisCache.add, away=_no)
    set_many = guarded(_set_many, away=_all_keys)
    touch = guarded(RedisCache.touch, away=_no)
    delete = guarded(RedisCache.delete, away=_no)
    delete_many = guarded(RedisCache.delete_many, away=_zero)
    has_key = guarded(RedisCache.has_key, away=_no, reads=True)
    incr = guarded(RedisCache.incr, away=_counted(1))
    decr = guarded(RedisCache.decr, away=_counted(-1))
    incr_version = guarded(RedisCache.incr_version, away=_next_version)
    ttl = guarded(RedisCache.ttl, away=_zero, reads=True)
    pttl = guarded(RedisCache.pttl, away=_zero, reads=True)
    keys = guarded(RedisCache.keys, away=_no_keys, reads=True)
    persist = guarded(RedisCache.persist, away=_no)
    expire = guarded(RedisCache.expire, away=_no)

    def iter_keys(self, *args, **kwargs):
        """Return an iterator over the keys that match; none while the server is away."""
        return iter(self.keys(*args, **kwargs))

    async def aincr(self, key, delta=1, version=None):
        """Do as `incr`: Django's own would read and write in two steps."""
        return await sync_to_async(self.incr)(key, delta, version)

    async def aset_many(self, data, timeout=DEFAULT_TIMEOUT, version=None):
        """Do as `set_many`, and so say which keys were not stored."""
        return await sync_to_async(self.set_many)(data, timeout, version)

    def lock(self, *args, **kwargs):
        """Refuse: a lock that vanishes with the cache protects nothing."""
        raise NotImplementedError("Lock rows in the database instead of names in the cache.")


# What only Redis has answers None while the server is away.
for _name, _method in list(vars(RedisCache).items()):
    if not (_name.startswith("_") or _name in ("client", "close", *vars(ResilientRedisCache))):
        setattr(ResilientRedisCache, _name, guarded(_method))
