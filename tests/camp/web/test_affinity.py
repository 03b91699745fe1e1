"""Threads of a worker process that compute pages stay on one processor."""

import os
import threading

import pytest

from camp.web import affinity
from files.models import File

pytestmark = [
    pytest.mark.machine,
    pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="Linux only"),
]


@pytest.fixture(autouse=True)
def home(monkeypatch):
    """A worker process, until the test ends."""
    everywhere = os.sched_getaffinity(0)
    if len(everywhere) < 2:
        pytest.skip("one processor")
    for name in ("_everywhere", "_home"):
        monkeypatch.setattr(affinity, name, frozenset())
    monkeypatch.setattr(affinity, "_own", threading.local())
    affinity.choose_home(1)
    yield sorted(everywhere)[1]
    os.sched_setaffinity(0, everywhere)


def test_a_page_is_computed_on_one_processor_and_a_change_on_any(client, db, home):
    client.get("/accounts/login/")
    assert os.sched_getaffinity(0) == {home}
    client.post("/accounts/login/", {"username": "nobody", "password": "wrong"})
    assert len(os.sched_getaffinity(0)) > 1


def test_a_file_is_sent_from_any_processor(client, owner, home, settings):
    (settings.LOCAL_STORAGE_PATH / "ab").mkdir(parents=True, exist_ok=True)
    (settings.LOCAL_STORAGE_PATH / "ab" / "letters").write_bytes(b"abc")
    file = File.objects.create(user=owner, filename="a.txt", size=3, storage_path="ab/letters")
    client.force_login(owner)
    response = client.get(f"/files/{file.pk}/download/")
    assert response.streaming
    assert len(os.sched_getaffinity(0)) > 1
    response.close()


def test_a_thread_started_by_a_page_can_use_all_processors(home):
    affinity.stay_home()
    seen = []

    def work():
        seen.append(os.sched_getaffinity(0))
        affinity.go_everywhere()
        seen.append(os.sched_getaffinity(0))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen[0] == {home}
    assert len(seen[1]) > 1


def test_without_a_worker_process_nothing_changes(monkeypatch, home):
    monkeypatch.setattr(affinity, "_home", frozenset())
    affinity.stay_home()
    assert len(os.sched_getaffinity(0)) > 1
