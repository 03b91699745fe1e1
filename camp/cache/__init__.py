"""The cache: `cache_manager`, as the database guide names it."""

from camp.cache.manager import cache_manager

__all__ = ["cache_manager"]
