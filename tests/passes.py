"""The two passes of `manage.py test`: pytest on SQLite, and on PostgreSQL with Redis.

Each pass is a process of its own, since Django reads its settings once. They run at the
same time, and what the second prints follows the first.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path

from django.utils.translation import gettext as _

ROOT = Path(__file__).resolve().parent.parent
BACKENDS = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
COUNTED = ("passed", "failed", "skipped")
INTERRUPTED = 130


@dataclass
class Pass:
    """One run of the suite, and how it ended."""

    name: str
    code: int = 1
    seconds: float = 0.0
    counts: dict = field(default_factory=lambda: dict.fromkeys(COUNTED, 0))
    servers: list = field(default_factory=list)
    started: bool = False

    @property
    def problem(self):
        """What went wrong besides failed tests, as a sentence, or ""."""
        if not self.started:
            return _("%(name)s: the suite did not start; why is above.") % {"name": self.name}
        if not self.counts["passed"] and not self.counts["failed"]:
            return _("%(name)s: no test ran.") % {"name": self.name}
        if self.code and not self.counts["failed"]:
            return _("%(name)s: pytest ended with code %(code)s.") % {
                "name": self.name,
                "code": self.code,
            }
        return ""


def run(arguments, *, only, say):
    """Run the passes, pytest's `arguments` given to each; return the exit code.

    `only` names one backend, or is None for both. `say` prints one line.
    """
    backends = [backend for backend in BACKENDS if only in (None, backend)]
    with tempfile.TemporaryDirectory(prefix="camp-passes-") as folder:
        say(_("Testing on %(name)s") % {"name": BACKENDS[backends[0]]})
        running = [
            RunningPass(backend, arguments, folder=Path(folder), aside=number > 0)
            for number, backend in enumerate(backends)
        ]
        with cleaning_up(running) as interrupted:
            done = [running[0].wait(interrupted)]
            for one in running[1:]:
                say(_("Testing on %(name)s") % {"name": one.result.name})
                done.append(one.wait(interrupted))
                say(one.output())
    for line in summary(done):
        say(line)
    if interrupted:
        return INTERRUPTED
    return 1 if any(one.code or one.problem for one in done) else 0


class RunningPass:
    """Pytest on one backend, started; what it prints `aside` is kept until asked for."""

    def __init__(self, backend, arguments, *, folder, aside):
        self.result = Pass(BACKENDS[backend])
        self.told = folder / f"{backend}.json"
        self.log = folder / f"{backend}.log"
        # The configuration is named, since pytest looks for it beside the files it is given.
        command = [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml"), *arguments]
        backends = {"CAMP_TEST_BACKEND": backend, "CAMP_TEST_RESULT": str(self.told)}
        with self.log.open("w") as log:
            apart = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": subprocess.STDOUT}
            self.child = subprocess.Popen(
                command, cwd=ROOT, env={**os.environ, **backends}, **(apart if aside else {})
            )

    def wait(self, interrupted):
        """Return the Pass at its end; Ctrl-C reaches pytest by itself, and is noted."""
        while True:
            try:
                self.result.code = self.child.wait()
                break
            except KeyboardInterrupt:
                interrupted.append(True)
        if self.told.exists():
            told = json.loads(self.told.read_text(encoding="utf-8"))
            self.result.counts |= told["counts"]
            self.result.servers, self.result.started = told["servers"], True
            self.result.seconds = told["seconds"]
        return self.result

    def output(self):
        """Return what pytest printed aside."""
        return self.log.read_text(encoding="utf-8", errors="replace").rstrip()


@contextlib.contextmanager
def cleaning_up(running):
    """Pass SIGTERM on to the passes, so that each stops its servers; yields a list of signals."""
    interrupted = []

    def pass_on(*_):
        interrupted.append(True)
        for one in running:
            one.child.terminate()

    before = signal.signal(signal.SIGTERM, pass_on)
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGTERM, before)


def summary(done):
    """Return the lines that end the command: a table, what went wrong, the sums."""
    head = ["", _("passed"), _("failed"), _("skipped"), _("time"), _("servers")]
    rows = [
        [
            one.name,
            *(str(one.counts[word]) for word in COUNTED),
            f"{one.seconds:.0f} s",
            ", ".join(one.servers),
        ]
        for one in done
    ]
    sums = (f"{sum(one.counts[word] for one in done)} {word}" for word in COUNTED)
    problems = [one.problem for one in done if one.problem]
    # In English whatever the language: machines read the last line.
    return ["", *table([head, *rows]), "", *problems, ", ".join(sums)]


def table(rows):
    """Return the lines of a table: first and last column to the left, numbers to the right."""
    widths = [max(map(width, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [" " * (most - width(text)) for text, most in zip(row, widths, strict=True)]
        first, *middle = row[:-1]
        numbers = [space + text for text, space in zip(middle, cells[1:-1], strict=True)]
        lines.append("  ".join([first + cells[0], *numbers, row[-1]]).rstrip())
    return lines


def width(text):
    """Return how many columns of a terminal `text` takes; a Japanese letter takes two."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)
