"""One behaviour of the cache, on whichever backend the pass is run with."""

import pytest
from django.core.cache import cache, caches
from django.core.cache.backends.base import DEFAULT_TIMEOUT

from camp.cache import cache_manager, get_or_compute

pytestmark = pytest.mark.cache


def keys_kept(pattern, keys):
    """Store `keys`, clear `pattern`, and return which are left."""
    for key in keys:
        cache_manager.set_sync(key, True)
    cleared = cache_manager.clear_sync(pattern)
    left = {key for key in keys if cache_manager.get_sync(key)}
    assert cleared == len(keys) - len(left)
    return left


class TestAsync:
    async def test_a_value_comes_back(self):
        assert await cache_manager.set("user:123", {"name": "John"}, expire=300) is True
        assert await cache_manager.get("user:123") == {"name": "John"}

    async def test_a_missing_value_gives_the_default(self):
        assert await cache_manager.get("nobody") is None
        assert await cache_manager.get("nobody", "default") == "default"

    async def test_delete_says_whether_there_was_an_entry(self):
        await cache_manager.set("user:123", 1)
        assert await cache_manager.delete("user:123") is True
        assert await cache_manager.delete("user:123") is False
        assert await cache_manager.get("user:123") is None

    async def test_clear_counts_what_it_removed(self):
        for key in ("user:1", "user:2", "session:1"):
            await cache_manager.set(key, key)
        assert await cache_manager.clear("user:*") == 2
        assert await cache_manager.get("user:1") is None
        assert await cache_manager.get("session:1") == "session:1"

    async def test_sync_and_async_share_entries(self):
        await cache_manager.set("a", 1)
        assert cache.get("a") == 1


class TestSync:
    @pytest.mark.parametrize(
        "value", [0, False, "", None, 2**70, 1.5, "\x00", "東京", [1, {"a": [2]}], {"s": {}}]
    )
    def test_values_keep_their_type(self, value):
        assert cache_manager.set_sync("key", value) is True
        found = cache_manager.get_sync("key", "default")
        assert found == value
        assert type(found) is type(value)

    def test_a_stored_value_is_a_copy(self):
        value = {"name": "John"}
        cache_manager.set_sync("key", value)
        value["name"] = "Mary"
        assert cache_manager.get_sync("key") == {"name": "John"}

    @pytest.mark.parametrize("key", ["with space", "鍵", "x" * 400, "a\nb", "a:b:*?[c]\\d"])
    def test_any_text_is_a_key(self, key):
        cache_manager.set_sync(key, 1)
        assert cache_manager.get_sync(key) == 1
        assert cache_manager.delete_sync(key) is True

    @pytest.mark.parametrize("expire", [0, -1])
    def test_an_expiry_in_the_past_removes_the_entry(self, expire):
        cache_manager.set_sync("key", 1)
        assert cache_manager.set_sync("key", 2, expire=expire) is True
        assert cache_manager.get_sync("key") is None

    @pytest.mark.parametrize("value", [object(), lambda: None, {1, 2}, b"bytes"])
    def test_a_value_that_json_has_not_is_an_error_of_the_caller(self, value):
        with pytest.raises(TypeError):
            cache_manager.set_sync("key", value)

    def test_without_an_expiry_an_entry_lives_for_the_default_time(self, monkeypatch, settings):
        asked = []
        monkeypatch.setattr(
            type(caches["default"]), "set", lambda self, key, value, timeout: asked.append(timeout)
        )
        cache_manager.set_sync("key", 1)
        cache_manager.set_sync("key", 1, expire=30)
        assert asked == [DEFAULT_TIMEOUT, 30]
        assert caches["default"].default_timeout == settings.CACHE_TTL


PATTERNS = [
    ("*", ["a", "a:b", ""], []),
    ("user:*", ["user:", "user:1", "user:1:x\ny"], ["users:1", "xuser:1"]),
    ("*:1", ["a:1", ":1"], ["a:11", "1"]),
    ("a?c", ["abc", "a?c"], ["ac", "abbc"]),
    ("東*", ["東京", "東"], ["京都"]),
    ("[ab]x", ["ax", "bx"], ["cx", "x"]),
    ("a.c", ["a.c"], ["abc"]),
    ("exact", ["exact"], ["exactly", "inexact"]),
    ("", [""], ["a"]),
]


