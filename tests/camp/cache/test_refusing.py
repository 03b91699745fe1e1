"""Redis answers and refuses to write: it is a replica, full, cannot save, or may not be written."""

import shutil

import pytest
from django.core.cache import cache
from django.utils import translation

from camp.operations.diagnostics import cache as topic
from camp.web.findings import WARNING
from tests.camp.cache.redis_process import PASSWORD
from tests.camp.cache.test_outage import server, started, wait_until

__all__ = ["server", "started"]
pytestmark = [pytest.mark.fault, pytest.mark.django_db(transaction=True)]


def make_replica(process):
    process.client().replicaof("127.0.0.1", 1)


def fill(process):
    process.client().config_set("maxmemory", 1)


def break_saving(process):
    client = process.client()
    client.config_set("save", "900 1")
    shutil.rmtree(process.folder)
    client.bgsave()
    wait_until(lambda: client.info("persistence")["rdb_last_bgsave_status"] == "err")


def want_replicas(process):
    process.client().config_set("min-replicas-to-write", 1)


def forbid_writing(process):
    process.client().execute_command("ACL", "SETUSER", "default", "-@write")


# How a server comes to refuse, how it is let go, what doctor says, and its command.
WAYS = {
    "replica": (
        make_replica,
        lambda process: process.client().replicaof("NO", "ONE"),
        "is a replica, which is read-only",
        "INFO replication",
    ),
    "full": (
        fill,
        lambda process: process.client().config_set("maxmemory", 0),
        "is out of memory",
        "INFO memory",
    ),
    "cannot-save": (
        break_saving,
        lambda process: process.client().config_set("stop-writes-on-bgsave-error", "no"),
        "refuses to write (ResponseError, MISCONF)",
        "INFO persistence",
    ),
    "no-replicas": (
        want_replicas,
        lambda process: process.client().config_set("min-replicas-to-write", 0),
        "NOREPLICAS)",
        "INFO persistence",
    ),
    "no-permission": (
        forbid_writing,
        lambda process: process.client().execute_command("ACL", "SETUSER", "default", "+@all"),
        "has no permission to write",
        "ACL LIST",
    ),
}


@pytest.fixture(params=WAYS)
def way(request):
    return WAYS[request.param]


@pytest.fixture
def refusing(started, way, settings):
    """The server, which answers and refuses to write."""
    settings.REDIS_URL = started.url
    way[0](started)
    return started


def found():
    [finding] = topic.check_cache()
    return finding


def test_doctor_says_what_it_refuses_and_why(refusing, way):
    refused = found()
    assert refused.level == WARNING
    assert way[2] in refused.title
    assert refused.fix.startswith(f"redis-cli -h 127.0.0.1 -p {refusing.port} ")
    assert refused.fix.endswith(way[3])
    assert PASSWORD not in str(refused)
    way[1](refusing)
    assert "answers PONG" in found().title


def test_doctor_names_the_primary_of_a_replica(started, settings):
    settings.REDIS_URL = started.url
    make_replica(started)
    assert "127.0.0.1:1." in found().detail
    with translation.override("ja"):
        assert "レプリカ" in found().title


def test_an_account_confined_to_the_keys_of_camp_is_well(started, settings):
    rights = ("~camp:*", "&*", "+@all", "-@dangerous", "+info", "on", f">{PASSWORD}")
    started.client().execute_command("ACL", "SETUSER", "camp", *rights)
    settings.REDIS_URL = started.url.replace("redis://:", "redis://camp:")
    assert "answers PONG" in found().title


def test_ready_is_degraded_and_the_log_says_why(refusing, way, client, caplog):
    wait_until(lambda: client.get("/health/ready").json()["checks"]["cache"] == "degraded")
    answer = client.get("/health/ready")
    assert answer.status_code == 200
    assert answer.json()["status"] == "degraded"
    assert [line for line in caplog.messages if line.startswith("Redis refuses (")]
    assert PASSWORD not in caplog.text
    way[1](refusing)
    wait_until(lambda: client.get("/health/ready").json()["checks"]["cache"] == "ok")


def test_pages_work(refusing, client, owner):
    client.force_login(owner)
    for address in ("/", "/files/", "/sessions/", "/accounts/profile/"):
        assert client.get(address).status_code == 200


def test_the_first_refused_change_stops_the_reading_of_old_entries(refusing):
    assert cache.set("user:1", "newer") is False
    assert cache.get("user:1") is None


def test_it_is_used_again_when_it_takes_entries(refusing, way):
    cache.set("user:1", "newer")
    way[1](refusing)
    wait_until(lambda: cache.set("user:1", "newest"))
    assert cache.get("user:1") == "newest"
