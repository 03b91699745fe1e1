"""The cache in a file: what several processes, a full disk and a broken file do to it."""

import os
import stat
import subprocess
import sys

import pytest

from camp.cache import file_cache
from camp.cache.file_cache import FileCache

pytestmark = pytest.mark.machine
OTHER_PROCESS = """
import sys
from django.conf import settings
settings.configure()
from camp.cache.file_cache import FileCache
cache = FileCache(sys.argv[1], {})
for _ in range(200):
    cache.incr("count")
cache.delete("mine")
"""


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "cache.sqlite3"
    yield path
    if connection := file_cache._connections.pop(str(path), None):
        connection.close()


@pytest.fixture
def cache(path):
    return FileCache(path, {"OPTIONS": {"MAX_ENTRIES": 10}})


def test_processes_share_entries_and_lose_no_count(cache, path):
    cache.set_many({"count": 0, "mine": 1})
    command = [sys.executable, "-c", OTHER_PROCESS, str(path)]
    others = [subprocess.Popen(command) for _ in range(2)]
    assert [other.wait(30) for other in others] == [0, 0]
    assert cache.get_many(["count", "mine"]) == {"count": 400}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="POSIX")
def test_a_forked_process_opens_the_file_itself(cache):
    cache.set("key", "parent")
    child = os.fork()
    if not child:
        os._exit(0 if cache.get("key") == "parent" and cache.set("key", "child") else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert cache.get("key") == "child"


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX rights")
def test_only_its_owner_can_read_it(cache, path):
    cache.set("key", 1)
    rights = {file.stat().st_mode & 0o077 for file in path.parent.iterdir()}
    assert rights == {0}
    assert stat.S_ISREG(path.stat().st_mode)


def test_the_oldest_entries_make_room(cache):
    for number in range(12):
        cache.set(str(number), number)
    cache.set("2", "again")
    cache.set("12", 12)
    assert list(cache.get_many(map(str, range(13)))) == ["2", *map(str, range(4, 13))]


@pytest.mark.parametrize("broken", ["no database, but a text", None])
def test_without_a_usable_file_it_is_in_memory(path, broken):
    if broken:
        path.write_text(broken * 100)
    else:
        path.mkdir()
    cache = FileCache(path, {})
    assert cache.set("key", 1) is True
    assert cache.get("key") == 1
    if connection := file_cache._connections.pop(str(path)):
        connection.close()


def test_a_file_that_fails_later_counts_as_empty(cache, path):
    cache.set("key", 1)
    file_cache._connections[str(path)].execute("DROP TABLE entries")
    assert cache.get("key", "default") == "default"
    assert cache.add("key", 2) is True
    assert cache.get("key") == 2