class TestClear:
    @pytest.mark.parametrize(("pattern", "hit", "missed"), PATTERNS)
    def test_patterns_mean_the_same_on_both_backends(self, pattern, hit, missed):
        assert keys_kept(pattern, [*hit, *missed]) == set(missed)

    def test_many_entries_go_at_once(self):
        cache.set_many({f"many:{number}": number for number in range(2500)})
        cache_manager.set_sync("one", 1)
        assert cache_manager.clear_sync("many:*") == 2500
        assert cache_manager.get_sync("one") == 1

    def test_other_versions_are_left_alone(self):
        cache.set("user:1", "old", version=7)
        cache_manager.set_sync("user:1", "new")
        assert cache_manager.clear_sync("*") == 1
        assert cache.get("user:1", version=7) == "old"
        cache.delete("user:1", version=7)

    def test_another_project_on_the_same_server_is_left_alone(self, monkeypatch):
        monkeypatch.setattr(caches["default"], "key_prefix", "camping")
        cache_manager.set_sync("user:1", "theirs")
        monkeypatch.undo()
        cache_manager.set_sync("user:1", "ours")
        assert cache_manager.clear_sync("*") == 1
        cache.clear()
        monkeypatch.setattr(caches["default"], "key_prefix", "camping")
        # Local memory has no other projects: clear() may empty it, clear("*") does not.
        assert cache_manager.delete_sync("user:1") is hasattr(caches["default"], "ping")

    def test_a_prefix_is_no_pattern(self, monkeypatch):
        cache_manager.set_sync("user:1", "ours")
        monkeypatch.setattr(caches["default"], "key_prefix", "c*")
        assert cache_manager.clear_sync("*") == 0
        monkeypatch.undo()
        assert cache_manager.get_sync("user:1") == "ours"


class TestCached:
    def test_a_value_is_computed_once(self):
        calls = []
        for _ in range(2):
            assert get_or_compute("sum", 60, lambda: calls.append(1) or len(calls)) == 1
        cache_manager.delete_sync("sum")
        assert get_or_compute("sum", 60, lambda: 5) == 5

    def test_nothing_is_a_value_too(self):
        assert get_or_compute("none", 60, lambda: None) is None
        assert get_or_compute("none", 60, lambda: pytest.fail("computed twice")) is None


class TestDjangosOwnOperations:
    """What other code, such as Django's sessions, asks of the same backend."""

    def test_add_keeps_what_is_there(self):
        assert cache.add("key", 1) is True
        assert cache.add("key", 2) is False
        assert cache.get("key") == 1

    def test_incr_counts_and_needs_an_entry(self):
        cache.set("count", 1)
        assert cache.incr("count", 2) == 3
        assert cache.decr("count") == 2
        with pytest.raises(ValueError, match="not found"):
            cache.incr("missing")

    async def test_incr_counts_from_async_code(self):
        await cache.aset("count", 1)
        assert await cache.aincr("count", 2) == 3
        assert await cache.adecr("count", 1) == 2

    def test_many_entries_are_set_read_and_deleted_at_once(self):
        assert cache.set_many({"a": 1, "b": 2}) == []
        assert cache.get_many(key for key in ("a", "b", "c")) == {"a": 1, "b": 2}
        cache.delete_many(["a", "b"])
        assert cache.get_many(["a", "b"]) == {}

    def test_touch_and_has_key_say_whether_there_is_an_entry(self):
        cache.set("a", 1)
        assert cache.touch("a", 100) is True
        assert cache.touch("b", 100) is False
        assert "a" in cache
        assert "b" not in cache

    def test_get_or_set_computes_once(self):
        assert cache.get_or_set("a", lambda: 1) == 1
        assert cache.get_or_set("a", lambda: 2) == 1
