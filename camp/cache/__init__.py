"""The cache: see `camp.cache.manager`."""

from camp.cache.manager import cache_manager, get_or_compute

__all__ = ["cache_manager", "get_or_compute"]
