"""The cache: see `camp.cache.manager`."""

from camp.cache.manager import cache_manager, cached

__all__ = ["cache_manager", "cached"]
