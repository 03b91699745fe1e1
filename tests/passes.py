"""The two passes of `manage.py test`: pytest on SQLite, and on PostgreSQL with Redis.

Django loads its settings once, so each pass is a process. Both run at the same time; the
output of the second is printed after that of the first.
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
COLUMNS = ("passed", "failed", "skipped")
INTERRUPTED = 130


@dataclass
class Pass:
    """The result of pytest on one backend."""

    name: str
    code: int = 1
    seconds: float = 0.0
    counts: dict = field(default_factory=lambda: dict.fromkeys(COLUMNS, 0))
    servers: list = field(default_factory=list)
    started: bool = False

    @property
    def problem(self):
        """A sentence about what went wrong besides failed tests, or ""."""
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
    """Run pytest with `arguments` on each backend, or `only` on the one named.

    `say` prints one line. Returns the exit code.
    """
    backends = [backend for backend in BACKENDS if only in (None, backend)]
    with tempfile.TemporaryDirectory(prefix="camp-passes-") as folder:
        say(_("Testing on %(name)s") % {"name": BACKENDS[backends[0]]})
        running = [
            RunningPass(backend, arguments, folder=Path(folder), captured=number > 0)
            for number, backend in enumerate(backends)
        ]
        with forwarding_sigterm(running) as interruptions:
            results = [running[0].wait(interruptions)]
            for other in running[1:]:
                say(_("Testing on %(name)s") % {"name": other.result.name})
                results.append(other.wait(interruptions))
                say(other.output())
    for line in summary_lines(results):
        say(line)
    if interruptions:
        return INTERRUPTED
    return 1 if any(result.code or result.problem for result in results) else 0


class RunningPass:
    """A pytest process; if `captured`, its output goes to a file in `folder`."""

    def __init__(self, backend, arguments, *, folder, captured):
        self.result = Pass(BACKENDS[backend])
        self.result_file = folder / f"{backend}.json"
        self.log = folder / f"{backend}.log"
        # Otherwise pytest looks for its configuration beside the files that are named.
        command = [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml"), *arguments]
        environment = os.environ | {
            "CAMP_TEST_BACKEND": backend,
            "CAMP_TEST_RESULT": str(self.result_file),
        }
        with self.log.open("w") as log:
            to_log = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": subprocess.STDOUT}
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=environment, **(to_log if captured else {})
            )

    def wait(self, interruptions):
        """Wait for the end; return the Pass.

        The terminal sends Ctrl-C to pytest as well; here it is only added to `interruptions`.
        """
        while True:
            try:
                self.result.code = self.process.wait()
                break
            except KeyboardInterrupt:
                interruptions.append("SIGINT")
        if self.result_file.exists():
            written = json.loads(self.result_file.read_text(encoding="utf-8"))
            self.result.counts |= written["counts"]
            self.result.servers, self.result.started = written["servers"], True
            self.result.seconds = written["seconds"]
        return self.result

    def output(self):
        """Return the captured output."""
        return self.log.read_text(encoding="utf-8", errors="replace").rstrip()


@contextlib.contextmanager
def forwarding_sigterm(running):
    """Forward SIGTERM to the passes so that each stops its servers; yields a list of signals."""
    interruptions = []

    def forward(*_):
        interruptions.append("SIGTERM")
        for one in running:
            one.process.terminate()

    previous = signal.signal(signal.SIGTERM, forward)
    try:
        yield interruptions
    finally:
        signal.signal(signal.SIGTERM, previous)


def summary_lines(results):
    """Return the last lines of the command: a table, what went wrong, the totals."""
    head = ["", _("passed"), _("failed"), _("skipped"), _("time"), _("servers")]
    rows = [
        [
            result.name,
            *(str(result.counts[column]) for column in COLUMNS),
            f"{result.seconds:.0f} s",
            ", ".join(result.servers),
        ]
        for result in results
    ]
    totals = (f"{sum(result.counts[column] for result in results)} {column}" for column in COLUMNS)
    problems = [result.problem for result in results if result.problem]
    # The last line is for machines: English in every language.
    return ["", *format_table([head, *rows]), "", *problems, ", ".join(totals)]


def format_table(rows):
    """Return the lines of a table: first and last column left-aligned, the others right-aligned."""
    widths = [max(map(terminal_width, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        padding = [
            " " * (width - terminal_width(cell)) for cell, width in zip(row, widths, strict=True)
        ]
        first, *middle = row[:-1]
        numbers = [space + cell for space, cell in zip(padding[1:-1], middle, strict=True)]
        lines.append("  ".join([first + padding[0], *numbers, row[-1]]).rstrip())
    return lines


def terminal_width(text):
    """Return the columns that `text` takes in a terminal: East Asian wide characters take two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
