"""Work that an answer does not wait for."""

import os
import subprocess
import sys
import threading

import pytest

from camp.web import background

SCRIPT = """
import time
import django
django.setup()
from camp.web import background
background.run("slow", lambda: (time.sleep(1), print("done")))
background.run("wrong", lambda: 1 / 0)
background.run("last", lambda: print("last"))
"""


@pytest.fixture
def threaded(settings):
    settings.BACKGROUND_JOBS_INLINE = False
    yield
    assert background.drain(20) == 0


def test_jobs_are_done_in_order(threaded):
    done = []
    for number in range(5):
        background.run("number", lambda number=number: done.append(number))
    assert background.drain(20) == 0
    assert done == [0, 1, 2, 3, 4]


def test_a_job_that_fails_is_logged_without_what_it_says(threaded, caplog):
    def fail():
        raise ValueError("somebody@example.org")

    background.run("a job", fail)
    assert background.drain(20) == 0
    assert "Not done: a job (ValueError)" in caplog.text
    assert "somebody" not in caplog.text


def test_too_many_jobs_are_refused_and_logged(threaded, caplog, monkeypatch):
    monkeypatch.setattr(background, "PAUSE_SECONDS", 0)
    go = threading.Event()
    background.run("first", lambda: go.wait(20))
    for _ in range(background.WAITING + 1):
        background.run("more", lambda: None)
    go.set()
    assert "Too much work waits already. Not done: more" in caplog.text


def test_what_waits_is_done_before_the_process_ends(tmp_path):
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "camp.settings",
        "CAMP_DATA_DIR": str(tmp_path),
        "CAMP_ENV_FILES": "",
    }
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["done", "last"]
    assert "ZeroDivisionError" in done.stderr
