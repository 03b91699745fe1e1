"""Redis stops, hangs, is killed and comes back while people work."""

import pickle
import signal
import statistics
import threading
import time
import zlib

import pytest
from django.core.cache import cache
from django.http import HttpResponse
from django.urls import path

from camp.cache import breaker, cache_manager, get_or_compute
from tests.camp.cache.redis_process import PASSWORD, RedisProcess

pytestmark = pytest.mark.fault
can_hang = pytest.mark.skipif(
    not hasattr(signal, "SIGSTOP"), reason="This system cannot make a process hang."
)

ran = []


class RunsCode:
    """Runs code in whoever unpickles it."""

    def __reduce__(self):
        return ran.append, ("here",)


def who(request):
    """Say who is logged in."""
    return HttpResponse(f"{request.user.pk}")


def busy(request):
    """Ask the cache as often as a page might."""
    return HttpResponse(str([cache.get(f"key{number}", 0) for number in range(20)]))


urlpatterns = [path("who/", who), path("busy/", busy)]


@pytest.fixture
def server(tmp_path_factory, settings, monkeypatch):
    """A server that the cache of this test is on; not started yet."""
    process = RedisProcess(tmp_path_factory.mktemp("redis"))
    monkeypatch.setattr(breaker, "RETRY_AFTER", 0.2)
    settings.CACHES = {
        "default": {
            "BACKEND": "camp.cache.redis_cache.ResilientRedisCache",
            "LOCATION": process.url,
            "KEY_PREFIX": "camp",
        }
    }
    yield process
    process.close()


@pytest.fixture
def started(server):
    """The same, started and in use."""
    server.start()
    # The first answers of a busy machine can come too late.
    wait_until(lambda: cache.set("user:1", "known"))
    return server


