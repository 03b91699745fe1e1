"""`manage.py doctor`: what it prints, its exit code, and that it never hangs."""

import io
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import translation

from camp.operations.diagnostics import doctor, runner
from camp.web.findings import ERROR, OK, WARNING, Finding

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def topics(monkeypatch):
    """A function that adds a topic to a list of this test's own."""
    monkeypatch.setattr(runner, "TOPICS", ())

    def add(name, check, **options):
        topics = (*runner.TOPICS, runner.Topic(name, check, **options))
        monkeypatch.setattr(runner, "TOPICS", topics)

    return add


def finding(level, title="A title", **fields):
    return Finding("an.id", level, title, **fields)


def run(*arguments, stream=None):
    """Run the command; returns what it printed and its exit code."""
    stream = stream or io.StringIO()
    try:
        call_command("doctor", *arguments, stdout=stream, no_color=True)
    except SystemExit as stopped:
        return stream, stopped.code
    return stream, 0


def process(*arguments, **environment):
    """Run manage.py doctor as a process of its own."""
    return subprocess.run(
        [sys.executable, ROOT / "manage.py", "doctor", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=60,
    )


class TestCommand:
    def test_a_line_for_each_finding_with_what_mends_it(self, topics):
        topics("one", lambda: [finding(OK, "Fine")])
        topics("two", lambda: [finding(WARNING, "Not\nso fine", fix="see to it")])
        topics("three", lambda: [finding(ERROR, "Bad", detail="Very bad.", fix="mend it")])
        printed, code = run()
        assert printed.getvalue().splitlines() == [
            "✓ Fine",
            "! Not so fine → see to it",
            "✗ Bad. Very bad. → mend it",
            "1 fault, 1 warning.",
        ]
        assert code == 1

    def test_a_warning_is_no_failure(self, topics):
        topics("one", lambda: [finding(WARNING)])
        assert run()[1] == 0

    def test_all_well(self, topics):
        topics("one", lambda: [finding(OK)])
        printed, code = run()
        assert printed.getvalue().splitlines()[-1] == "No problems found."
        assert code == 0

    @pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
    def test_a_terminal_without_such_letters_gets_others(self, topics, encoding):
        topics("one", lambda: [finding(ERROR, "A folder: 地図", fix="mend it")])
        stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
        run(stream=stream)
        stream.seek(0)
        assert stream.readline() == "x A folder: \\u5730\\u56f3 -> mend it\n"

    def test_json_is_all_that_is_printed(self, topics):
        topics("one", lambda: [finding(OK), finding(ERROR, fix="mend it")])
        printed, code = run("--json")
        told = json.loads(printed.getvalue())
        assert told["summary"] == {"healthy": False, "ok": 1, "warning": 0, "error": 1}
        assert told["findings"][1]["id"] == "an.id"
        assert told["findings"][1]["fix"] == "mend it"
        assert code == 1

    def test_settings_that_are_refused_are_a_finding(self):
        done = process("--json", DEBUG="ture")
        assert done.returncode == 1
        [only] = json.loads(done.stdout)["findings"]
        assert only["id"] == "settings"
        assert only["level"] == "error"
        assert "DEBUG must be on or off" in only["title"]
        assert done.stderr == ""

    def test_all_the_rest_is_told_while_the_database_is_away(self, tmp_path):
        done = process(
            "--json",
            DATABASE_URL="postgresql://camp:s3cret%40word@127.0.0.1:1/camp_backend_db",
            REDIS_URL="redis://:other-s3cret@127.0.0.1:1/0",
            SECRET_KEY="hunter2-Zq7vR2mXw9Lb4Ty8Kd3Hn6Pf1Sg5Jc0",
            CAMP_DATA_DIR=str(tmp_path),
            CAMP_HTTPS="on",
            DEBUG="on",  # a system check that fails
        )
        assert done.returncode == 1
        levels = {each["id"]: each["level"] for each in json.loads(done.stdout)["findings"]}
        assert levels["database.connection"] == levels["safety.debug"] == "error"
        assert levels["cache"] == "warning"
        assert levels["versions"] == "ok"
        assert "storage.room" in levels
        for secret in ("s3cret", "hunter2"):
            assert secret not in done.stdout + done.stderr


class TestGathering:
    def test_what_hangs_is_told_and_leaves_the_others(self, topics):
        release = threading.Event()
        topics("hangs", lambda: [finding(OK)] * release.wait(20))
        topics("other", lambda: [finding(OK, "Fine")])
        told = runner.run_topics(time_limit=0.2)
        release.set()
        assert [(each.id, each.level) for each in told] == [("hangs", WARNING), ("an.id", OK)]
        assert "takes too long" in told[0].title

    def test_what_raises_is_told_and_leaves_the_others(self, topics):
        topics("raises", lambda: 1 / 0)
        topics("other", lambda: [finding(OK, "Fine")])
        raised, fine = runner.run_topics()
        assert (raised.id, raised.level) == ("raises", WARNING)
        assert "division" in raised.title
        assert fine.title == "Fine"

    def test_what_needs_the_database_is_left_out_without_one(self, topics):
        topics("needs", lambda: [finding(OK, "needed")], needs_database=True)
        topics("database", lambda: [finding(ERROR, "away")])
        assert [each.title for each in runner.run_topics()] == ["away"]

    def test_a_database_that_hangs_is_an_error(self, topics):
        release = threading.Event()
        topics("database", lambda: [finding(OK)] * release.wait(20))
        topics("needs", lambda: [finding(OK)], needs_database=True)
        told = runner.run_topics(time_limit=0.2)
        release.set()
        assert [(each.id, each.level) for each in told] == [("database", ERROR)]

    def test_pages_leave_the_slow_ones_out(self, topics):
        topics("quick", lambda: [finding(WARNING, "quick")])
        topics("slow", lambda: [finding(WARNING, "slow")], slow=True)
        assert [each["title"] for each in runner.find_problems("en")] == ["quick"]

    def test_findings_are_in_the_readers_language(self, topics):
        topics("one", lambda: [finding(OK, translation.get_language())])
        with translation.override("ja"):
            assert runner.run_topics()[0].title == "ja"

    @pytest.mark.django_db(transaction=True)
    def test_each_topic_of_camp_has_something_to_say(self):
        told = {each.id.partition(".")[0]: each for each in runner.run_topics()}
        expected = {"versions", "database", "schema", "cache", "storage", "safety"}
        assert expected | {"backup", "files"} <= told.keys()
        assert [each for each in told.values() if "The check of" in each.title] == []
        assert all(each.fix for each in told.values() if each.level != OK)


@pytest.mark.django_db(transaction=True)
def test_a_migrated_instance_is_well():
    told = runner.run_topics()
    # How much room there is, is the machine's affair.
    wrong = [each for each in told if each.level != OK and each.id != "storage.room"]
    assert wrong == []
    assert any(connection.vendor in each.title.lower() for each in told)


def test_the_summary_counts():
    told = [finding(ERROR), finding(ERROR), finding(WARNING), finding(OK)]
    assert doctor.summarize(told) == "2 faults, 1 warning."
