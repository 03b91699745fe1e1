"""Short-lived values that many requests share.

    await cache_manager.set("user:123", {"name": "John"}, expire=300)
    await cache_manager.get("user:123")
    await cache_manager.clear("user:*")

The same with `_sync` from sync code, in a file and on Redis. See camp.cache.redis_cache for
what happens while Redis is down.
"""

from collections.abc import Callable
from typing import Any

from asgiref.sync import sync_to_async
from django.core.cache import DEFAULT_CACHE_ALIAS, caches
from django.core.cache.backends.base import DEFAULT_TIMEOUT

_MISSING = object()


class CacheManager:
    """The cache of this project: any text is a key, values are JSON.

    The processes of one installation share entries, with Redis on all machines.
    """

    def set_sync(self, key: str, value: Any, expire: float | None = None) -> bool:
        """Keep `value` for `expire` seconds (default: settings.CACHE_TTL; 0 or less: remove it).

        Returns whether it was done: False while Redis is down. Raises TypeError for a value that
        is not JSON.
        """
        if expire is not None and expire <= 0:
            self.delete_sync(key)
            return True
        timeout = DEFAULT_TIMEOUT if expire is None else expire
        return bool(self._backend.set(key, value, timeout))

    def get_sync(self, key: str, default: Any = None) -> Any:
        """Return the value, or `default`."""
        return self._backend.get(key, default)

    def delete_sync(self, key: str) -> bool:
        """Remove the entry; return whether there was one."""
        return bool(self._backend.delete(key))

    def clear_sync(self, pattern: str) -> int:
        """Remove the entries whose keys match a pattern; returns how many.

        `*` is any text, `?` one character, `[ab]` one of several.
        """
        return self._backend.delete_pattern(pattern)

    # The same for async code. Unlike database connections, caches work in any thread.
    set = sync_to_async(set_sync, thread_sensitive=False)
    get = sync_to_async(get_sync, thread_sensitive=False)
    delete = sync_to_async(delete_sync, thread_sensitive=False)
    clear = sync_to_async(clear_sync, thread_sensitive=False)

    @property
    def _backend(self):
        return caches[DEFAULT_CACHE_ALIAS]


def get_or_compute(key: str, expire: float | None, compute: Callable[[], Any]) -> Any:
    """Return the entry of `key`; if there is none, keep what `compute()` returns.

    `expire` is in seconds, None means settings.CACHE_TTL. Raises only what `compute` raises.
    """
    value = cache_manager.get_sync(key, _MISSING)
    if value is _MISSING:
        value = compute()
        cache_manager.set_sync(key, value, expire)
    return value


cache_manager = CacheManager()
