"""Short-lived values that many requests share.

    await cache_manager.set("user:123", {"name": "John"}, expire=300)
    await cache_manager.get("user:123")
    await cache_manager.clear("user:*")

The same on local memory and on Redis, from async code and (`…_sync`) from sync code. An
entry may vanish at any moment, so nothing may be right only because it is here: see
camp.cache.backends for what happens while Redis is away.
"""

from collections.abc import Callable
from typing import Any

from asgiref.sync import sync_to_async
from django.core.cache import DEFAULT_CACHE_ALIAS, caches
from django.core.cache.backends.base import DEFAULT_TIMEOUT

_MISSING = object()


class CacheManager:
    """The cache of this project, by key; values are what JSON has.

    Keys are free text. Two processes of one installation share entries where the backend
    is Redis, and never with another project on the same server.
    """

    def set_sync(self, key: str, value: Any, expire: float | None = None) -> bool:
        """Keep `value` for `expire` seconds, by default for settings.CACHE_TTL.

        With 0 seconds or less the entry is removed. Returns whether it was done; False
        means that the cache is away. Raises TypeError for a value that JSON has not.
        """
        if expire is not None and expire <= 0:
            self.delete_sync(key)
            return True
        done = self._backend.set(key, value, DEFAULT_TIMEOUT if expire is None else expire)
        # Local memory has nothing to say about it, and never fails.
        return done is not False

    def get_sync(self, key: str, default: Any = None) -> Any:
        """Return the value, or `default` where there is none."""
        return self._backend.get(key, default)

    def delete_sync(self, key: str) -> bool:
        """Remove the entry; return whether there was one."""
        return bool(self._backend.delete(key))

    def clear_sync(self, pattern: str) -> int:
        """Remove the entries whose key matches a Redis glob; return how many there were.

        `*` stands for any text, `?` for one byte, `[ab]`, `[a-c]` and `[^a]` for one byte
        of a class; a backslash takes the next character as it stands.
        """
        return self._backend.delete_pattern(pattern)

    async def set(self, key: str, value: Any, expire: float | None = None) -> bool:
        """Do as `set_sync`, from async code."""
        return await _in_thread(self.set_sync)(key, value, expire)

    async def get(self, key: str, default: Any = None) -> Any:
        """Do as `get_sync`, from async code."""
        return await _in_thread(self.get_sync)(key, default)

    async def delete(self, key: str) -> bool:
        """Do as `delete_sync`, from async code."""
        return await _in_thread(self.delete_sync)(key)

    async def clear(self, pattern: str) -> int:
        """Do as `clear_sync`, from async code."""
        return await _in_thread(self.clear_sync)(pattern)

    @property
    def _backend(self):
        return caches[DEFAULT_CACHE_ALIAS]


def cached(key: str, expire: float | None, compute: Callable[[], Any]) -> Any:
    """Return the entry of `key`, computed by `compute()` and kept where there is none.

    `expire` is in seconds, None for settings.CACHE_TTL. Raises only what `compute` raises.
    """
    value = cache_manager.get_sync(key, _MISSING)
    if value is _MISSING:
        value = compute()
        cache_manager.set_sync(key, value, expire)
    return value


def _in_thread(function):
    # Unlike the database's connections, a cache may be used from any thread.
    return sync_to_async(function, thread_sensitive=False)


cache_manager = CacheManager()