def wait_until(condition):
    """Wait for what happens in the background."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def wait_until_used_again():
    """Wait until the cache keeps values again, as the next request might find it."""
    wait_until(lambda: cache.set("probe", 1) and cache.get("probe") == 1)


ANSWERS = [
    (lambda: cache.get("user:1"), None),
    (lambda: cache.get("user:1", "default"), "default"),
    (lambda: cache.get_many(["user:1"]), {}),
    (lambda: cache.has_key("user:1"), False),
    (lambda: cache.set("user:1", 1), False),
    (lambda: cache.add("user:1", 1), False),
    (lambda: cache.touch("user:1"), False),
    (lambda: cache.set_many({"a": 1, "b": 2}), ["a", "b"]),
    (lambda: cache.delete("user:1"), False),
    (lambda: cache.delete_many(["user:1"]), 0),
    (lambda: cache.delete_pattern("*"), 0),
    (lambda: cache.clear(), False),
    (lambda: cache.incr("count"), 1),
    (lambda: cache.incr("count", 5), 5),
    (lambda: cache.decr("count"), -1),
    (lambda: cache.ttl("user:1"), 0),
    (lambda: cache.keys("*"), []),
    (lambda: cache.sadd("set", 1), None),
    (lambda: cache.hset("hash", "field", 1), None),
    (lambda: cache.get_or_set("user:1", lambda: "made"), "made"),
    (lambda: cache_manager.set_sync("user:1", 1), False),
    (lambda: cache_manager.get_sync("user:1", "default"), "default"),
    (lambda: cache_manager.delete_sync("user:1"), False),
    (lambda: cache_manager.clear_sync("user:*"), 0),
    (lambda: get_or_compute("user:1", 60, lambda: "made"), "made"),
]


class TestAnswers:
    @pytest.mark.parametrize(("ask", "answer"), ANSWERS)
    def test_each_operation_has_one_when_the_server_was_never_there(self, server, ask, answer):
        assert [ask(), ask()] == [answer, answer]

    def test_each_operation_has_one_when_the_server_was_killed(self, started):
        started.kill()
        assert [ask() for ask, _ in ANSWERS] == [answer for _, answer in ANSWERS]

    async def test_async_code_gets_the_same(self, server):
        assert await cache_manager.set("user:1", 1) is False
        assert await cache_manager.get("user:1", "default") == "default"
        assert await cache_manager.delete("user:1") is False
        assert await cache_manager.clear("user:*") == 0
        assert await cache.aincr("count", 2) == 2

    def test_a_lock_in_the_cache_is_refused(self, server):
        with pytest.raises(NotImplementedError):
            cache.lock("name")


class TestReturn:
    def test_a_server_that_starts_late_is_used(self, server):
        assert cache.set("user:1", 1) is False
        server.start()
        wait_until_used_again()

    def test_a_server_that_was_killed_is_used_again(self, started):
        started.kill()
        assert cache.get("user:1") is None
        started.start()
        wait_until_used_again()

    def test_a_restart_that_nobody_noticed_costs_nothing(self, started):
        started.kill()
        started.start()
        wait_until_used_again()

    @can_hang
    def test_a_server_that_hung_is_used_again(self, started):
        started.hang()
        assert cache.get("user:1") is None
        started.wake()
        wait_until_used_again()

    def test_one_line_tells_of_the_loss_and_one_of_the_return(self, started, caplog):
        caplog.clear()
        started.kill()
        for _ in range(5):
            cache.get("user:1")
        started.start()
        wait_until_used_again()
        lines = [record.getMessage() for record in caplog.records if record.name == "camp.cache"]
        assert len(lines) == 2
        assert "does not answer" in lines[0]
        assert "answers again" in lines[1]
        assert PASSWORD not in caplog.text

    def test_a_wrong_password_is_an_outage_that_does_not_tell_it(self, started, settings, caplog):
        wrong = started.url.replace(PASSWORD, "a-wrong-password")
        settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": wrong}}
        assert cache.get("user:1", "default") == "default"
        assert "a-wrong-password" not in caplog.text


class TestStaleEntries:
    @can_hang
    def test_what_was_deleted_during_an_outage_does_not_come_back(self, started):
        started.hang()
        cache.get("user:1")  # the loss is noticed, so the server never hears of what follows
        cache.delete("user:1")
        started.wake()
        seen = set()
        wait_until(lambda: seen.add(cache.get("user:1")) or cache.set("probe", 1))
        wait_until_used_again()
        seen.add(cache.get("user:1"))
        assert seen == {None}

    @can_hang
    def test_what_was_changed_during_an_outage_does_not_change_back(self, started):
        started.hang()
        cache.get("user:1")
        cache.set("user:1", "newer")
        started.wake()
        wait_until_used_again()
        assert cache.get("user:1") != "known"

    @can_hang
    def test_entries_of_other_projects_stay(self, started):
        started.client().set("camping:1:user:1", "theirs")
        started.hang()
        cache.get("user:1")
        started.wake()
        wait_until_used_again()
        assert started.client().get("camping:1:user:1") == b"theirs"

    @pytest.mark.parametrize(
        "entry",
        [
            pickle.dumps({"name": "John"}),
            pickle.dumps(RunsCode()),
            zlib.compress(pickle.dumps(RunsCode())),
            b"cos\n_exit\n(I3\ntR.",
            b"{",
        ],
    )
    def test_an_entry_that_is_no_json_is_missing_and_runs_nothing(self, started, caplog, entry):
        started.client().set("camp:1:user:1", entry)
        assert cache.get("user:1", "default") == "default"
        assert cache.get_many(["user:1"]) == {}
        assert "unreadable" in caplog.text
        assert cache.set("user:1", 2)
        assert cache.get("user:1") == 2
        assert not ran


@pytest.mark.urls(__name__)
class TestRequests:
    def seconds(self, client):
        """Return how long a request takes that asks the cache twenty times."""
        started = time.perf_counter()
        assert client.get("/busy/").status_code == 200
        return time.perf_counter() - started

    def together(self, client):
        """Return the seconds that eight such requests at once take."""
        waits = []
        threads = [
            threading.Thread(target=lambda: waits.append(self.seconds(client))) for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return waits

    @can_hang
    @pytest.mark.django_db
    def test_no_request_waits_longer_than_a_second_for_a_hung_server(self, started, client):
        usual = max(self.together(client))
        started.hang()
        assert max(self.together(client)) < usual + 1
        # From now on one request in RETRY_AFTER seconds makes an attempt.
        waits, deadline = [], time.monotonic() + 1.5
        while time.monotonic() < deadline:
            waits.append(self.seconds(client))
        assert statistics.median(waits) < 0.25

    def test_log_ins_and_log_outs_do_not_depend_on_redis(self, started, client, owner):
        client.force_login(owner)
        session = client.cookies["camp_session"].value
        started.kill()
        assert client.get("/who/").content == str(owner.pk).encode()
        client.logout()
        started.start()
        wait_until_used_again()
        # Somebody who copied the cookie
        client.cookies["camp_session"] = session
        assert client.get("/who/").content == b"None"
