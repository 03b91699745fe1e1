"""How many worker processes `manage.py up` plans, and what each may do at once."""

import multiprocessing
import os
import subprocess
import sys

import pytest
from django.db import connection

from camp.config import resources
from camp.operations.server import workers


@pytest.fixture
def plan(db, monkeypatch):
    """A function that plans for a machine."""

    def plan(*given, count=4, hashes=8, connections=100):
        monkeypatch.setattr(workers, "count_processors", lambda: count)
        monkeypatch.setattr(workers.slots, "affordable_hashes", lambda: hashes)
        monkeypatch.setattr(workers, "available_connections", lambda: connections)
        return workers.plan_workers(*(given or (None, None)))

    return plan


@pytest.mark.postgresql
class TestPostgreSQL:
    def test_there_is_a_process_for_each_processor(self, plan):
        assert plan() == workers.WorkerPlan(4, 8, 2, "one for each processor")
        assert plan().describe() == "Worker processes: 4 (one for each processor)"

    def test_given_numbers_are_taken(self, plan):
        assert plan(3, 60) == workers.WorkerPlan(3, 20, 2, "")
        assert plan(16, None, hashes=1).hashes == 1

    def test_little_memory_or_few_connections_allow_fewer(self, plan):
        assert plan(hashes=2) == workers.WorkerPlan(2, 16, 1, "as many as the memory allows")
        few = plan(connections=9)
        assert (few.processes, few.threads) == (2, 4)
        assert few.reason == "as many as the database's connections allow"

    def test_the_database_says_how_many_connections_there_are(self, db):
        with connection.cursor() as cursor:
            cursor.execute("SHOW max_connections")
            most = int(cursor.fetchone()[0])
        assert 0 < workers.available_connections() < most


@pytest.mark.sqlite
def test_sqlite_has_one_process_whatever_is_asked_for(plan):
    for given in ((None, None), (4, None)):
        found = plan(*given)
        assert (found.processes, found.threads, found.hashes) == (1, 32, 8)
        assert "PostgreSQL" in found.describe()


@pytest.mark.machine
@pytest.mark.parametrize(
    ("line", "files", "expected"),
    [
        ("0::/a/b", {"a/b/cpu.max": "max 100000", "a/cpu.max": "150000 100000"}, 1.5),
        (
            "4:cpu,cpuacct:/",
            {"cpu/cpu.cfs_quota_us": "50000", "cpu/cpu.cfs_period_us": "100000"},
            0.5,
        ),
        (
            "4:cpu,cpuacct:/",
            {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"},
            None,
        ),
        ("0::/", {}, None),
    ],
)
def test_the_smallest_quota_of_the_control_groups_counts(tmp_path, line, files, expected):
    process, root = tmp_path / "cgroup", tmp_path / "fs"
    process.write_text(f"{line}\n")
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"{text}\n")
    assert min(resources.cgroup_quotas(process, root)) == (expected or float("inf"))
    assert 1 <= resources.count_processors() <= (resources.os.cpu_count() or 1)


def test_a_worker_takes_the_number_of_one_that_ended():
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    seats = multiprocessing.Array("i", [os.getppid(), ended.pid, 0])
    if sys.platform == "linux":
        assert workers.take_seat(seats) == 1
        assert seats[1] == os.getpid()
