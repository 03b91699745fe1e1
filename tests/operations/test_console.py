"""How far a long command is, at a terminal and in a log."""

import io
import re

import pytest
from django.core.management.base import OutputWrapper

from camp.operations import console
from camp.operations.console import Progress


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """A clock that goes by itself only: change `now`."""

    class Clock:
        now = 100.0

    monkeypatch.setattr(console.time, "monotonic", lambda: Clock.now)
    return Clock


def test_a_terminal_sees_one_line_that_renews_itself(clock):
    stream = Terminal()
    with Progress(stream, 4 * 2**20, "Files") as shown:
        clock.now += 2
        shown.add(2**20)
        clock.now += 0.01
        shown.add(2**20)  # too soon for another look
        clock.now += 1.99
        shown.add(2 * 2**20)
    lines = stream.getvalue().split("\r")
    assert lines[1].strip() == "Files:  25%, 1 MiB of 4 MiB, 512 KiB/s, 0:06 left"
    assert lines[-1].rstrip() == "Files: 100%, 4 MiB of 4 MiB, 1 MiB/s"
    assert stream.getvalue().count("\n") == 1
    assert len(lines[2]) >= len(lines[1]), "the end of the longer line stays visible"


def test_a_log_gets_one_line_at_the_end(clock):
    stream = io.StringIO()
    with Progress(OutputWrapper(stream), 50, "Rows", unit="rows") as shown:
        for _number in range(50):
            clock.now += 1.4
            shown.add(1)
    assert stream.getvalue() == "Rows: 50 rows, 1:10, 1 rows/s\n"


def test_what_fails_is_not_said_to_be_done():
    stream = io.StringIO()
    with pytest.raises(ValueError, match="lost"), Progress(stream, 50, "Files"):
        raise ValueError("lost")
    assert stream.getvalue() == ""


def test_more_than_was_foretold_is_no_more_than_all(clock):
    stream = Terminal()
    with Progress(OutputWrapper(stream), 10, "Files") as shown:
        clock.now += 1
        shown.add(30)
    assert re.search(r"100%, 30 bytes of 10 bytes, 30 bytes/s *\n$", stream.getvalue())


@pytest.mark.parametrize(("seconds", "words"), [(0.4, "0:00"), (75, "1:15"), (7322, "2:02:02")])
def test_time_is_written_like_a_clock(seconds, words):
    assert console.format_duration(seconds) == words
